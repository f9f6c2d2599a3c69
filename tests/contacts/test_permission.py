"""May we write to them? The table by hand, and every short history against the rule written out as nested questions."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from random import Random
from typing import Literal
from uuid import UUID, uuid5

import pytest
from crm_contacts.contact import Contact, Edge, Identifier, evolve
from crm_contacts.permission import Key, decide
from crm_events.deciding import Fact
from crm_events.language.consent import ConsentDenied, ConsentGranted, ConsentWithdrawn
from crm_events.language.contacts import ContactEvent
from crm_events.language.privacy import PrivacyRestricted

DAY = timedelta(days=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
ALI, BEH, CAM = (UUID(int=number) for number in (1, 2, 3))
MOBILE, OTHER, MAIL = (UUID(int=number) for number in (11, 12, 13))
Status = Literal["granted", "denied", "withdrawn"]
STATUSES: tuple[Status, ...] = ("granted", "denied")
EVENTS: dict[Status, type[ContactEvent]] = {"granted": ConsentGranted, "denied": ConsentDenied, "withdrawn": ConsentWithdrawn}
KINDS = {MOBILE: "phone", OTHER: "phone", MAIL: "email"}

Merge = tuple[UUID, UUID, int]  # absorbed, survivor, day
Held = tuple[UUID, int, bool]  # whose data, from which day, restricted or free again


@dataclass(frozen=True, slots=True)
class Word:
    """What was said by whom of which key; `said`, `begins` and `ends` are days, `begins` None: when it was said."""

    member: UUID
    status: Status
    channel: str
    point: UUID | None
    said: int
    ends: int | None = None
    begins: int | None = None
    purpose: str = "marketing"

    @property
    def holds_from(self) -> int:
        return self.said if self.begins is None else self.begins


def day(number: int) -> datetime:
    return START + number * DAY


def cluster(words: Iterable[Word], merges: Iterable[Merge] = (), held: Iterable[Held] = ()) -> dict[UUID, Contact]:
    """The contacts after they were told these words, in this order, whenever they were said."""
    points = tuple(Identifier(each, kind, None, None, None, START) for each, kind in KINDS.items())
    found = {ALI: Contact(START, "person", identifiers=points)} | {member: Contact(START, "person") for edge in merges for member in edge[:2] if member != ALI}
    for number, word in enumerate(words):
        told = {"purpose": word.purpose, "channel": word.channel, "text_version": "1", "effective_from": day(word.holds_from)}
        told |= ({"identifier_id": word.point} if word.point else {}) | ({"effective_to": day(word.ends)} if word.ends else {})
        fact = Fact(EVENTS[word.status](**told), uuid5(word.member, f"{number}"), day(word.said))
        found[word.member] = evolve(found.get(word.member, Contact(START, "person")), fact)
    for number, (member, on, holds) in enumerate(held):
        event = PrivacyRestricted(request_id=UUID(int=98), restricted=holds)
        found[member] = evolve(found.get(member, Contact(START, "person")), Fact(event, uuid5(member, f"held {number}"), day(on)))
    for absorbed, survivor, on in merges:
        object.__setattr__(found[absorbed], "merged", Edge(UUID(int=99), survivor, day(on)))
    return found


def allowed(words: Iterable[Word], channel: str = "sms", point: UUID | None = None, merges: Iterable[Merge] = (), on: int = 100) -> bool:
    return decide(cluster(words, merges), ("marketing", channel, point), day(on)).answer == "allow"


def yes(channel: str, said: int, point: UUID | None = None, member: UUID = ALI, ends: int | None = None, begins: int | None = None) -> Word:
    return Word(member, "granted", channel, point, said, ends, begins)


def no(channel: str, said: int, point: UUID | None = None, member: UUID = ALI) -> Word:
    return Word(member, "denied", channel, point, said)


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
    ("a grant of next month", [yes("sms", 1, begins=150)], {"sms": False}),
    ("a grant of next month undoes no denial", [yes("any", 1), no("sms", 2), yes("sms", 3, begins=150)], {"sms": False, "email": True}),
    ("a denial told late is undone by the grant after it", [yes("sms", 5), no("sms", 1)], {"sms": True}),
    ("the last word on a key holds, with its own end", [yes("sms", 1), yes("sms", 2, ends=50)], {"sms": False}),
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


def oracle(words: list[Word], question: Key, merges: list[Merge], held: list[Held], on: int) -> bool:
    purpose, channel, point = question
    spoken = [word for word in words if word.purpose == purpose and word.said <= on]
    latest = {(word.member, word.channel, word.point, word.status == "granted"): word for word in sorted(spoken, key=lambda word: word.said)}.values()
    if any({member: holds for member, _, holds in sorted(held)}.values()):  # each one's last
        return False

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
        return wide.channel in ("any", narrow[0]) and wide.point in (None, narrow[1])

    def permitted(key: tuple[str, UUID | None]) -> bool:
        in_force = [word for word in latest if word.status == "granted" and word.holds_from <= on and (word.ends is None or on < word.ends)]
        grants = [word for word in in_force if over(word, key)]
        denials = [word for word in latest if word.status != "granted" and over(word, key)]
        answered = [any(over(d, (g.channel, g.point)) and g.said > d.said and g.said > one_since(g.member, d.member) for g in grants) for d in denials]
        return bool(grants) and all(answered)

    channels = ["any", "sms", "email", "phone", "post", "push"] if channel == "any" else [channel]
    points = [None, *KINDS] if point is None else [point]
    fits = {"phone": {"any", "sms", "phone"}, "email": {"any", "email"}}
    return all(permitted((c, p)) for c in channels for p in points if p is None or c in fits[KINDS[p]])


KEYS: list[tuple[str, UUID | None]] = [("any", None), ("sms", None), ("sms", MOBILE), ("any", MOBILE)]
QUESTIONS: list[tuple[str, UUID | None]] = [("any", None), ("sms", None), ("sms", MOBILE), ("email", None)]
MERGES: list[Merge] = [(BEH, ALI, 4)]


def test_histories_of_three_words_are_decided_as_the_rule_is_written() -> None:
    decided, histories = {True: 0, False: 0}, list(product(product((ALI, BEH), STATUSES, KEYS), repeat=3))
    for days in ((1, 2, 3), (2, 3, 6), (3, 6, 7)):
        for said in Random(7).sample(histories, 400):
            words = [Word(member, status, *key, on) for (member, status, key), on in zip(said, days, strict=True)]
            state = cluster(words, MERGES)
            for channel, point in QUESTIONS:
                key = "marketing", channel, point
                answer = decide(state, key, day(9)).answer == "allow"
                assert answer is oracle(words, key, MERGES, [], 9), (words, channel, point)
                decided[answer] += 1
    assert min(decided.values()) > 250, "the table has both answers in it"


def any_word(dice: Random) -> Word:
    """Any purpose, key, beginning and end; most are grants, so that both answers are met."""
    member, (channel, point), said = dice.choice((ALI, BEH, CAM)), dice.choice(KEYS), dice.randrange(1, 9)
    purpose = dice.choice(("marketing", "marketing", "survey"))
    if dice.random() < 0.35:
        return Word(member, dice.choice(("denied", "withdrawn")), channel, point, said, purpose=purpose)
    begins = dice.choice((None, None, said + 2, said - 1))
    return Word(member, "granted", channel, point, said, dice.choice((None, None, said + 3)), begins, purpose)


@pytest.mark.parametrize("seed", range(8))
def test_any_history_told_in_any_order_is_decided_as_the_rule_is_written(seed: int) -> None:
    """Grants that begin later or end, another purpose, words told late, a restriction in between, three contacts that became one in two steps."""
    dice, decided = Random(seed), {True: 0, False: 0}
    for _ in range(150):
        words = [any_word(dice) for _ in range(dice.randrange(1, 7))]
        merges = dice.choice(([(BEH, ALI, 4), (CAM, ALI, 2)], [(CAM, BEH, 3), (BEH, ALI, 6)], [(CAM, BEH, 6), (BEH, ALI, 3)]))
        held = [(dice.choice((ALI, CAM)), dice.randrange(1, 9), dice.random() < 0.5) for _ in range(dice.choice((0, 0, 0, 1, 2)))]
        held = list({(member, since): (member, since, holds) for member, since, holds in held}.values())
        state = cluster(words, merges, held)
        for purpose, (channel, point), on in product(("marketing", "survey"), QUESTIONS, (9, 12)):
            key = purpose, channel, point
            answer = decide(state, key, day(on)).answer == "allow"
            assert answer is oracle(words, key, merges, held, on), (words, merges, held, key, on)
            decided[answer] += 1
    assert min(decided.values()) > 100, "the table has both answers in it"
