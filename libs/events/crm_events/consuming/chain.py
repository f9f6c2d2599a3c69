"""Is this the next event, one already seen, or is something missing? Decided from two integers a record and two a partition.

    position <= last      seen before: drop
    previous == last      the next one: take
    else                  events between are missing here

Whatever is missing may lie elsewhere in the log (the relay fills a log that came back short behind newer records). So the log is searched once from its start
for the record that follows `last`. By construction nothing lies between `last` and that record: going on from it skips nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from crm_events.consuming.record import Alien, Record


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reader stands in one partition. `next`: the offset to go on from; `last`: the position of the last event taken, 0 = none.

    `search_until`: while the successor of `last` is searched from the start of the log, the offset at which that search has seen everything.
    """

    next: int
    last: int
    search_until: int | None = None
    passed: int = 0  # records beyond `last` that did not follow it, in this search


@dataclass(frozen=True, slots=True)
class Sifted:
    """What came of some records. `gap`: stopped before a record that does not follow. `lost`: the search is over and found nothing that follows."""

    place: Place
    taken: tuple[Record, ...] = ()
    aliens: tuple[Alien, ...] = ()
    dropped: int = 0
    gap: Record | None = None
    lost: bool = False


def sift(place: Place, records: Iterable[Record | Alien]) -> Sifted:
    """The records of one partition, in offset order, from `place` on."""
    taken, aliens, dropped, offset = list[Record](), list[Alien](), 0, None
    for record in records:
        offset = record.offset
        if isinstance(record, Alien):
            aliens.append(record)
        elif record.position <= place.last:
            dropped += 1
        elif record.previous == place.last:
            taken.append(record)
            place = Place(next=record.offset + 1, last=record.position)
        elif place.search_until is None:
            return Sifted(place, tuple(taken), tuple(aliens), dropped, gap=record)
        else:
            place = replace(place, passed=place.passed + 1)
        if place.search_until is None:
            place = replace(place, next=record.offset + 1)
    lost = False
    if place.search_until is not None and offset is not None and offset + 1 >= place.search_until:
        lost = place.passed > 0
        if not lost:  # all of it was old: what comes next comes here
            place = Place(next=offset + 1, last=place.last)
    return Sifted(place, tuple(taken), tuple(aliens), dropped, lost=lost)
