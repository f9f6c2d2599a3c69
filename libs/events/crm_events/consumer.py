"""How does a reader apply every event exactly once in effect, in order, and notice what is missing?

Offsets and effects commit together, by compare-and-set, in the reader's own database. Kafka's group shares out the partitions for convenience only. Each
partition's chain proves that nothing was skipped; one that is broken stands still, alone, and says so.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import asyncpg
import structlog
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry

from crm_events.consuming.chain import Place, sift
from crm_events.consuming.metrics import metrics_in
from crm_events.consuming.offsets import Moved, Step
from crm_events.consuming.record import Alien, Record, recognise
from crm_events.consuming.standing import PartitionStatus, Standing, Trouble
from crm_events.consuming.subscription import OutOfRange, Subscription
from crm_events.consuming.writing import Apply, Batch, Effects, Reject, Stopped, Writer
from crm_events.stopping import stoppable
from crm_events.topics import SOURCES

log = structlog.get_logger(__name__)

SIP = 200  # records read and parsed between two turns of the loop: heartbeats and the write under way share it


class Stalled(Exception):
    """Records wait, the broker answers, and nothing has moved: end the process, a fresh one gets on (aiokafka can wait for ever after a broker's restart)."""


@dataclass(frozen=True, slots=True)
class Tempo:
    """Seconds. `retry_least` is how soon a partition that stands still is looked at again, doubled each time up to `retry_most`."""

    poll: float = 0.2
    watchdog: float = 60.0
    retry_least: float = 60.0
    retry_most: float = 3600.0
    session: float = 30.0
    grace: float = 5.0


class Consumer:
    """A reader of some topics. `topics`: names of ours, or a mapping of any names to the sources that write them.

    `apply(connection, records)` runs inside the transaction that moves the offsets; records of one partition are in order. It must not commit.
    `before(records)` runs ahead of the transaction, again on every retry; `after()` follows each commit. `reject(connection, record, error)` parks a
    record that cannot be applied; without it, its partition stops there. `types` None: every type is applied (exhaustive); else others are skipped
    and counted (selective). `instance`: a stable process name for static membership. `share` False: read every partition, without a group.
    `held`: the sources to leave alone just now, asked between batches; their partitions stand still, and go on where they stood.
    """

    def __init__(
        self,
        *,
        group: str,
        topics: Mapping[str, str] | Sequence[str],
        bootstrap_servers: str,
        connect: Callable[[], Awaitable["asyncpg.Connection[asyncpg.Record]"]],
        apply: Apply,
        before: Callable[[Sequence[Record]], Awaitable[None]] | None = None,
        after: Callable[[], Awaitable[None]] | None = None,
        reject: Reject | None = None,
        types: Collection[str] | None = None,
        held: Callable[[], Collection[str]] = tuple,
        batch: int = 2_000,
        share: bool = True,
        instance: str | None = None,
        registry: CollectorRegistry | None = None,
        tempo: Tempo | None = None,
    ) -> None:
        written_by = {topic: source for source, topic in SOURCES.items()}
        self._sources = dict(topics) if isinstance(topics, Mapping) else {topic: written_by[topic] for topic in topics}
        self._group, self._bootstrap, self._share, self._instance = group, bootstrap_servers, share, instance
        self._types = None if types is None else frozenset(name.encode() for name in types)
        self._batch, self._tempo, self._held = batch, tempo or Tempo(), held
        self._metrics = metrics_in(registry or CollectorRegistry())
        self._metrics.begin(group)
        self._connect, self._effects = connect, Effects(apply, before, after, reject)
        self._standing: dict[TopicPartition, Standing] = {}
        self._trouble: dict[TopicPartition, Trouble] = {}
        self._dealt_until: dict[TopicPartition, float] = {}  # outlives the standing, which every rebalance and lost race makes anew
        self._moved_at = self._looked_at = time.monotonic()
        self._untold: dict[TopicPartition, int] = {}
        self._telling: asyncio.Task[None] | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Read until `stop`. A broker or database that is away is waited for. Raises Stalled, and whatever only a restart or an operator can mend."""
        await stoppable(self._work(stop), stop, grace=self._tempo.grace)

    def status(self) -> list[PartitionStatus]:
        """The partitions this process reads just now."""
        return [self._status(tp, standing) for tp, standing in sorted(self._standing.items())]

    def _status(self, tp: TopicPartition, s: Standing) -> PartitionStatus:
        trouble = self._trouble.get(tp)
        behind = s.behind_seconds(time.time())
        reason = trouble.reason if trouble else None
        return PartitionStatus(tp.topic, tp.partition, s.source, s.place.next, s.place.last, s.highwater, s.lag, behind, reason, s.held)

    async def _work(self, stop: asyncio.Event) -> None:
        pause = 0.25
        while not stop.is_set():
            log_of = Subscription(self._bootstrap, self._group, self._sources, share=self._share, instance=self._instance, session=self._tempo.session)
            writer = Writer(self._group, self._connect, self._effects, self._metrics)
            try:
                await log_of.start()
                pause, self._moved_at = 0.25, time.monotonic()
                while not stop.is_set():
                    await self._from_the_database(log_of, writer, stop)
            except (KafkaError, OSError) as error:
                log.warning("consumer.broker_away", group=self._group, error=repr(error), again_in=pause)
            finally:
                await self._end_telling()
                await log_of.close()
                await writer.close()
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)
            pause = min(2 * pause, 10.0)

    async def _from_the_database(self, log_of: Subscription, writer: Writer, stop: asyncio.Event) -> None:
        """Forget, read the offsets, seek, and follow until a rebalance, a lost race, or a stopped partition asks for the same again."""
        tps = await log_of.settled(self._tempo.poll)
        if tps is None:
            if time.monotonic() - self._moved_at > self._tempo.watchdog:
                raise Stalled(f"{self._group}: a rebalance has not ended for {self._tempo.watchdog:.0f} s")
            return
        rows = await writer.kept({tp: self._sources[tp.topic] for tp in tps})
        known = {tp: self._dealt_until.get(tp, time.time()) for tp in rows}
        self._standing = {tp: Standing(self._sources[tp.topic], row.place, row.place, dealt_until=known[tp]) for tp, row in rows.items()}
        self._metrics.show_only(self._group, rows)
        for tp, row in rows.items():
            if row.broken is None:
                self._trouble.pop(tp, None)
            elif tp not in self._trouble:
                self._trouble[tp] = Trouble(row.broken, again_at=0.0, tries=0)  # a process that starts tries at once
            self._start(log_of, tp)
        self._moved_at = time.monotonic()
        self._metrics.fresh_starts.labels(self._group).inc()
        try:
            await self._follow(log_of, writer, stop)
        except Moved:
            log.info("consumer.lost_a_race", group=self._group)
        except Stopped as stopped:
            for tp, reason in stopped.stopped.items():
                self._in_trouble(tp, reason)

    def _start(self, log_of: Subscription, tp: TopicPartition) -> None:
        trouble, standing = self._trouble.get(tp), self._standing[tp]
        standing.held = standing.source in self._held()
        standing.halted = standing.held or (trouble is not None and trouble.again_at > time.monotonic())
        standing.place = standing.written
        if standing.halted:
            log_of.halt(tp)
        else:
            log_of.go(tp, standing.place.next)

    async def _follow(self, log_of: Subscription, writer: Writer, stop: asyncio.Event) -> None:
        writing: asyncio.Task[None] | None = None
        try:
            while not (stop.is_set() or log_of.changed):
                batch = await self._gather(log_of)  # the next one is read while the last one is written
                if writing is not None:
                    await writing
                self._tell(log_of)
                writing = None if batch is None else asyncio.create_task(self._written(writer, batch))
                self._try_again(log_of)
                self._hold(log_of)
                await self._watch(log_of)
        except asyncio.CancelledError:
            if writing is not None:
                writing.cancel()  # it may be waiting for a database that does not come back
            raise
        finally:
            if writing is not None:
                await writing

    async def _written(self, writer: Writer, batch: Batch) -> None:
        await writer.write(batch)
        for tp, step in batch.steps.items():
            self._untold[tp] = step.now.next
            if not self._standing[tp].halted:
                self._trouble.pop(tp, None)

    async def _gather(self, log_of: Subscription) -> Batch | None:
        """What came in, sifted. None: nothing to write, or everything in doubt."""
        records, aliens, broken = list[Record](), list[Alien](), dict[TopicPartition, tuple[Place, str]]()
        seen, seconds = 0, self._tempo.poll
        while seen < self._batch:
            try:
                fetched = await log_of.sip(min(SIP, self._batch - seen), seconds=seconds)
            except OutOfRange as error:
                for tp in self._standing.keys() & set(error.partitions):
                    await self._search(log_of, tp)
                continue
            if log_of.changed:
                return None
            if not fetched:
                break
            for tp, messages in fetched.items():
                standing = self._standing.get(tp)
                if standing is None or standing.halted:
                    continue
                sifted = sift(standing.place, [recognise(message, standing.source) for message in messages])
                self._count(sifted.taken, dropped=sifted.dropped, aliens=len(sifted.aliens))
                standing.place, standing.highwater = sifted.place, log_of.highwater(tp)
                if sifted.taken:
                    standing.dealt_until = sifted.taken[-1].timestamp / 1000
                records.extend(record for record in sifted.taken if self._wanted(record))
                aliens.extend(sifted.aliens)
                if sifted.gap is not None:
                    await self._search(log_of, tp)
                if sifted.lost:
                    broken[tp] = (Place(standing.place.next, standing.place.last), _missing(standing, messages))
                    standing.halted = True
                    log_of.halt(tp)
                    self._in_trouble(tp, broken[tp][1])
            seen, seconds, self._moved_at = seen + sum(map(len, fetched.values())), 0.0, time.monotonic()
            await asyncio.sleep(0)
        steps = {tp: Step(s.written, s.place) for tp, s in self._standing.items() if (s.written.next, s.written.last) != (s.place.next, s.place.last)}
        for standing in self._standing.values():
            standing.written = Place(standing.place.next, standing.place.last)
        return Batch(steps, records, aliens, broken) if steps or records or aliens or broken else None

    async def _search(self, log_of: Subscription, tp: TopicPartition) -> None:
        """Look through the log once, from its start, for what follows the last event taken."""
        start, end = await log_of.bounds(tp)
        standing = self._standing[tp]
        place = Place(standing.place.next, standing.place.last)
        standing.place = Place(place.next, place.last, search_until=end) if end > start else Place(start, place.last)
        standing.highwater = end
        log.warning("consumer.searches", group=self._group, topic=tp.topic, partition=tp.partition, last=place.last, start=start, end=end)
        self._metrics.searches.labels(self._group).inc()
        log_of.go(tp, start)

    def _in_trouble(self, tp: TopicPartition, reason: str) -> None:
        tries = self._trouble[tp].tries + 1 if tp in self._trouble else 1
        wait = min(self._tempo.retry_least * 2 ** (tries - 1), self._tempo.retry_most)
        self._trouble[tp] = Trouble(reason, time.monotonic() + wait, tries)

    def _try_again(self, log_of: Subscription) -> None:
        for tp, trouble in self._trouble.items():
            if tp in self._standing and self._standing[tp].halted and not self._standing[tp].held and trouble.again_at <= time.monotonic():
                self._start(log_of, tp)

    def _hold(self, log_of: Subscription) -> None:
        """Stop before what is held from now on, after all that was read of it; go on with what no longer is."""
        held = self._held()
        for tp, standing in self._standing.items():
            if standing.held != (standing.source in held):
                self._start(log_of, tp)

    def _tell(self, log_of: Subscription) -> None:
        if self._untold and (self._telling is None or self._telling.done()):
            self._telling = asyncio.create_task(log_of.tell(self._untold))
            self._untold = {}

    async def _end_telling(self) -> None:
        if self._telling is not None:
            await asyncio.wait({self._telling})
        self._standing, self._untold = {}, {}

    async def _watch(self, log_of: Subscription) -> None:
        """Metrics, and the watchdog: nothing has moved for long although the log goes on beyond us."""
        now = time.monotonic()
        if now - self._looked_at < 1.0:
            return
        self._looked_at = now
        ends = await log_of.ends([tp for tp, standing in self._standing.items() if standing.held])  # what nothing is fetched of says nothing of its end
        for tp, standing in self._standing.items():
            where, standing.highwater = (self._group, tp.topic, str(tp.partition)), ends.get(tp) or log_of.highwater(tp) or standing.highwater
            if not standing.lag:
                standing.dealt_until = time.time()
            self._dealt_until[tp] = standing.dealt_until
            self._metrics.lag.labels(*where).set(standing.lag)
            self._metrics.behind.labels(*where).set(standing.behind_seconds(time.time()))
            self._metrics.broken.labels(*where).set(tp in self._trouble)
        if now - self._moved_at > self._tempo.watchdog:
            active = {tp: standing for tp, standing in self._standing.items() if not standing.halted}
            ends = await log_of.ends(active)
            if any(end > active[tp].place.next for tp, end in ends.items()):
                raise Stalled(f"{self._group}: records wait and none has been read for {self._tempo.watchdog:.0f} s")
            self._moved_at = now

    def _count(self, taken: Sequence[Record], *, dropped: int, aliens: int) -> None:
        counter = self._metrics.records
        counter.labels(self._group, "taken").inc(len(taken))
        counter.labels(self._group, "dropped").inc(dropped)
        counter.labels(self._group, "alien").inc(aliens)
        if self._types is not None:
            counter.labels(self._group, "unwanted").inc(sum(not self._wanted(record) for record in taken))

    def _wanted(self, record: Record) -> bool:
        return self._types is None or record.headers.get("ce_type") in self._types


def _missing(standing: Standing, messages: Sequence[ConsumerRecord]) -> str:
    return f"no record of {standing.source} follows position {standing.place.last} in the log up to offset {messages[-1].offset}: events are missing"
