"""Is every fact a function of its one event, in the columns its table has?"""

import re
import uuid
from collections import Counter
from datetime import timedelta

import asyncpg
import pytest
from crm_events.event import Money
from crm_events.language.contacts import ContactMerged, ContactRegistered, InteractionRecorded, Source
from crm_events.language.lots import Lot
from crm_events.language.loyalty import (
    Line,
    PointsAdjusted,
    PointsEarned,
    PointsRedeemed,
    PointsReversed,
    ReturnRecorded,
    RuleUsed,
    TierQualified,
    TransactionRecorded,
)
from crm_events.language.reference import TargetSet
from crm_events.language.sla import SlaClockBreached
from crm_events.language.tickets import TicketCsatGiven, TicketOpened
from crm_reporting.copying import line
from crm_reporting.facts import KEY, TABLES, facts
from crm_reporting.folding import fold_all
from histories import history
from hypothesis import given
from hypothesis import strategies as st
from telling import START, entries, told

ANN, OTHER = uuid.uuid4(), uuid.uuid4()
OF = {"programme": "club", "programme_version": 3}


def rows(event, **where) -> list[tuple[str, dict]]:
    return [(table, dict(zip((*KEY, *TABLES[table]), row, strict=True))) for table, row in facts(told(event, ANN, **where))]


def values(event, *columns: str, **where) -> list[tuple]:
    return [tuple(row[column] for column in columns) for _, row in rows(event, **where)]


async def test_every_table_has_the_columns_that_facts_fill(reporting: str) -> None:
    connection = await asyncpg.connect(reporting)
    for table, columns in TABLES.items():
        there = await connection.fetch("select column_name from information_schema.columns where table_schema = 'b1' and table_name = $1", table)
        assert {row["column_name"] for row in there} == {*KEY, *columns}, table
    await connection.close()


def test_an_event_about_no_customer_makes_no_fact() -> None:
    target = TargetSet(name="csat", version=1, value="0.8", unit="share", scope="company", valid_from=START)
    assert facts(told(target)) == []


def test_a_registration_says_where_the_customer_was_first_heard_of() -> None:
    event = ContactRegistered(kind="person", contact_type="internal", roles=(), source=Source(system="web"))
    assert values(event, "funnel", "stage", "origin", "subject_id") == [("lifecycle", "registered", "web", str(ANN))]


def test_an_interaction_without_a_conversation_is_one_by_itself() -> None:
    identity = uuid.uuid4()
    event = InteractionRecorded(interaction_id=identity, channel="web", direction="inbound")
    assert values(event, "conversation_id", "direction") == [(str(identity), "inbound")]


def test_a_merge_names_the_absorbed_one_as_its_customer() -> None:
    event = ContactMerged(merge_id=uuid.uuid4(), survivor_id=OTHER, cause="rule", rule="r", rule_version="2", evidence=())
    assert values(event, "customer_id", "survivor_id", "state", "cause", "rule") == [(str(ANN), str(OTHER), "merged", "rule", "r")]


def test_the_opening_of_a_ticket_is_a_step_and_its_first_message() -> None:
    ticket = uuid.uuid4()
    event = TicketOpened(kind="complaint", channel="web", priority="high", subject="s1.s", text="s1.t", author_kind="customer")
    found = dict(rows(event, stream=ticket))
    assert (found["ticket_step"]["step"], found["ticket_step"]["kind"]) == ("opened", "complaint")
    assert (found["message"]["message_id"], found["message"]["visibility"]) == (str(ticket), "public")
    assert "s1.s" not in str(found)
    split = event.model_copy(update={"split_from": uuid.uuid4()})
    assert [table for table, _ in rows(split, stream=ticket)] == ["ticket_step"], "it was said, and counted, on the other ticket"


def test_one_rating_makes_a_row_a_scale() -> None:
    event = TicketCsatGiven(score=4, courtesy=5, channel="web", revision=2)
    assert values(event, "n", "kind", "score", "scale_max", "revision") == [(1, "csat", 4, 5, 2), (2, "courtesy", 5, 5, 2)]


def test_a_verdict_is_kept_or_not() -> None:
    clock = {"metric": "resolution", "instance": 2, "target_minutes": 60, "due_at": START, "started_at": START, "revision": 1, "business_seconds": 4000}
    assert values(SlaClockBreached(**clock, priority="low"), "kind", "instance", "kept", "due_at") == [("resolution", 2, False, "2026-01-01T09:00:00.000Z")]


LINES = (
    Line(line=1, sku="a", category="tea", quantity=3, list_price=100, paid_price=80, unit_cost=50),
    Line(line=2, sku="b", category="cup", quantity=1, list_price=500, paid_price=500),
)


def test_lines_hold_totals_and_a_return_their_negatives() -> None:
    head = {"transaction_id": uuid.uuid4(), "member_id": uuid.uuid4(), "channel": "shop", "currency": "EUR", "lines": LINES}
    sums = ("line", "kind", "quantity", "list_amount", "paid_amount", "cost_amount")
    assert values(TransactionRecorded(**head, document="A-1"), *sums) == [(1, "sale", 3, 300, 240, 150), (2, "sale", 1, 500, 500, None)]
    returned = ReturnRecorded(**head, return_id=uuid.uuid4(), sold_at=START)
    assert values(returned, *sums) == [(1, "return", -3, -300, -240, -150), (2, "return", -1, -500, -500, None)]


def lot(points: int, taken_from: str = "available") -> Lot:
    return Lot(lot_id=uuid.uuid4(), points=points, earned_at=START, taken_from=taken_from)


def test_what_repays_a_debt_goes_on_from_where_it_arrived() -> None:
    earned = {"lot_id": uuid.uuid4(), "points": 50, "rule": RuleUsed(programme="club", version=1, id="base"), "lines": (), "trace": ()}
    at_once = PointsEarned(**earned, activates_at=START, transaction_id=uuid.uuid4(), debt_repaid=20)
    assert values(at_once, "from_account", "to_account", "points", at=START) == [("issued", "available", 50), ("available", "debt", 20)]
    later = PointsEarned(**earned, activates_at=START + timedelta(days=1), transaction_id=uuid.uuid4(), debt_repaid=0)
    assert values(later, "from_account", "to_account", "points", "programme", at=START) == [("issued", "pending", 50, "club")]


def test_what_no_lot_could_give_is_taken_from_the_debt() -> None:
    event = PointsReversed(**OF, transaction_id=uuid.uuid4(), return_id=uuid.uuid4(), points=30, lots=(lot(20, "pending"),), debt=10)
    assert values(event, "from_account", "to_account", "points") == [("pending", "reversed", 20), ("debt", "reversed", 10)]
    event = PointsAdjusted(**OF, adjustment_id=uuid.uuid4(), points=-30, reason="correction", lots=(lot(30),), debt=0, debt_repaid=0)
    assert values(event, "from_account", "to_account", "points", "reason") == [("available", "reversed", 30, "correction")]


def test_the_value_of_a_redemption_is_shared_out_to_the_last_unit() -> None:
    event = PointsRedeemed(**OF, redemption_id=uuid.uuid4(), points=7, lots=(lot(2), lot(3), lot(2)), value=Money(amount=100, currency="EUR"))
    shares = [amount for (amount,) in values(event, "amount")]
    assert sum(shares) == 100
    assert all(share > 0 for share in shares)


def test_a_tier_step_says_from_where() -> None:
    step = {"tier": "gold", "previous": "silver", "basis": "points", "qualifying": 900, "window_from": START, "window_to": START + timedelta(days=365)}
    assert values(TierQualified(**OF, **step), "stage", "previous_stage", "reason") == [("gold", "silver", "qualified")]


@given(st.integers(0, 2**32))
def test_movements_of_lots_add_up_to_what_documents_hold(seed: int) -> None:
    told_ = entries(history(seed, customers=2, many=8).told)
    moved: Counter[tuple[str, str]] = Counter()
    for entry in told_:
        for table, row in facts(entry):
            if table == "lot_movement":
                fact = dict(zip((*KEY, *TABLES[table]), row, strict=True))
                moved[fact["customer_id"], fact["to_account"]] += fact["points"]
                moved[fact["customer_id"], fact["from_account"]] -= fact["points"]
    for (source, customer), folded in fold_all(told_).items():
        for account in ("pending", "available", "reserved") if source == "loyalty" else ():
            held = sum(one.get(account, 0) for member in folded.document.get("members", {}).values() for one in member.get("lots", {}).values())
            assert held == moved[customer, account], account


def test_text_that_would_break_a_copy_is_escaped() -> None:
    assert line(("a\tb\\c\nd", None, True, 5, b"\x01", ["x", 'y"z'])) == 'a\\tb\\\\c\\nd\t\\N\tt\t5\t\\\\x01\t{"x","y\\\\"z"}\n'


_COPIED = {r"\t": "\t", r"\n": "\n", r"\r": "\r", r"\\": "\\"}


def _read(text: str) -> str | None:
    return None if text == r"\N" else re.sub(r"\\.", lambda found: _COPIED[found[0]], text)


@given(st.lists(st.none() | st.text(alphabet="\t\n\r\\\0aN", max_size=3), min_size=1))
def test_every_text_of_a_row_is_read_back_as_it_was(row: list[str | None]) -> None:
    made = line(row)
    assert made.endswith("\n")
    assert [_read(text) for text in made[:-1].split("\t")] == row


def test_an_amount_that_no_column_holds_is_refused() -> None:
    with pytest.raises(ValueError, match="64 bits"):
        line((2**63,))
