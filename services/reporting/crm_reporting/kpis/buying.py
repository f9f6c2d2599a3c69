"""Do customers come back, and what is that worth? KPIs 8, 9, 10, 14, 16, 17, 20, 89, 112."""

from crm_reporting.kpis.definition import FACT, HERE, IN_PERIOD, JOIN, KNOWN, PURCHASES, ROOT, Kpi

_MONTH = "to_char(occurred_at at time zone 'UTC', 'YYYY-MM')"
_STOOD = """
select event_id, source, position, n, occurred_at, recorded_at, root,
    occurred_at <= $3 as at_start, occurred_at > $1 - $4 as at_end
from purchased where occurred_at > $3 - $4 and (occurred_at <= $3 or occurred_at > $1 - $4)
"""
_CUSTOMER = "select g, root, bool_or(at_start) as s, bool_or(at_end) as e from counted group by g, root"

RETENTION = Kpi(
    "retention_rate", "K8", "percent", "Of the customers active at the start, those still active at the end, ×100. Active = a paid purchase within W before.",
    before=PURCHASES, counted=_STOOD, over=_CUSTOMER,
    numerator="count(*) filter (where s and e)", denominator="count(*) filter (where s)", value="100.0 * num / den",
)  # fmt: skip
CHURN = Kpi(
    "churn_rate", "K9", "percent", "Of the customers active at the start, those no longer active at the end, ×100: what retention_rate leaves of 100.",
    before=PURCHASES, counted=_STOOD, over=_CUSTOMER,
    numerator="count(*) filter (where s and not e)", denominator="count(*) filter (where s)", value="100.0 * num / den",
)  # fmt: skip
NEW = Kpi(
    "new_customers", "K10", "customers", "Customers whose first paid purchase lies in the period. `by=source`: where their contact came from.",
    before=f"""{PURCHASES},
registered as (
    select distinct on (root) {ROOT} as root, f.origin from {{build}}.stage_entry f {JOIN}
    where f.funnel = 'lifecycle' and f.stage = 'registered' and {KNOWN} order by root, f.occurred_at, f.position)""",
    counted=f"""
    select * from (select distinct on (p.root) p.*, registered.origin from purchased p left join registered on registered.root = p.root
      order by p.root, p.occurred_at, p.position) first where {HERE}""",
    numerator="count(*)", denominator="1", value="num", by={"source": "origin", "month": _MONTH},
)  # fmt: skip
REPEAT = Kpi(
    "repeat_purchase_rate", "K14", "ratio", "Customers with two purchases and more within W before the end ÷ customers with one and more.",
    before=PURCHASES, counted="select * from purchased where occurred_at > $1 - $4",
    over="select g, root, count(*) as times from counted group by g, root",
    numerator="count(*) filter (where times >= 2)", denominator="count(*)",
)  # fmt: skip
INTERVAL = Kpi(
    "purchase_interval", "K16", "days", "Mean days between a customer's consecutive purchases, the later one in the period; the median beside it.",
    before=PURCHASES,
    counted=f"""
    select * from (select *, extract(epoch from occurred_at - lag(occurred_at) over (partition by root order by occurred_at, position)) / 86400.0 as days
      from purchased) spaced where days is not null and {HERE}""",
    numerator="sum(days)::float8", denominator="count(*)", also={"median": "percentile_cont(0.5) within group (order by days)"}, by={"month": _MONTH},
)  # fmt: skip
REPEAT_REVENUE = Kpi(
    "repeat_revenue_share", "K17", "ratio", "Revenue of purchases that are not their customer's first ÷ revenue, of the period's sales, per currency.",
    before=PURCHASES,
    counted=f"""
    select * from (select *, row_number() over (partition by root order by occurred_at, position) > 1 as again from purchased) told
    where {HERE}""",
    numerator="coalesce(sum(paid) filter (where again), 0)", denominator="sum(paid)", by={"currency": "currency", "month": _MONTH}, money=True,
)  # fmt: skip
INTERACTIONS = Kpi(
    "interactions_per_customer", "K20", "ratio",
    "Interactions in the period ÷ customers with any interaction, ticket message or purchase within W before its end.",
    before=PURCHASES,
    counted=f"""
    select {FACT}, {ROOT} as root, {IN_PERIOD} as here, f.channel, f.direction
    from {{build}}.interaction f {JOIN} where {KNOWN} and ({IN_PERIOD} or f.occurred_at > $1 - $4 and f.occurred_at <= $1)
    union all
    select {FACT}, {ROOT}, false, null, null from {{build}}.message f {JOIN} where {KNOWN} and f.occurred_at > $1 - $4 and f.occurred_at <= $1
    union all
    select event_id, source, position, n, occurred_at, recorded_at, root, false, null, null from purchased where occurred_at > $1 - $4""",
    numerator="count(*) filter (where here)", denominator="(select count(distinct root) from counted where occurred_at > $1 - $4)",
    by={"channel": "channel", "direction": "direction"},
)  # fmt: skip
REVENUE = Kpi(
    "revenue_per_customer", "K89", "minor_units", "Net revenue of the period (sales less returns) ÷ customers active at its end, per currency.",
    before=PURCHASES,
    counted=f"""
    select {FACT}, {ROOT} as root, f.currency, f.paid_amount as paid, f.category, f.channel
    from {{build}}.transaction_line f {JOIN} where {KNOWN} and {IN_PERIOD}""",
    numerator="coalesce(sum(paid), 0)", denominator="(select count(*) from active)", by={"currency": "currency"}, money=True,
)  # fmt: skip
RFM = Kpi(
    "rfm", "K112", "customers", "How many customers have bought by the period's end, and in groups how many score each recency-frequency-monetary cell.",
    before=PURCHASES, counted="select * from purchased",
    numerator="count(distinct root)", denominator="1", value="num",
)  # fmt: skip
