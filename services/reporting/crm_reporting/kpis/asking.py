"""What is the figure, and which facts does it rest on? A definition, a period and a grouping, made into one query."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
from crm_events.event import utc_text

from crm_reporting.kpis.definition import WINDOW, Kpi
from crm_reporting.listing import SEGMENTS
from crm_reporting.rfm import BUYERS, scale_of
from crm_reporting.roots import ROOTS_AT

MOST_GROUPS = 500


@dataclass(frozen=True, slots=True)
class Asked:
    """One question. The period is [start, end); `known_at`: only what was recorded by then; `segments`: only customers who are in all of these now."""

    kpi: Kpi
    start: datetime
    end: datetime
    known_at: datetime
    by: str | None = None
    segments: Sequence[str] = ()


async def figure(connection: asyncpg.Connection, build: str, asked: Asked) -> dict[str, Any]:
    """The answer. A money figure over several currencies answers them as groups, its own value null (`mixed-currencies`)."""
    kpi, by = asked.kpi, asked.by
    rows = await connection.fetch(_measured(asked, None).format(build=build), *_values(asked))
    whole = dict(rows[0])
    groups: list[dict[str, Any]] = []
    mixed = kpi.money and by != "currency" and whole["currencies"] > 1
    if mixed or by is not None:
        grouped = await connection.fetch(_measured(asked, "currency" if mixed else by).format(build=build), *_values(asked))
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
        "groups": groups,
    }


async def evidence(
    connection: asyncpg.Connection, build: str, asked: Asked, after: Sequence[Any] | None, limit: int
) -> tuple[list[dict[str, Any]], list[Any] | None]:
    """The facts counted, by source, position and n, each with its event; the second part is the last one's key, None on the last page."""
    where = f"where {_main(asked)}"
    values = _values(asked)
    if after is not None:
        where += " and (source, position, n) > ($5, $6::text::bigint, $7::text::int)"
        values = [*values, str(after[0]), str(after[1]), str(after[2])]
    query = f"with recursive {_counted(asked)} select * from counted {where} order by source, position, n limit {limit + 1}"
    rows = await connection.fetch(query.format(build=build), *values)
    shown = rows[:limit]
    last = [shown[-1]["source"], shown[-1]["position"], shown[-1]["n"]] if len(rows) > limit else None
    return [_fact(row) for row in shown], last


def _values(asked: Asked) -> list[Any]:
    return [asked.end, asked.known_at, asked.start, WINDOW]


def _counted(asked: Asked) -> str:
    """The common tables up to `counted`. Every parameter is named once, for a query that leaves one out does not know its type."""
    segment = " and ".join(f"({SEGMENTS[name]})" for name in asked.segments)
    narrow = f" where root in (select customer_id from {{build}}.summary where {segment})" if segment else ""
    named = "asked as (select $1::timestamptz, $2::timestamptz, $3::timestamptz, $4::interval)"
    before = f"{asked.kpi.before},\n" if asked.kpi.before else ""
    return f"{ROOTS_AT},\n{named},\n{before}counted as materialized (select * from ({asked.kpi.counted}) c{narrow})"


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
    tail = f"group by g order by num desc nulls last, g limit {MOST_GROUPS}" if by else ""
    events = "count(distinct event_id)" if not kpi.over else f"(select count(distinct event_id) from grouped x{' where x.g = unit.g' if by else ''})"
    measured = f"select g, {kpi.numerator} as num, coalesce({kpi.denominator}, 0)::bigint as den{also}, {events} as events from {table} {tail}"
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
        "denominator": row["den"],
        "null_reason": "nothing-counted" if empty else None,
        **beside,
    }


def _plain(number: Any) -> Any:
    return round(number, 4) if isinstance(number, float) else 0 if number is None else number


def _fact(row: asyncpg.Record) -> dict[str, Any]:
    told = {name: utc_text(value) if isinstance(value, datetime) else str(value) if name in ("event_id", "root") else value for name, value in row.items()}
    told["customer_id"] = told.pop("root", None)
    return {name: float(value) if type(value).__name__ == "Decimal" else value for name, value in told.items()}


_CELLS = f"""with recursive {BUYERS} select root::text as root, purchases, last_at, spend from buyer"""


async def _cells(connection: asyncpg.Connection, build: str, asked: Asked) -> list[dict[str, Any]]:
    """Customers by cell, the fullest first."""
    scale = await scale_of(connection, build, asked.end, asked.known_at)
    cells: dict[str, int] = {}
    for row in await connection.fetch(_CELLS.format(build=build), asked.end, asked.known_at):
        cell = scale.score(last_at=row["last_at"], purchases=row["purchases"], spend=row["spend"])
        cells[cell] = cells.get(cell, 0) + 1
    whole = sum(cells.values())
    shown = sorted(cells.items(), key=lambda item: (-item[1], item[0]))
    return [{"key": cell, "value": count, "numerator": count, "denominator": whole, "null_reason": None} for cell, count in shown]
