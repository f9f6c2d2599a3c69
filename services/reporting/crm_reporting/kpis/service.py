"""Were customers answered in time, and were they content? KPIs 1, 34, 36, 37, 44. A measure told again counts in its highest revision that was known."""

from crm_reporting.kpis.definition import FACT, HERE, IN_PERIOD, JOIN, KNOWN, PURCHASES, ROOT, Kpi

_SPREAD = {"median": "percentile_cont(0.5) within group (order by minutes)", "p90": "percentile_cont(0.9) within group (order by minutes)",
           "mean": "avg(minutes)::float8"}  # fmt: skip

_LATER = "(l.revision, l.position) > (f.revision, f.position) and l.recorded_at <= $2"

CSAT = Kpi(
    "csat", "K1", "percent", "Scores of 4 and 5 ÷ all scores of tickets, ×100; the mean score beside it.",
    counted=f"""
    select {FACT}, {ROOT} as root, f.score, f.channel, f.agent_id, f."group", f.category from {{build}}.rating f {JOIN}
    where f.kind = 'csat' and {KNOWN} and {IN_PERIOD} and not exists (
        select from {{build}}.rating l where l.subject_id = f.subject_id and l.kind = f.kind and {_LATER})""",
    numerator="count(*) filter (where score >= 4)", denominator="count(*)", value="100.0 * num / den", also={"mean": "avg(score)::float8"},
    by={"channel": "channel", "agent": "agent_id", "group": '"group"', "category": "category"},
)  # fmt: skip
FIRST_REPLY = Kpi(
    "first_reply_time", "K34", "minutes", "Median business minutes from opening to the first public answer of an agent; 90th percentile and mean beside it.",
    counted=f"""
    select {FACT}, {ROOT} as root, f.business_seconds / 60.0 as minutes, f.channel, f.agent_id from {{build}}.ticket_step f {JOIN}
    where f.step = 'first_response' and {KNOWN} and {IN_PERIOD} and not exists (
        select from {{build}}.ticket_step l where l.ticket_id = f.ticket_id and l.step = f.step and {_LATER})""",
    numerator="sum(minutes)::float8", denominator="count(*)", value=_SPREAD["median"], also=_SPREAD, by={"channel": "channel", "agent": "agent_id"},
)  # fmt: skip
_MEASURES = ", ".join(
    f"('{measure}_business', f.{measure}_business_seconds), ('{measure}', f.{measure}_seconds)" for measure in ("resolution", "requester_wait", "agent_work")
)
RESOLUTION = Kpi(
    "resolution_time", "K36", "minutes",
    "Median minutes by the wall clock from opening to the last resolution, of tickets resolved in the period; `by=measure` tells requester wait, agent work "
    "and the business minutes of each.",
    counted=f"""
    select {FACT}, {ROOT} as root, o.kind, o.priority, o.category, o.agent_id, m.measure, m.seconds / 60.0 as minutes
    from (select distinct on (ticket_id) * from {{build}}.ticket_step f
      where f.step = 'resolved' and {KNOWN} and {IN_PERIOD} order by ticket_id, attempt desc, revision desc, position desc) f
    {JOIN} cross join lateral (values {_MEASURES}) m(measure, seconds)
    left join lateral (select * from {{build}}.ticket_step o where o.ticket_id = f.ticket_id and o.step = 'resolved' and o.attempt = f.attempt
      and o.kind is not null and o.recorded_at <= $2 order by o.position limit 1) o on true  -- a measure told again says the numbers alone
    where m.seconds is not null""",
    main={"measure": "measure = 'resolution'"},
    numerator="sum(minutes)::float8", denominator="count(*)", value=_SPREAD["median"], also=_SPREAD,
    by={"measure": "measure", "kind": "kind", "priority": "priority", "category": "category", "agent": "agent_id"},
)  # fmt: skip
SLA = Kpi(
    "sla_compliance", "K37", "ratio", "Promises kept ÷ promises judged. A cancelled clock has no verdict and is not counted.",
    counted=f"""
    select {FACT}, {ROOT} as root, f.kept, f.kind as metric, f.priority, f.policy, f.agent_id, f.calendar from {{build}}.verdict f {JOIN}
    where f.kind not in ('follow_up', 'notice') and {KNOWN} and {IN_PERIOD} and not exists (
        select from {{build}}.verdict l
        where l.subject_id = f.subject_id and l.kind = f.kind and l.instance = f.instance and {_LATER})""",
    numerator="count(*) filter (where kept)", denominator="count(*)",
    by={"metric": "metric", "priority": "priority", "policy": "policy", "agent": "agent_id", "calendar": "calendar"},
)  # fmt: skip
COMPLAINTS = Kpi(
    "complaint_rate", "K44", "per_100_customers", "Complaints opened in the period per 100 customers active at its end; per 1,000 purchases beside it.",
    before=PURCHASES,
    counted=f"""
    select {FACT}, {ROOT} as root, f.channel, f.category, f.product from {{build}}.ticket_step f {JOIN}
    where f.step = 'opened' and f.kind = 'complaint' and {KNOWN} and {IN_PERIOD}""",
    numerator="count(*)", denominator="(select count(*) from active)", value="100.0 * num / den",
    also={"per_1000_purchases": f"1000.0 * count(*) / nullif((select count(*) from purchased where {HERE}), 0)"},
    by={"channel": "channel", "category": "category", "product": "product"},
)  # fmt: skip
