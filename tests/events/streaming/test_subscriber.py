"""Does a subscriber without a database get every event once and in order, from where it stopped, from replay into live, and never past a gap?"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from crm_events.language.contacts import ContactDetailsChanged, ContactRegistered
from crm_events.marks import File, Nowhere
from crm_events.subscriber import Events, Missing
from crm_events.told import Told

SOON = 60.0
SEALED = "s1.11111111-1111-4111-8111-111111111111.22222222-2222-4222-8222-222222222222.name.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
REGISTERED = ContactRegistered(kind="person", name=SEALED, contact_type="external_actual", roles=("buyer",)).payload()
CHANGED = ContactDetailsChanged(language="fa").payload()
READER = """
import asyncio, sys
from crm_events.marks import File
from crm_events.subscriber import Events

async def main():
    async with Events(sys.argv[1], {sys.argv[2]: "contacts"}, marks=File(sys.argv[3])) as events:
        async for told in events:
            print(told.id, flush=True)

asyncio.run(main())
"""


def reading(log: Any, **more: Any) -> Events:
    return Events(log.bootstrap, {log.topic: "contacts"}, **more)


async def take(events: Events, number: int) -> list[Told]:
    async with asyncio.timeout(SOON):
        return [await anext(events) for _ in range(number)]


def by_partition(positions: list[tuple[int, int]]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for partition, position in positions:
        found.setdefault(partition, []).append(position)
    return found


def places(told: list[Told]) -> dict[int, list[int]]:
    return by_partition([(one.record.partition, one.record.position) for one in told])


async def test_events_are_typed_and_what_is_sealed_stays_sealed(log: Any) -> None:
    await log.fill(1, partitions=[3], payload=REGISTERED)
    await log.fill(1, partitions=[3], payload=b'{"with": "nobody"}', type="contact.danced")
    await log.fill(1, partitions=[3], payload=b'{"language": "fa"}', type="contact.details_changed")
    async with reading(log) as events:
        first, strange, changed = await take(events, 3)
    assert isinstance(first.event, ContactRegistered)
    assert first.event.name == first.data["name"] == SEALED
    assert "name" in first.sealed and first.customer_id == first.record.subject is not None
    assert (strange.event, strange.trouble, strange.data) == (None, "UnknownType: contact.danced/1", {"with": "nobody"})
    assert changed.event == ContactDetailsChanged(language="fa")


async def test_what_the_log_repeats_is_told_once_and_what_is_foreign_never(log: Any) -> None:
    first = await log.fill(4, partitions=[5])
    await log.send_alien(5)
    await log.send(*first[1:3])
    rest = await log.fill(3, partitions=[5])
    async with reading(log) as events:
        told = await take(events, 7)
    assert [one.id for one in told] == [each.event_id for each in first + rest]


async def test_what_was_filled_in_behind_newer_events_is_told_in_its_order(log: Any) -> None:
    """As the relay mends a log that came back short."""
    before, lost, after = (log.envelope(2) for _ in range(3))
    await log.send(before, after, lost)
    await log.send(after)
    async with reading(log) as events:
        told = await take(events, 3)
    assert [one.record.position for one in told] == [1, 2, 3]


async def test_a_gap_that_nothing_fills_ends_the_reading_before_it(log: Any, tmp_path: Path) -> None:
    sent = [log.envelope(2) for _ in range(4)]
    await log.send(*sent[:2], sent[3])
    marks = File(tmp_path / "marks")
    async with reading(log, marks=marks) as events:
        assert len(await take(events, 2)) == 2
        with pytest.raises(Missing, match="partition 2: nothing follows position 2"):
            await take(events, 1)
    assert (await marks.load())[f"{log.topic}/2"] == (2, 2)
    await log.send(sent[2], sent[3])
    async with reading(log, marks=marks) as events:
        assert [one.record.position for one in await take(events, 2)] == [3, 4]


async def test_reading_goes_on_after_the_last_event_that_was_handled(log: Any, tmp_path: Path) -> None:
    await log.fill(30, partitions=[0, 1, 2])
    marks, told = File(tmp_path / "marks"), list[Told]()
    async with reading(log, marks=marks) as events:
        told += await take(events, 11)  # ten are handled: the eleventh was given, and nobody asked for a twelfth
    async with reading(log, marks=marks) as events:
        told += await take(events, 20)
    assert told.pop(10).id in {one.id for one in told}
    assert places(told) == {number: list(range(number + 1, 31, 3)) for number in range(3)}
    await log.fill(1, partitions=[0])
    async with reading(log, marks=marks) as events:
        again = {one.record.position for one in await take(events, 2)}
    assert again == {told[-1].record.position, 31}, "only what was in hand comes again"


async def test_a_reader_that_is_killed_is_given_again_what_it_may_not_have_handled_and_misses_nothing(log: Any, tmp_path: Path) -> None:
    sent = await log.fill(600)
    heard: list[str] = []
    for least in (40, 200, 600):
        program = (sys.executable, "-c", READER, log.bootstrap, log.topic, str(tmp_path / "marks"))
        process = await asyncio.create_subprocess_exec(*program, stdout=asyncio.subprocess.PIPE, env=os.environ | {"PYTHONUNBUFFERED": "1"})
        async with asyncio.timeout(SOON):
            while len(set(heard)) < least:
                heard.append((await process.stdout.readline()).decode().strip())  # type: ignore[union-attr]
        process.send_signal(signal.SIGKILL)
        await process.communicate()
    assert set(heard) == {str(each.event_id) for each in sent}
    where = {str(each.event_id): (each.partition, each.position) for each in sent}
    first = list(dict.fromkeys(heard))
    assert by_partition([where[each] for each in first]) == by_partition([where[str(each.event_id)] for each in sent])


async def test_marks_survive_and_strange_ones_are_refused(tmp_path: Path) -> None:
    marks = File(tmp_path / "marks")
    assert await marks.load() == {} == await Nowhere().load()
    await marks.keep({"crm.tickets.v1/3": (7, 12)})
    assert await marks.load() == {"crm.tickets.v1/3": (7, 12)}
    for text in ("[]", "{}x", '{"a": 1}', '{"a": ["b", 1]}', ""):
        (tmp_path / "marks").write_text(text)
        if text != "{}":
            with pytest.raises(ValueError, match="holds no marks"):
                await marks.load()


async def test_replay_passes_into_live_without_a_gap_or_a_change_of_order_while_events_pour_in(log: Any) -> None:
    await log.fill(1_008)
    stop, told = asyncio.Event(), list[Told]()

    async def pour() -> None:
        while not stop.is_set():
            await log.fill(48)

    pouring = asyncio.create_task(pour())
    try:
        async with asyncio.timeout(SOON), reading(log) as events:
            became_live = 0
            async for one in events:
                told.append(one)
                became_live += one.live
                if became_live >= 600:
                    break
    finally:
        stop.set()
        await pouring
    live = [one.live for one in told]
    assert live.count(False) >= 1_008
    for partition, positions in places(told).items():
        assert positions == list(range(positions[0], positions[-1] + 1, 12)), "each follows the one before"
        assert positions[0] == partition + 1
        mine = [one.live for one in told if one.record.partition == partition]
        assert mine == sorted(mine), "once live, always live"


async def test_reading_begins_at_the_end_or_at_a_moment(log: Any, tools: Any) -> None:
    await log.fill(24)
    filled = datetime.now(UTC)
    await tools.eventually(lambda: datetime.now(UTC) - filled > timedelta(milliseconds=1))  # to a log, all of a millisecond is one moment
    moment = datetime.now(UTC)
    async with reading(log, start="end") as events:
        waiting = asyncio.create_task(take(events, 12))
        await tools.eventually(lambda: events.live)
        later = await log.fill(12)
        assert {one.id for one in await waiting} == {each.event_id for each in later}
    async with reading(log, start=moment) as events:
        assert {one.id for one in await take(events, 12)} == {each.event_id for each in later}


async def test_only_the_types_asked_for_are_told_and_the_marks_pass_the_others(log: Any, tmp_path: Path, tools: Any) -> None:
    await log.fill(20, partitions=[1], payload=REGISTERED)
    wanted = await log.fill(1, partitions=[1], payload=CHANGED, type="contact.details_changed")
    await log.fill(9, partitions=[1], payload=REGISTERED)
    marks = File(tmp_path / "marks")
    async with reading(log, marks=marks, types={"contact.details_changed"}) as events:
        assert [one.id for one in await take(events, 1)] == [wanted[0].event_id]
        waiting = asyncio.create_task(take(events, 1))
        await tools.eventually(lambda: events.standing().get(f"{log.topic}/1") == (30, 30))
        waiting.cancel()
        await asyncio.wait({waiting})
    assert (await marks.load())[f"{log.topic}/1"] == (30, 30)
    with pytest.raises(ValueError, match=r"contact\.danced"):
        reading(log, types={"contact.danced"})


async def test_a_broker_that_is_away_at_the_start_is_waited_for(log: Any, unused: Callable[[], Awaitable[Any]]) -> None:
    """Somebody else answers at the address for a while, and hangs up."""
    server, port = await unused()
    await log.fill(3, partitions=[1])
    events = Events(f"127.0.0.1:{port}", {log.topic: "contacts"})
    async with events:
        waiting = asyncio.create_task(take(events, 3))
        async with asyncio.timeout(SOON):
            while server.asked < 2:
                assert not waiting.done()
                await asyncio.sleep(0.01)
        server.forward = True
        assert len(await waiting) == 3


@pytest.fixture
async def unused(kafka: str) -> Any:
    """A door before the broker that hangs up until it is told to let through."""
    host, _, port = kafka.partition(":")
    opened: list[Any] = []

    class Door:
        asked, forward = 0, False

        async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.asked += 1
            if not self.forward:
                writer.close()
                return
            there, back = await asyncio.open_connection(host, int(port))
            await asyncio.gather(_carry(reader, back), _carry(there, writer))

    async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def make() -> Any:
        door = Door()
        opened.append(await asyncio.start_server(door, "127.0.0.1", 0))
        return door, opened[-1].sockets[0].getsockname()[1]

    yield make
    for server in opened:
        server.close()
