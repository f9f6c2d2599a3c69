"""What is a figure? A named, versioned question over facts; the facts it counted are its evidence.

Every question is one SQL query over a common table `counted`: facts, each with `event_id`, `source`, `position`, `n` and what the measure needs. Parameters:
$1 = the period's end (not included; customers are counted as merges stood then), $2 = what was recorded by then, $3 = the period's start, $4 = the activity
window W as an interval. `root(customer_id, root)` is there for ids that were merged; `{chosen}` is true of the customers of the segments asked for.
Nothing is looked up per row by a column without an index: at 70,000 transactions that is minutes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

WINDOW = timedelta(days=365)  # W, a parameter of definition 1

ROOT = "coalesce(r.root, f.customer_id)"
FACT = "f.event_id, f.source, f.position, f.n, f.occurred_at, f.recorded_at"
JOIN = "left join root r on r.customer_id = f.customer_id"
KNOWN = "f.recorded_at <= $2"
IN_PERIOD = "f.occurred_at >= $3 and f.occurred_at < $1"

# A purchase is a paid transaction: its first line stands for it. Active at t: a purchase in (t − W, t], so the end itself belongs to it (else the customers
# active at the end of one period would not be those active at the start of the next); a period is [start, end).
PURCHASES = f"""
purchased as (
    select (array_agg(f.event_id order by f.n))[1] as event_id, f.source, f.position, min(f.n) as n, f.occurred_at, f.recorded_at, {ROOT} as root, f.currency,
        sum(f.paid_amount) as paid
    from {{build}}.transaction_line f {JOIN}
    where f.kind = 'sale' and f.occurred_at <= $1 and {KNOWN} and {{chosen}}
    group by f.source, f.position, f.occurred_at, f.recorded_at, {ROOT}, f.currency having sum(f.paid_amount) > 0),
active as (select distinct root from purchased where occurred_at > $1 - $4)"""
HERE = "occurred_at >= $3 and occurred_at < $1"


@dataclass(frozen=True, slots=True)
class Kpi:
    """One figure in one version of its definition.

    `counted`: a SELECT. `numerator`, `denominator`, `value`: aggregate expressions over `counted`, or over `unit` where a fact is not what is counted (a
    customer is): `unit` = a SELECT over `counted` that keeps the grouping column `g`. `value` may name `num` and `den`. `also`: figures told beside it.
    `by`: grouping word → expression over `counted`. `main`: grouping word → what is counted where that word is not asked for, and what is evidence: such a
    grouping tells other sides of the same facts.
    `money`: amounts of several currencies are in it, which are never added.
    """

    name: str
    number: str
    unit: Literal["percent", "ratio", "days", "minutes", "customers", "minor_units", "per_100_customers", "points_per_minor_unit"]
    meaning: str
    counted: str
    numerator: str
    denominator: str
    value: str = "num::float8 / den"
    before: str = ""
    over: str | None = None
    also: Mapping[str, str] = field(default_factory=dict)
    by: Mapping[str, str] = field(default_factory=dict)
    main: Mapping[str, str] = field(default_factory=dict)
    money: bool = False
    version: int = 1
