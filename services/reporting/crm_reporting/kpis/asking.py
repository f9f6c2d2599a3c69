"""What is the figure, and which facts does it rest on? A definition, a period and a grouping, made into one query."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import asyncpg
from crm_events.event import utc_text
from crm_events.lease import Connection

from crm_reporting.kpis.definition import ROOT, WINDOW, Kpi
from crm_reporting.listing import SEGMENTS
from crm_reporting.rfm import BUYERS, scale_of
from crm_reporting.roots import ROOTS_AT

MOST_GROUPS = 500
_EXACT = 2**53  # beyond, a JSON reader would round anyway


@dataclass(frozen=True, slots=True)
class Asked:
    """One question. The period is [start, end); `known_at`: only what was recorded by then; `segments`: only customers who are in all of these now."""

    kpi: Kpi
    start: datetime
    end: datetime
    known_at: datetime
    by: str | None = None
    segments: Sequence[str] = ()


async def figure(connection: Connection, build: str, asked: Asked) -> dict[str, Any]:
    """The answer. A money figure over several currencies answers them as groups, its own value null (`mixed-currencies`). Ask inside one snapshot.

    At most 500 groups, those with the greatest numerators; `more_groups` tells whether there are others.
    """
    kpi, by = asked.kpi, asked.by
    whole = dict((await connection.fetch(_sql(_measured(asked, None), build, asked), *_values(asked)))[0])
    groups: list[dict[str, Any]] = []
    mixed = kpi.money and by != "currency" and whole["currencies"] > 1
    if mixed or by is not None:
        grouped = await connection.fetch(_sql(_measured(asked, "currency" if mixed else by), build, asked), *_values(asked))
        groups = [{"key": row["g"], **_told(kpi, row)} for row in grouped if row["g"] is not None or row["num"]]  # key null: not known
    if kpi.name == "rfm":
        groups = await _cells(connection, build, asked)
    told = _told(kpi, whole)
    if mixed or (kpi.money and whole["currencies"] > 1):
        told = {**dict.fromkeys(told), "null_reason": "mixed-currencies"}
    return {
        "name": kpi.name,
        "number": kpi.number,
        **told,
        "unit": kpi.unit,
        "definition_version": kpi.version,
        "from": utc_text(asked.start),
        "to": utc_text(asked.end),
        "as_of": utc_text(asked.known_at),
        "input_event_count": whole["events"],
        "groups": groups[:MOST_GROUPS],
        "more_groups": len(groups) > MOST_GROUPS,
    }


async def evidence(connection: Connection, build: str, asked: Asked, after: Sequence[Any] | None, limit: int) -> tuple[list[dict[str, Any]], list[Any] | None]:
    """The facts counted, by source, position and n, each with its event; the second part is the last one's key, None on the last page."""
    where = f"where {' and '.join(asked.kpi.main.values()) or 'true'}"
    values = _values(asked)
    if after is not None:
        where += " and (source, position, n) > ($5, $6::text::bigint, $7::text::int)"
        values = [*values, str(after[0]), str(after[1]), str(after[2])]
    query = f"with recursive {_counted(asked)} select * from counted {where} order by source, position, n limit {limit + 1}"
    rows = await connection.fetch(_sql(query, build, asked), *values)
    shown = rows[:limit]
    last = [shown[-1]["source"], shown[-1]["position"], shown[-1]["n"]] if len(rows) > limit else None
    return [_fact(row) for row in shown], last


def _values(asked: Asked) -> list[Any]:
    return [asked.end, asked.known_at, asked.start, WINDOW]


def _counted(asked: Asked) -> str:
    """The common tables up to `counted`. Every parameter is named once, for a query that leaves one out does not know its type."""
    named = "asked as (select $1::timestamptz, $2::timestamptz, $3::timestamptz, $4::interval)"
    before = f"{asked.kpi.before},\n" if asked.kpi.before else ""
    return f"{ROOTS_AT},\n{named},\n{before}counted as materialized (select * from ({asked.kpi.counted}) c{_within('root', asked)})"


def _within(root: str, asked: Asked) -> str:
    segment = " and ".join(f"({SEGMENTS[name]})" for name in asked.segments)
    return f" where {root} in (select customer_id from {{build}}.summary where {segment})" if segment else ""


def _sql(text: str, build: str, asked: Asked) -> str:
    """The query for a build; `{chosen}` becomes the segments' condition on a fact's customer."""
    chosen = _within(ROOT, asked).removeprefix(" where ") or "true"
    return text.format(build=build, chosen=chosen.format(build=build))


def _main(asked: Asked) -> str:
    return " and ".join(condition for word, condition in asked.kpi.main.items() if word != asked.by) or "true"


def _measured(asked: Asked, by: str | None) -> str:
    kpi = asked.kpi
    group = kpi.by[by] if by else "null::text"
    currencies = "(select count(distinct currency) from counted)" if kpi.money else "0"
    rows = f"grouped as (select counted.*, {group} as g from counted where {_main(asked)})"
    over = f", unit as ({kpi.over.replace('from counted', 'from grouped')})" if kpi.over else ""
    table = "unit" if kpi.over else "grouped"
    also = "".join(f", {expression} as {name}" for name, expression in kpi.also.items())
    tail = f"group by g order by num desc nulls last, g limit {MOST_GROUPS + 1}" if by else ""
    events = "count(distinct event_id)" if not kpi.over else f"(select count(distinct event_id) from grouped x{' where x.g = unit.g' if by else ''})"
    measured = f"select g, {kpi.numerator} as num, coalesce({kpi.denominator}, 0) as den{also}, {events} as events from {table} {tail}"
    if not by:
        measured = measured.replace("select g,", "select null::text as g,", 1)
    return (
        f"with recursive {_counted(asked)}, {rows}{over}, measured as ({measured}) "
        f"select *, {currencies} as currencies{_value(kpi)} from measured"
    )  # fmt: skip


def _value(kpi: Kpi) -> str:
    """`value` over num and den where they make it; figures that order the facts themselves stand in `also` under their name."""
    return "" if "within group" in kpi.value else f", case when den <> 0 then ({kpi.value})::float8 end as value"


def _told(kpi: Kpi, row: Any) -> dict[str, Any]:
    """value, numerator, denominator, null_reason, and what stands beside."""
    empty = not row["den"]
    value = row["median"] if "within group" in kpi.value else row["value"]
    beside = {name: None if empty or row[name] is None else round(float(row[name]), 4) for name in kpi.also}
    return {
        "value": None if empty or value is None else round(float(value), 6),
        "numerator": _plain(row["num"]),
        "denominator": _plain(row["den"]),
        "null_reason": "nothing-counted" if empty else None,
        **beside,
    }


def _plain(number: Any) -> int | float:
    """A count or an amount as a whole number, a sum of measures in four decimals."""
    if not number:
        return 0
    if isinstance(number, float):
        return round(number, 4)
    return int(number) if abs(number) < _EXACT and number == int(number) else float(number)


def _fact(row: asyncpg.Record) -> dict[str, Any]:
    told = {name: utc_text(value) if isinstance(value, datetime) else str(value) if name in ("event_id", "root") else value for name, value in row.items()}
    told["customer_id"] = told.pop("root", None)
    return {name: _plain(value) if isinstance(value, Decimal) else value for name, value in told.items()}


def _digit_of(value: str, number: int) -> str:
    """SQL for `rfm.Scale`'s rule: the digit of the highest bound not above the value. Bounds and digits are parameters, two arrays a measure."""
    return f"coalesce((${number + 1}::int[])[width_bucket({value}, ${number}::float8[])], 1)"


_CELLS = f"""
with recursive {BUYERS}
select {_digit_of("extract(epoch from last_at)::float8", 3)} || '' || {_digit_of("purchases::float8", 5)} || {_digit_of("spend::float8", 7)} as cell,
    count(*) as customers
from buyer{{within}} group by 1 order by 2 desc, 1
"""


async def _cells(connection: Connection, build: str, asked: Asked) -> list[dict[str, Any]]:
    """Customers by cell, the fullest first. The scale is everybody's, whatever the segment."""
    scale = await scale_of(connection, build, asked.end, asked.known_at)
    bounds: list[Any] = []
    for measure in (scale.recency, scale.frequency, scale.monetary):
        bounds += [[lowest for lowest, _ in measure], [digit for _, digit in measure]]
    query = _CELLS.format(build=build, within=_within("root", asked).format(build=build))
    cells = {row["cell"]: row["customers"] for row in await connection.fetch(query, asked.end, asked.known_at, *bounds)}
    whole = sum(cells.values())
    return [{"key": cell, "value": count, "numerator": count, "denominator": whole, "null_reason": None} for cell, count in cells.items()]
