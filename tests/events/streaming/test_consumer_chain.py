"""The chain rule alone: two integers a record, two a partition."""

from typing import Any

from crm_events.consuming.chain import Place, sift
from crm_events.consuming.record import Alien, Record, recognise
from hypothesis import given, settings
from hypothesis import strategies as st


def record(offset: int, position: int, previous: int) -> Record:
    return Record("contacts", "t", 0, offset, 0, position, previous, {}, b"{}")


def alien(offset: int) -> Alien:
    return Alien("t", 0, offset, 0, None, None, ())


def test_the_next_one_is_taken_and_one_seen_before_is_dropped() -> None:
    sifted = sift(Place(2, 20), [record(2, 10, 0), record(3, 20, 10), record(4, 35, 20), record(5, 20, 10), record(6, 36, 35)])
    assert [one.position for one in sifted.taken] == [35, 36]
    assert sifted.dropped == 3
    assert sifted.place == Place(7, 36)


def test_what_does_not_follow_ends_the_batch_before_it() -> None:
    gap = record(4, 50, 40)
    sifted = sift(Place(3, 20), [record(3, 30, 20), gap, record(5, 60, 50)])
    assert [one.position for one in sifted.taken] == [30]
    assert sifted.gap is gap
    assert sifted.place == Place(4, 30)


def test_a_foreign_record_moves_the_offset_and_not_the_chain() -> None:
    sifted = sift(Place(3, 20), [alien(3), record(4, 30, 20), alien(5)])
    assert sifted.place == Place(6, 30)
    assert len(sifted.aliens) == 2


def test_a_search_passes_over_what_does_not_follow_until_it_finds_what_does() -> None:
    log = [record(0, 90, 80), record(1, 10, 0), record(2, 20, 10), record(3, 30, 20), record(4, 40, 30)]
    sifted = sift(Place(7, 20, search_until=5), log)
    assert [one.position for one in sifted.taken] == [30, 40]
    assert sifted.place == Place(5, 40)
    assert not sifted.lost


def test_a_search_that_saw_the_whole_log_and_found_nothing_that_follows_says_so_and_stays() -> None:
    sifted = sift(Place(7, 20, search_until=3), [record(0, 10, 0), record(1, 20, 10), record(2, 50, 40)])
    assert sifted.lost
    assert (sifted.place.next, sifted.place.last) == (7, 20)


def test_a_search_in_a_log_of_old_records_goes_on_where_the_log_ends() -> None:
    sifted = sift(Place(7, 20, search_until=2), [record(0, 10, 0), record(1, 20, 10)])
    assert not sifted.lost
    assert sifted.place == Place(2, 20)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_whatever_is_repeated_or_cut_into_sips_each_event_is_taken_once_in_order(data: Any) -> None:
    positions = sorted(data.draw(st.sets(st.integers(1, 500), min_size=1, max_size=30)))
    chain = list(zip(positions, [0, *positions[:-1]], strict=True))
    log: list[tuple[int, int]] = []
    upto = 0
    while upto < len(chain):  # a relay that goes back to an earlier place now and then
        again = data.draw(st.integers(0, upto))
        upto = data.draw(st.integers(upto + 1, len(chain)))
        log += chain[again:upto]
    place, taken = Place(0, 0), list[int]()
    records = [record(offset, *pair) for offset, pair in enumerate(log)]
    while records:
        size = data.draw(st.integers(1, len(records)))
        sifted = sift(place, records[:size])
        place, records = sifted.place, records[size:]
        assert sifted.gap is None
        taken += [one.position for one in sifted.taken]
    assert taken == positions


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_a_lost_record_is_always_noticed_and_nothing_beyond_it_is_taken(data: Any) -> None:
    positions = sorted(data.draw(st.sets(st.integers(1, 500), min_size=2, max_size=30)))
    lost = data.draw(st.integers(0, len(positions) - 2))
    chain = [record(n, position, previous) for n, (position, previous) in enumerate(zip(positions, [0, *positions[:-1]], strict=True)) if n != lost]
    sifted = sift(Place(0, 0), chain)
    assert sifted.gap is not None
    assert [one.position for one in sifted.taken] == positions[:lost]
    searched = sift(Place(0, sifted.place.last, search_until=len(positions)), chain)
    assert searched.lost
    assert not searched.taken


class Fetched:
    topic, partition, offset, timestamp, key = "t", 0, 7, 0, b"k"

    def __init__(self, value: bytes | None = b"{}", **headers: bytes) -> None:
        self.value = value
        self.headers = tuple(({"ce_source": b"/contacts", "ce_position": b"5", "ce_previous": b"3"} | headers).items())


def test_only_a_place_in_the_chain_of_the_topics_own_source_makes_a_record_ours() -> None:
    assert isinstance(recognise(Fetched(), "contacts"), Record)
    malformed = [{"ce_source": b"/tickets"}, {"ce_position": b"five"}, {"ce_previous": b""}, {"ce_previous": b"5"}, {"ce_previous": b"-1"}]
    for foreign in (Fetched(value=None), *(Fetched(**headers) for headers in malformed)):
        assert isinstance(recognise(foreign, "contacts"), Alien)
