"""What do points and discounts do? KPIs 74, 75, 79."""

from crm_reporting.kpis.definition import FACT, IN_PERIOD, JOIN, KNOWN, ROOT, Kpi

EARN = Kpi(
    "earn_rate", "K74", "points_per_minor_unit", "Points issued for purchases ÷ what members of a programme spent on them (minor units), per currency.",
    before="""
sold as (select transaction_id, min(currency) as currency from {build}.transaction_line where kind = 'sale' group by transaction_id),
enrolled as (select subject_id, min(origin) as origin from {build}.stage_entry where funnel = 'membership' and origin is not null group by subject_id)""",
    counted=f"""
    select {FACT}, {ROOT} as root, f.points, 0::bigint as paid, f.programme, t.currency from {{build}}.lot_movement f {JOIN}
    join sold t on t.transaction_id = f.transaction_id
    where f.from_account = 'issued' and f.transaction_id is not null and {KNOWN} and {IN_PERIOD}
    union all
    select {FACT}, {ROOT}, 0, f.paid_amount, e.origin, f.currency from {{build}}.transaction_line f {JOIN}
    join enrolled e on e.subject_id = f.member_id
    where f.kind = 'sale' and {KNOWN} and {IN_PERIOD}""",
    numerator="coalesce(sum(points), 0)", denominator="sum(paid)", by={"programme": "programme", "currency": "currency"}, money=True,
)  # fmt: skip
REDEMPTION = Kpi(
    "redemption_rate", "K75", "ratio", "Of the points earned in the period: redeemed (less redemptions taken back) ÷ issued; `by=month` tells the cohorts.",
    counted=f"""
    select {FACT}, {ROOT} as root, f.points, f.from_account, f.to_account, f.programme, to_char(f.earned_at at time zone 'UTC', 'YYYY-MM') as month
    from {{build}}.lot_movement f {JOIN}
    where f.earned_at >= $3 and f.earned_at < $1 and {KNOWN} and (f.from_account in ('issued', 'redeemed') or f.to_account = 'redeemed')""",
    numerator="(coalesce(sum(points) filter (where to_account = 'redeemed'), 0) - coalesce(sum(points) filter (where from_account = 'redeemed'), 0))",
    denominator="sum(points) filter (where from_account = 'issued')", by={"month": "month", "programme": "programme"},
)  # fmt: skip
DISCOUNT = Kpi(
    "discount_rate", "K79", "ratio", "Σ (list − paid) ÷ Σ list of the period's sales, per currency.",
    counted=f"""
    select {FACT}, {ROOT} as root, f.list_amount, f.paid_amount, f.currency, f.seller_id, f.discount_reason, f.category, f.channel
    from {{build}}.transaction_line f {JOIN} where f.kind = 'sale' and {KNOWN} and {IN_PERIOD}""",
    numerator="coalesce(sum(list_amount - paid_amount), 0)", denominator="sum(list_amount)",
    by={"currency": "currency", "seller": "seller_id", "reason": "discount_reason", "category": "category",
        "channel": "channel", "customer": "root::text"}, money=True,
)  # fmt: skip
