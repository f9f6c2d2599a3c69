"""May we write to them? The table by hand, and every short history against the rule written out as nested questions."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import product
from random import Random
from uuid import UUID, uuid5

import pytest
from crm_contacts.contact import Contact, Edge, Identifier, evolve
from crm_contacts.permission import decide
from crm_events.deciding import Fact
from crm_events.language.consent import ConsentDenied, ConsentGranted

DAY = timedelta(days=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
ALI, BEH, CAM = (UUID(int=number) for number in (1, 2, 3))
MOBILE, OTHER, MAIL = (UUID(int=number) for number in (11, 12, 13))
KINDS = {MOBILE: "phone", OTHER: "phone", MAIL: "email"}

# (member, grant?, channel, contact point, day said, day it ends or None)
Word = tuple[UUID, bool, str, UUID | None, int, int | None]
Merge = tuple[UUID, UUID, int]  # absorbed, survivor, day


def day(number: int) -> datetime:
    return START + number * DAY


def cluster(words: Iterable[Word], merges: Iterable[Merge] = ()) -> dict[UUID, Contact]:
    points = tuple(Identifier(each, kind, None, None, None, START) for each, kind in KINDS.items())
    found = {ALI: Contact(START, "person", identifiers=points)} | {member: Contact(START, "person") for edge in merges for member in edge[:2] if member != ALI}
    for number, (member, granted, channel, point, said, ends) in enumerate(words):
        told = {"purpose": "marketing", "channel": channel, "text_version": "1", "effective_from": day(said)}
        told |= ({"identifier_id": point} if point else {}) | ({"effective_to": day(ends)} if ends else {})
        event = ConsentGranted(**told) if granted else ConsentDenied(**told)
        found[member] = evolve(found.get(member, Contact(START, "person")), Fact(event, uuid5(member, f"{number}"), day(said)))
    for absorbed, survivor, on in merges:
        object.__setattr__(found[absorbed], "merged", Edge(UUID(int=99), survivor, day(on)))
    return found


def allowed(words: Iterable[Word], channel: str = "sms", point: UUID | None = None, merges: Iterable[Merge] = (), on: int = 100) -> bool:
    return decide(cluster(words, merges), ("marketing", channel, point), day(on)).answer == "allow"


def yes(channel: str, said: int, point: UUID | None = None, member: UUID = ALI, ends: int | None = None) -> Word:
    return member, True, channel, point, said, ends


def no(channel: str, said: int, point: UUID | None = None, member: UUID = ALI) -> Word:
    return member, False, channel, point, said, None


TABLE: list[tuple[str, list[Word], dict[str, bool]]] = [
    ("nothing said", [], {"sms": False, "any": False}),
    ("a channel granted", [yes("sms", 1)], {"sms": True, "email": False, "any": False}),
    ("all granted", [yes("any", 1)], {"sms": True, "email": True, "any": True}),
    ("all withdrawn later", [yes("sms", 1), no("any", 2)], {"sms": False, "email": False}),
    ("a channel asked for again after that", [yes("sms", 1), no("any", 2), yes("sms", 3)], {"sms": True, "email": False, "any": False}),
    ("a grant of all does not undo the denial of one", [no("sms", 1), yes("any", 2)], {"sms": False, "email": True, "any": False}),
    ("each denial answered by its own grant", [no("sms", 1), yes("sms", 2), no("any", 3), yes("any", 4)], {"sms": True, "any": True}),
    ("a grant told late does not undo a later denial", [no("sms", 5), yes("sms", 1)], {"sms": False}),
    ("said at one moment", [yes("sms", 1), no("sms", 1)], {"sms": False}),
    ("a grant that has ended", [yes("sms", 1, ends=50)], {"sms": False}),
    ("a grant not yet ended", [yes("sms", 1, ends=150)], {"sms": True}),
    ("an ended grant undoes no denial", [yes("any", 1), no("sms", 2), yes("sms", 3, ends=50)], {"sms": False, "email": True}),
]


@pytest.mark.parametrize(("words", "answers"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_one_contacts_words_decide(words: list[Word], answers: dict[str, bool]) -> None:
    assert {channel: allowed(words, channel) for channel in answers} == answers


def test_a_contact_point_can_be_denied_alone() -> None:
    words = [yes("sms", 1), no("sms", 2, MOBILE)]
    assert not allowed(words, "sms", MOBILE)
    assert allowed(words, "sms", OTHER)
    assert not allowed(words, "sms"), "all contact points are not allowed when one of them is not"


def test_a_contact_point_can_be_granted_alone() -> None:
    words = [no("sms", 1), yes("sms", 2, MOBILE)]
    assert allowed(words, "sms", MOBILE)
    assert not allowed(words, "sms", OTHER)
    assert not allowed(words, "sms")


def test_a_telephone_denied_altogether_says_nothing_about_mail() -> None:
    words = [yes("any", 1), no("any", 2, MOBILE)]
    assert allowed(words, "email")
    assert not allowed(words, "sms")


def test_another_purpose_is_another_matter() -> None:
    assert decide(cluster([yes("any", 1)]), ("survey", "sms", None), day(9)).answer == "deny"


def test_of_two_who_became_one_the_stricter_word_holds() -> None:
    words = [no("sms", 1, member=BEH), yes("sms", 2)]
    assert not allowed(words, merges=[(BEH, ALI, 3)]), "what one granted as a stranger does not undo what the other refused"
    assert allowed([*words, yes("sms", 4)], merges=[(BEH, ALI, 3)]), "asked again as one customer"
    assert allowed([no("sms", 1), yes("sms", 2)], merges=[(BEH, ALI, 3)]), "within one of them the joining is of no matter"


def test_the_latest_merge_on_the_way_between_two_counts() -> None:
    chain = [(CAM, BEH, 3), (BEH, ALI, 6)]
    assert not allowed([no("sms", 1, member=CAM), yes("sms", 5)], merges=chain)
    assert allowed([no("sms", 1, member=CAM), yes("sms", 5, member=BEH)], merges=chain)
    assert allowed([no("sms", 1, member=CAM), yes("sms", 7)], merges=chain)
    upside_down = [(CAM, BEH, 6), (BEH, ALI, 3)]
    assert not allowed([no("sms", 1, member=CAM), yes("sms", 5)], merges=upside_down)
    assert not allowed([no("sms", 1), yes("sms", 5, member=CAM)], merges=upside_down)
    assert allowed([no("sms", 1, member=BEH), yes("sms", 5)], merges=upside_down)


def test_the_deciding_events_are_named_newest_first_and_make_the_id() -> None:
    said = cluster([yes("sms", 1), no("any", 2), no("sms", 3)])
    decision = decide(said, ("marketing", "sms", None), day(9))
    assert [each.said.at for each in decision.because] == [day(3), day(2)]
    assert decision.id("q") == decide(said, ("marketing", "sms", None), day(10)).id("q") != decision.id("r")
    assert decide(cluster([]), ("marketing", "sms", None), day(9)).because == ()


def test_what_was_said_after_the_moment_asked_about_does_not_count() -> None:
    assert not allowed([yes("sms", 10)], on=9)
    assert allowed([yes("sms", 1), no("sms", 10)], on=9)
    assert not allowed([yes("sms", 1, ends=20)], on=20)
    assert allowed([yes("sms", 1, ends=20)], on=19)


# -- the rule again, as its sentence is written: no parts, no states, every narrower key asked about one by one


def oracle(words: list[Word], channel: str, point: UUID | None, merges: list[Merge], on: int) -> bool:
    latest = {(word[0], word[2], word[3], word[1]): word for word in sorted(words, key=lambda word: word[4]) if word[4] <= on}.values()

    def one_since(one: UUID, other: UUID) -> int:
        """The day from which both are one, however they are joined: the smallest day up to which the merges connect them."""
        if one == other:
            return -1
        for limit in range(200):
            known = {one}
            for _ in merges:
                known |= {end for absorbed, survivor, merged in merges if merged <= limit and {absorbed, survivor} & known for end in (absorbed, survivor)}
            if other in known:
                return limit
        raise AssertionError("not joined")

    def over(wide: Word, narrow: tuple[str, UUID | None]) -> bool:
        return wide[2] in ("any", narrow[0]) and wide[3] in (None, narrow[1])

    def permitted(key: tuple[str, UUID | None]) -> bool:
        grants = [word for word in latest if word[1] and over(word, key) and (word[5] is None or on < word[5])]
        denials = [word for word in latest if not word[1] and over(word, key)]
        answered = [any(over(d, (g[2], g[3])) and g[4] > d[4] and g[4] > one_since(g[0], d[0]) for g in grants) for d in denials]
        return bool(grants) and all(answered)

    channels = ["any", "sms", "email", "phone", "post", "push"] if channel == "any" else [channel]
    points = [None, *KINDS] if point is None else [point]
    fits = {"phone": {"any", "sms", "phone"}, "email": {"any", "email"}}
    return all(permitted((c, p)) for c in channels for p in points if p is None or c in fits[KINDS[p]])


KEYS: list[tuple[str, UUID | None]] = [("any", None), ("sms", None), ("sms", MOBILE), ("any", MOBILE)]
QUESTIONS: list[tuple[str, UUID | None]] = [("any", None), ("sms", None), ("sms", MOBILE), ("email", None)]


def test_histories_of_three_words_are_decided_as_the_rule_is_written() -> None:
    merges = [(BEH, ALI, 4)]
    decided, histories = {True: 0, False: 0}, list(product(product((ALI, BEH), (True, False), KEYS), repeat=3))
    for days in ((1, 2, 3), (2, 3, 6), (3, 6, 7)):
        for said in Random(7).sample(histories, 400):
            words: list[Word] = [(member, granted, *key, on, None) for (member, granted, key), on in zip(said, days, strict=True)]
            state = cluster(words, merges)
            for channel, point in QUESTIONS:
                answer = decide(state, ("marketing", channel, point), day(9)).answer == "allow"
                assert answer is oracle(words, channel, point, merges, 9), (words, channel, point)
                decided[answer] += 1
    assert min(decided.values()) > 250, "the table has both answers in it"
