"""Does a document say what its events say, in whatever order and however late they come?"""

import uuid
from datetime import timedelta
from random import Random

import pytest
from crm_events.language.contacts import ContactDetailsChanged, ContactMerged, ContactRegistered, ContactUnmerged
from crm_events.language.loyalty import PointsEarned, RuleUsed
from crm_events.language.tickets import TicketMessageAdded, TicketOpened, TicketSplit
from crm_reporting.documents import apply, decode, digest, encode, merged_into
from crm_reporting.documents_contacts import edge
from crm_reporting.entry import Entry
from crm_reporting.folding import fold_all
from histories import history
from hypothesis import given
from hypothesis import strategies as st
from telling import START, Teller, entries, told

ANN = uuid.UUID("0197f0c2-5a8e-7c41-9b1a-2f6f3f8f0d11")
BOB = uuid.UUID("0197f0c2-5a8e-7c41-9b1a-2f6f3f8f0d12")
SEEDS = st.integers(0, 2**32)


def named(name: str) -> ContactDetailsChanged:
    return ContactDetailsChanged(name=name)


def fold(*of: Entry) -> dict:
    document: dict = {}
    for entry in of:
        document = apply(document, entry)
    return document


def test_a_late_fact_does_not_overwrite_a_newer_one() -> None:
    teller = Teller()
    teller.tell(ContactRegistered(kind="person", name="s1.first", contact_type="internal", roles=()), ANN, at=START)
    teller.tell(named("s1.newest"), ANN, at=START + timedelta(days=9))
    teller.tell(named("s1.late"), ANN, at=START + timedelta(days=4))
    assert fold(*entries(teller.told))["profile"]["name"][str(ANN)][2] == "s1.newest"


def test_of_two_facts_of_one_moment_the_one_told_later_counts() -> None:
    teller = Teller()
    for name in ("s1.one", "s1.two"):
        teller.tell(named(name), ANN, at=START)
    assert fold(*reversed(entries(teller.told)))["profile"]["name"][str(ANN)][2] == "s1.two"


def test_what_was_cleared_is_not_what_was_never_told() -> None:
    document = fold(told(ContactDetailsChanged(language=None), ANN))
    assert document["profile"]["language"][str(ANN)][2] is None
    assert "time_zone" not in document["profile"]


def test_a_fold_leaves_the_document_before_it_as_it_was() -> None:
    teller = Teller()
    teller.tell(named("s1.a"), ANN)
    teller.tell(named("s1.b"), ANN)
    one, two = entries(teller.told)
    before = fold(one)
    text = encode(before)
    apply(before, two)
    assert encode(before) == text


@given(SEEDS)
def test_a_document_does_not_depend_on_the_order_of_its_events(seed: int) -> None:
    told_in_order = entries(history(seed).told)
    shuffled = list(told_in_order)
    Random(seed).shuffle(shuffled)
    one, other = [{where: folded.document for where, folded in fold_all(of).items()} for of in (told_in_order, shuffled)]
    assert one == other


@given(SEEDS, st.integers(0, 100))
def test_any_part_of_a_history_can_be_folded(seed: int, share: int) -> None:
    random = Random(seed)
    part = [entry for entry in entries(history(seed, customers=2).told) if random.randrange(100) < share]
    assert sum(folded.document["events"] for folded in fold_all(part).values()) == len(part)


def test_a_document_survives_its_own_text() -> None:
    for folded in fold_all(entries(history(7).told)).values():
        text = encode(folded.document)
        assert decode(text) == folded.document
        assert digest(encode(decode(text))) == digest(text)


def test_an_edge_is_there_until_it_is_taken_back() -> None:
    teller, first, second = Teller(), uuid.uuid4(), uuid.uuid4()
    teller.tell(ContactMerged(merge_id=first, survivor_id=BOB, cause="manual", evidence=()), ANN)
    merged, carol = fold(*entries(teller.told)), uuid.uuid4()
    assert merged_into("contacts", merged, str(ANN)) == str(BOB)
    teller.tell(ContactUnmerged(merge_id=first, survivor_id=BOB), ANN)
    assert edge(fold(*entries(teller.told)), str(ANN)) is None
    teller.tell(ContactMerged(merge_id=second, survivor_id=carol, cause="manual", evidence=()), ANN)
    assert merged_into("contacts", fold(*entries(teller.told)), str(ANN)) == str(carol)


def test_a_message_waits_until_a_later_public_answer() -> None:
    teller, ticket = Teller(), uuid.uuid4()
    opened = {"kind": "question", "channel": "web", "priority": "low", "subject": "s1.s", "text": "s1.t"}
    teller.tell(TicketOpened(**opened, author_kind="agent"), ANN, stream=ticket, at=START)
    words = {"message_id": uuid.uuid4(), "channel": "web", "text": "s1.t"}

    def waiting(author: str, visibility: str, hours: int) -> int:
        message = TicketMessageAdded(**words | {"message_id": uuid.uuid4()}, author_kind=author, visibility=visibility)
        teller.tell(message, ANN, stream=ticket, at=START + timedelta(hours=hours))
        return len(fold(*entries(teller.told))["tickets"][str(ticket)].get("unanswered", {}))

    said = [
        ("customer", "public", 2),
        ("agent", "internal", 3),
        ("agent", "public", 1),
        ("customer", "public", 5),
        ("agent", "public", 4),
        ("agent", "public", 6),
    ]
    assert [waiting(*one) for one in said] == [1, 1, 1, 2, 1, 0]


def test_a_message_that_became_a_ticket_of_its_own_waits_there() -> None:
    for order in (1, -1):
        teller, ticket, asked = Teller(), uuid.uuid4(), uuid.uuid4()
        opened = TicketOpened(kind="question", channel="web", priority="low", subject="s1.s", text="s1.t", author_kind="agent")
        message = TicketMessageAdded(message_id=asked, channel="web", text="s1.t", author_kind="customer", visibility="public")
        for event in [opened, *[message, TicketSplit(other_id=uuid.uuid4(), message_ids=(asked,))][::order]]:
            teller.tell(event, ANN, stream=ticket, at=START)
        assert fold(*entries(teller.told))["tickets"][str(ticket)]["unanswered"] == {}


def test_points_that_are_all_gone_leave_nothing_in_the_document() -> None:
    sold = [folded.document for (source, _), folded in fold_all(entries(history(3, customers=20).told)).items() if source == "loyalty"]
    lots = [lot for document in sold for member in document["members"].values() for lot in member.get("lots", {}).values()]
    assert lots
    assert all(any(lot.get(account) for account in ("pending", "available", "reserved")) for lot in lots)


def test_a_sum_beyond_64_bits_is_refused_and_not_cut() -> None:
    earned = {"lot_id": uuid.uuid4(), "points": 2**53 - 1, "rule": RuleUsed(programme="club", version=1, id="base"), "lines": (), "trace": ()}
    lot = PointsEarned(**earned, activates_at=START, transaction_id=uuid.uuid4(), debt_repaid=0)
    entry = told(lot, ANN, stream=uuid.uuid4(), at=START)
    document = apply({}, entry)
    for _ in range(11):
        document = apply(document, entry)
        document["members"][entry.stream_id]["lots"][entry.payload["lot_id"]]["available"] *= 2
    with pytest.raises(TypeError):
        encode(document)
