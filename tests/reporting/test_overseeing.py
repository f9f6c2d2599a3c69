"""Does the API tell, whoever wrote it, what is parked, what was found different, and how far a rebuild is? And does it compare by itself once a day?"""

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager

import asyncpg
import orjson
import pytest
from crm_events.topics import SOURCES
from crm_reporting.overseeing import Overseer, difference
from prometheus_client import CollectorRegistry

_COMPARED = "insert into reconciliation (at, equal, report) values (clock_timestamp() - make_interval(hours => $1), $2, $3)"


class Started:
    """Stands for the processes an API starts: what was asked for, and nothing else."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def start(self, name: str, *_words: str, **_told: object) -> "asyncio.Future[int]":
        self.asked.append(name)
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        done.set_result(0)
        return done


def report(source: str, *, equal: bool = True, **named: list[str]) -> dict[str, object]:
    place = {"events": 7, "digest": "0"}
    kinds = {kind: named.get(kind, []) for kind in ("missing_in_topic", "missing", "doubled", "strange")}
    return {"source": source, "equal": equal, "store": place, "topic": place, "journal": place, **kinds}


@pytest.fixture
async def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
async def pool(reporting: str):
    async with asyncpg.create_pool(reporting, min_size=0, max_size=2) as made:
        yield made


@pytest.fixture
def told(registry: CollectorRegistry) -> Callable[..., float | None]:
    return lambda name, source=None: registry.get_sample_value(name, {"source": source} if source else {})


@asynccontextmanager
async def watched(overseer: Overseer):
    stop = asyncio.Event()
    running = asyncio.create_task(overseer.run(stop))
    try:
        yield
    finally:
        stop.set()
        await running


async def test_what_is_parked_is_told_by_source(connection, pool, registry, story, project, told) -> None:
    overseer = Overseer(pool, Started(), registry, hours=0)  # type: ignore[arg-type]
    await overseer.look()
    assert {source: told("crm_reporting_parked", source) for source in SOURCES} == dict.fromkeys(SOURCES, 0)
    await project([story.teller.record("contact.details_changed", b'{"name": 7}', await story.person(), source="contacts")])
    await overseer.look()
    assert {source: told("crm_reporting_parked", source) for source in SOURCES} == dict.fromkeys(SOURCES, 0) | {"contacts": 1}


async def test_the_last_comparison_is_told_and_none_is_told_before_the_first(connection, pool, registry, told) -> None:
    overseer = Overseer(pool, Started(), registry, hours=0)  # type: ignore[arg-type]
    assert await overseer.look() is None
    assert told("crm_reconciliation_compared_timestamp_seconds", "contacts") is None
    rows = [report("contacts"), report("tickets", equal=False, missing=["a", "b"], doubled=["c"])]
    await connection.execute(_COMPARED, 2, False, orjson.dumps(rows).decode())
    age = await overseer.look()
    assert age is not None and abs(age - 7200) < 60
    assert (told("crm_reconciliation_difference_events", "contacts"), told("crm_reconciliation_difference_events", "tickets")) == (0, 3)
    now = await connection.fetchval("select extract(epoch from clock_timestamp())::float8")
    assert abs(now - 7200 - told("crm_reconciliation_compared_timestamp_seconds", "tickets")) < 60


def test_a_difference_that_nothing_names_is_one_all_the_same() -> None:
    assert difference(report("contacts")) == 0
    assert difference(report("contacts", equal=False)) == 1
    assert difference(report("contacts", equal=False) | {"topic": {"events": 3, "digest": "1"}, "store": None}) == 4


async def test_a_rebuild_under_way_is_told_by_how_much_is_folded(connection, pool, registry, told) -> None:
    overseer = Overseer(pool, Started(), registry, hours=0)  # type: ignore[arg-type]
    await overseer.look()
    assert told("crm_reporting_rebuild_progress_ratio") == 1
    await connection.execute("insert into builds (build, definition, state) values ('b9', 'd', 'building')")
    await connection.execute(
        "insert into rebuild_range (build, n, low, done_at) select 'b9', n, gen_random_uuid(), case when n = 1 then now() end from generate_series(1, 4) n"
    )
    await overseer.look()
    assert told("crm_reporting_rebuild_progress_ratio") == 0.25


@pytest.mark.parametrize(("hours_ago", "asked"), [(30, ["reconcile"]), (1, [])])
async def test_places_are_compared_again_when_the_last_time_is_a_day_ago(connection, pool, registry, hours_ago: int, asked: list[str]) -> None:
    await connection.execute(_COMPARED, hours_ago, True, orjson.dumps([report("contacts")]).decode())
    started = Started()
    overseer = Overseer(pool, started, registry, hours=24)  # type: ignore[arg-type]
    overseer._not_before = 0.0  # it has run for a day
    async with watched(overseer):
        while registry.get_sample_value("crm_reconciliation_difference_events", {"source": "contacts"}) is None:
            await asyncio.sleep(0.01)
    assert started.asked == asked


async def test_places_are_compared_though_no_process_ever_lives_for_a_day(connection, pool, registry) -> None:
    """A service that is released every morning would else never be compared."""
    started = Started()
    overseer = Overseer(pool, started, registry, hours=24)  # type: ignore[arg-type]
    overseer._not_before -= 1_000  # it has run for a little while
    async with watched(overseer):
        async with asyncio.timeout(60):
            while not started.asked:
                await asyncio.sleep(0.01)
    assert started.asked == ["reconcile"]


async def test_two_replicas_do_not_compare_at_once(connection, pool, registry) -> None:
    started = Started()
    overseer = Overseer(pool, started, registry, hours=24)  # type: ignore[arg-type]
    await connection.execute("insert into leases (name, owner, epoch, until) values ('reconcile', 'another', 1, clock_timestamp() + interval '10 minutes')")
    await overseer._compare()
    assert started.asked == []
    await connection.execute("update leases set until = '-infinity' where name = 'reconcile'")
    await overseer._compare()
    await overseer._compare()
    assert started.asked == ["reconcile", "reconcile"]
