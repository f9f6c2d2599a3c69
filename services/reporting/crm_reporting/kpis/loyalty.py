"""What do points and discounts do? KPIs 74, 75, 79."""

from crm_reporting.kpis.definition import FACT, IN_PERIOD, JOIN, KNOWN, ROOT, Kpi

EARN = Kpi(
    "earn_rate", "K74", "points_per_minor_unit", "Points issued for purchases ÷ what members of a programme spent on them (minor units), per currency.",
    counted=f"""
    select {FACT}, {ROOT} as root, f.points, 0::bigint as paid, f.programme, t.currency from {{build}}.lot_movement f {JOIN}
    join lateral (select currency from {{build}}.transaction_line t where t.transaction_id = f.transaction_id and t.kind = 'sale' limit 1) t on true
    where f.from_account = 'issued' and f.transaction_id is not null and {KNOWN} and {IN_PERIOD}
    union all
    select {FACT}, {ROOT}, 0, f.paid_amount, e.origin, f.currency from {{build}}.transaction_line f {JOIN}
    join lateral (select origin from {{build}}.stage_entry e where e.funnel = 'membership' and e.subject_id = f.member_id and e.origin is not null limit 1) e
      on true
    where f.kind = 'sale' and {KNOWN} and {IN_PERIOD}""",
    numerator="sum(points)::bigint", denominator="sum(paid)::bigint", by={"programme": "programme", "currency": "currency"}, money=True,
)  # fmt: skip
REDEMPTION = Kpi(
    "redemption_rate", "K75", "ratio", "Of the points earned in the period: redeemed (less redemptions taken back) ÷ issued; `by=month` tells the cohorts.",
    counted=f"""
    select {FACT}, {ROOT} as root, f.points, f.from_account, f.to_account, f.programme, to_char(f.earned_at at time zone 'UTC', 'YYYY-MM') as month
    from {{build}}.lot_movement f {JOIN}
    where f.earned_at >= $3 and f.earned_at < $1 and {KNOWN} and (f.from_account in ('issued', 'redeemed') or f.to_account = 'redeemed')""",
    numerator="(coalesce(sum(points) filter (where to_account = 'redeemed'), 0) - coalesce(sum(points) filter (where from_account = 'redeemed'), 0))::bigint",
    denominator="coalesce(sum(points) filter (where from_account = 'issued'), 0)::bigint", by={"month": "month", "programme": "programme"},
)  # fmt: skip
DISCOUNT = Kpi(
    "discount_rate", "K79", "ratio", "Σ (list − paid) ÷ Σ list of the period's sales, per currency.",
    counted=f"""
    select {FACT}, {ROOT} as root, f.list_amount, f.paid_amount, f.currency, f.seller_id, f.discount_reason, f.category, f.channel
    from {{build}}.transaction_line f {JOIN} where f.kind = 'sale' and {KNOWN} and {IN_PERIOD}""",
    numerator="sum(list_amount - paid_amount)::bigint", denominator="sum(list_amount)::bigint",
    by={"currency": "currency", "seller": "seller_id", "reason": "discount_reason", "category": "category",
        "channel": "channel", "customer": "root::text"}, money=True,
)  # fmt: skip
