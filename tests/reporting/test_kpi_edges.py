"""Do the figures hold at the edges: at a period's very start and end, for segments, for what was told anew, and at size?"""

import asyncio
import uuid
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest
from contacts_client import Api, ok
from crm_events.event import Event, utc_text
from crm_events.language.contacts import ContactAbsorbed, ContactMerged, ContactRegistered, InteractionRecorded, Source
from crm_events.language.lots import Lot
from crm_events.language.loyalty import Line, MemberEnrolled, PointsAdjusted, PointsEarned, PointsRedeemed, RedemptionReversed, RuleUsed, TransactionRecorded
from crm_events.language.tickets import (
    TicketCsatGiven,
    TicketFirstResponseMade,
    TicketMessageAdded,
    TicketOpened,
    TicketRemeasured,
    TicketResolved,
)
from crm_reporting.kpis.asking import MOST_GROUPS, Asked, evidence, figure
from crm_reporting.kpis.catalogue import KPIS
from reporting_story import Story
from telling import START, Teller

FROM, TO = START - timedelta(days=60), START - timedelta(days=10)
MOMENT, WINDOW = timedelta(milliseconds=1), timedelta(days=365)


class Told:
    """What happened, by customer, and the figures over it."""

    def __init__(self, connection: asyncpg.Connection, project: Any) -> None:
        self.connection, self.project, self.teller = connection, project, Teller()

    async def tell(self, event: Event, customer: uuid.UUID, at: datetime = FROM, stream: uuid.UUID | None = None) -> None:
        await self.project([self.teller.tell(event, customer, stream=stream or uuid.uuid4(), at=at)])

    async def buy(self, customer: uuid.UUID, at: datetime, price: int = 100, *, currency: str = "EUR", member: uuid.UUID | None = None) -> uuid.UUID:
        sale = uuid.uuid4()
        line = Line(line=1, sku="s", category="tea", quantity=1, list_price=200, paid_price=price)
        fields = {"transaction_id": sale, "member_id": member or customer, "document": str(sale), "channel": "web", "currency": currency, "lines": (line,)}
        await self.tell(TransactionRecorded(**fields), customer, at, sale)
        return sale

    async def ask(
        self, name: str, *, start: datetime = FROM, end: datetime = TO, known_at: datetime = START + timedelta(days=9), **fields: Any
    ) -> dict[str, Any]:
        found = await figure(self.connection, "b1", Asked(KPIS[name], start, end, known_at, **fields))
        seen, after = [], None
        while True:  # whatever is counted has its evidence, page by page
            page, after = await evidence(self.connection, "b1", Asked(KPIS[name], start, end, known_at, **fields), after, 2)
            seen += page
            if after is None:
                break
        assert len({(row["source"], row["position"], row["n"]) for row in seen}) == len(seen), name
        assert len({row["event_id"] for row in seen}) == found["input_event_count"], name
        return found

    async def parts(self, name: str, **fields: Any) -> tuple[float, float]:
        found = await self.ask(name, **fields)
        return found["numerator"], found["denominator"]


@pytest.fixture
def told(connection: asyncpg.Connection, project: Any) -> Told:
    return Told(connection, project)


def people(number: int) -> list[uuid.UUID]:
    return [uuid.uuid4() for _ in range(number)]


async def test_a_period_begins_with_its_first_moment_and_a_window_with_the_one_after(told: Told) -> None:
    early, barely, lapsing, kept, late, before = people(6)
    await told.buy(early, FROM - WINDOW)  # a moment too old to be active at the start
    await told.buy(barely, FROM - WINDOW + MOMENT)
    await told.buy(lapsing, TO - WINDOW)  # active at the start; a moment too old at the end
    await told.buy(kept, FROM)
    await told.buy(late, TO)  # active at the end, and not in the period
    await told.buy(before, FROM - MOMENT)
    assert await told.parts("retention_rate") == (2, 4)
    assert await told.parts("churn_rate") == (2, 4)
    assert await told.parts("new_customers") == (1, 1)
    assert await told.parts("repeat_purchase_rate") == (0, 3)
    assert await told.parts("revenue_per_customer") == (100, 3)
    assert await told.parts("repeat_revenue_share") == (0, 100)
    assert await told.parts("discount_rate") == (100, 200)
    assert (await told.ask("rfm"))["value"] == 6 == sum(group["value"] for group in (await told.ask("rfm"))["groups"])
    assert (await told.parts("retention_rate", start=TO, end=TO + timedelta(days=1)))[1] == 3, "active at one period's end is active at the next one's start"


async def test_a_period_longer_than_the_window_counts_nobody_who_came_and_went_in_it(told: Told) -> None:
    customer, other = people(2)
    await told.buy(customer, FROM - timedelta(days=1000))
    await told.buy(other, FROM - timedelta(days=1500))
    found = await told.ask("retention_rate", start=FROM - timedelta(days=1400))
    assert (found["numerator"], found["denominator"], found["input_event_count"]) == (0, 1, 1)


async def test_a_purchase_is_paid_for_and_its_intervals_end_in_the_period(told: Told) -> None:
    [customer] = people(1)
    for days in (-20, -10, 0, 30, 50):  # from FROM; the last one is TO
        await told.buy(customer, FROM + timedelta(days=days))
    await told.buy(customer, FROM + timedelta(days=5), 0)
    found = await told.ask("purchase_interval")
    assert (found["value"], found["numerator"], found["denominator"], found["median"]) == (20, 40, 2, 20)
    assert [(group["key"], group["value"]) for group in (await told.ask("purchase_interval", by="month"))["groups"]] == [("2025-12", 30), ("2025-11", 10)]
    assert await told.parts("new_customers") == (0, 1)


async def test_where_a_new_customer_came_from_is_what_the_first_registration_of_them_all_said(told: Told) -> None:
    one, two, unknown = people(3)
    for customer, system, days in ((one, "web", 2), (two, "shop", 5)):
        registered = ContactRegistered(kind="person", contact_type="external_actual", roles=("buyer",), source=Source(system=system, reference="1"))
        await told.tell(registered, customer, FROM - timedelta(days=days), customer)
    merge = uuid.uuid4()
    await told.tell(ContactMerged(merge_id=merge, survivor_id=one, cause="manual", evidence=()), two, FROM, two)
    await told.tell(ContactAbsorbed(merge_id=merge, absorbed_id=two), one, FROM, one)
    await told.buy(one, FROM)
    await told.buy(unknown, FROM)
    groups = (await told.ask("new_customers", by="source"))["groups"]
    assert {(group["key"], group["value"]) for group in groups} == {("shop", 1), (None, 1)}


async def test_interactions_are_counted_from_the_first_moment_and_customers_over_the_window(told: Told) -> None:
    one, two, three, four, five = people(5)
    start = TO - WINDOW  # the default period is as long as the window: one begins with this moment, the other after it
    spoken = [(one, start, "phone"), (one, TO, "phone"), (two, start - MOMENT, "phone"), (two, TO - MOMENT, "web"), (five, start - MOMENT, "web")]
    for customer, at, channel in spoken:
        await told.tell(InteractionRecorded(interaction_id=uuid.uuid4(), channel=channel, direction="inbound"), customer, at)
    message = {"message_id": uuid.uuid4(), "author_kind": "agent", "author_id": "a", "visibility": "public", "channel": "web", "text": "s1.t"}
    await told.tell(TicketMessageAdded(**message), three, TO)
    await told.tell(TicketMessageAdded(**message | {"message_id": uuid.uuid4()}), four, start)  # a moment too old
    assert await told.parts("interactions_per_customer", start=start) == (2, 3)
    groups = (await told.ask("interactions_per_customer", start=start, by="channel"))["groups"]
    assert {(group["key"], group["numerator"], group["denominator"]) for group in groups} == {("phone", 1, 3), ("web", 1, 3)}
    assert await told.parts("interactions_per_customer", start=start - timedelta(days=1)) == (4, 3), "a longer period counts more talk, and no more customers"


async def test_a_figure_of_a_segment_counts_nobody_else_above_or_below_the_line(api: Api, story: Story) -> None:
    waiting, happy, silent = [await story.person() for _ in range(3)]
    for customer in (waiting, happy):
        await story.buy(customer, 1000)
    complaint = {"kind": "complaint", "channel": "web", "priority": "high", "subject": "s1.s", "text": "s1.t", "author_kind": "customer"}
    await story.tell(TicketOpened(**complaint), waiting, stream=uuid.uuid4())
    await story.call(silent)
    await story.composed()
    period = f"from={utc_text(START - timedelta(days=1))}&to={utc_text(START + timedelta(days=1))}"

    async def parts(name: str, segment: str) -> tuple[float, float]:
        found = ok(await api.get(f"/v1/kpis/{name}?{period}&segment={segment}"))
        return found["numerator"], found["denominator"]

    assert await parts("complaint_rate", "") == (1, 2)
    assert await parts("complaint_rate", "waiting") == (1, 1)
    assert await parts("complaint_rate", "never_bought") == (0, 0)
    assert await parts("revenue_per_customer", "waiting,buyers") == (1000, 1)
    assert await parts("interactions_per_customer", "never_bought") == (1, 1)
    assert await parts("discount_rate", "waiting") == (0, 1000)
    rfm = ok(await api.get(f"/v1/kpis/rfm?{period}&segment=waiting"))
    assert rfm["value"] == 1 == sum(group["value"] for group in rfm["groups"])


def resolved(ticket: uuid.UUID, seconds: int, revision: int = 1, attempt: int = 1) -> dict[str, Any]:
    measures = {f"{measure}_{unit}": seconds // 2 for measure in ("requester_wait", "agent_work") for unit in ("seconds", "business_seconds")}
    return {**measures, "resolution_seconds": seconds, "resolution_business_seconds": 60, "agent_replies": 1, "revision": revision, "attempt": attempt}


async def test_a_measure_told_again_counts_once_with_what_the_ticket_was(told: Told) -> None:
    [customer] = people(1)
    ticket, other = people(2)
    head = {"resolution": "s1.r", "kind": "complaint", "priority": "high", "agent_id": "ann", "category": "late", "opened_at": FROM}
    await told.tell(TicketResolved(**head, **resolved(ticket, 600)), customer, FROM + timedelta(days=1), ticket)
    known = told.teller.told[-1].recorded_at
    await told.tell(TicketRemeasured(**resolved(ticket, 1200, 2)), customer, FROM + timedelta(days=1), ticket)
    await told.tell(TicketResolved(**head | {"kind": "question"}, **resolved(other, 60)), customer, FROM, other)
    await told.tell(
        TicketResolved(**head | {"kind": "question", "priority": "low"}, **resolved(other, 240, attempt=2)), customer, FROM + timedelta(days=2), other
    )
    found = await told.ask("resolution_time")
    assert (found["value"], found["numerator"], found["denominator"], found["mean"], found["p90"]) == (12, 24, 2, 12, pytest.approx(18.4))
    for by in ("kind", "priority", "category", "agent"):
        groups = (await told.ask("resolution_time", by=by))["groups"]
        assert sum(group["denominator"] for group in groups) == 2 and None not in [group["key"] for group in groups], by
    assert {(group["key"], group["value"]) for group in (await told.ask("resolution_time", by="kind"))["groups"]} == {("complaint", 20), ("question", 4)}
    assert {(group["key"], group["value"]) for group in (await told.ask("resolution_time", by="priority"))["groups"]} == {("high", 20), ("low", 4)}
    measures = {group["key"]: group["numerator"] for group in (await told.ask("resolution_time", by="measure"))["groups"]}
    assert measures == {
        "resolution": 24,
        "resolution_business": 2,
        **dict.fromkeys(("requester_wait", "requester_wait_business", "agent_work", "agent_work_business"), 12),
    }
    assert (await told.ask("resolution_time", known_at=known))["value"] == 10, "as it was known then"


async def test_of_scores_and_answers_told_again_the_highest_revision_known_counts(told: Told) -> None:
    customer, ticket = people(2)
    for revision, score in enumerate((5, 2, 3), 1):
        answered = {"message_id": ticket, "agent_id": "a", "channel": "web", "elapsed_seconds": 1, "business_seconds": 60 * revision}
        await told.tell(TicketFirstResponseMade(**answered, revision=revision), customer, FROM, ticket)
        await told.tell(TicketCsatGiven(score=score, courtesy=1, channel="web", revision=revision), customer, FROM, ticket)
    at = {n: told.teller.told[2 * n - 1].recorded_at for n in (1, 2, 3)}
    for revision, (score, content) in {1: (5, 1), 2: (2, 0), 3: (3, 0)}.items():
        found = await told.ask("csat", known_at=at[revision])
        assert (found["mean"], found["numerator"], found["denominator"]) == (score, content, 1)
        assert (await told.ask("first_reply_time", known_at=at[revision]))["value"] == revision
    await told.tell(TicketCsatGiven(score=4, channel="web", revision=1), customer, FROM, customer)
    found = await told.ask("csat")
    assert (found["mean"], found["value"]) == (3.5, 50)
    found = await told.ask("first_reply_time")
    assert (found["median"], found["p90"], found["mean"]) == (3, 3, 3)


async def test_points_are_set_against_what_members_of_a_programme_spent(told: Told) -> None:
    member, guest, customer = people(3)
    await told.tell(MemberEnrolled(programme="club"), customer, FROM, member)
    await told.tell(MemberEnrolled(), customer, FROM, guest)
    sale = await told.buy(customer, FROM, 1000, member=member)
    await told.buy(customer, FROM, 5000, member=guest)
    earned = {"rule": RuleUsed(programme="club", version=1, id="base"), "lines": (), "trace": (), "debt_repaid": 3}
    lot = uuid.uuid4()
    await told.tell(PointsEarned(**earned, lot_id=lot, points=10, transaction_id=sale, activates_at=FROM), customer, FROM, member)
    given = {"programme": "club", "programme_version": 1, "adjustment_id": uuid.uuid4(), "reason": "goodwill", "lots": (), "debt": 0, "debt_repaid": 0}
    await told.tell(PointsAdjusted(**given, points=7, lot_id=uuid.uuid4()), customer, FROM, member)
    assert await told.parts("earn_rate") == (10, 1000)
    assert [group["key"] for group in (await told.ask("earn_rate", by="programme"))["groups"]] == ["club"]
    taken = (Lot(lot_id=lot, points=4, earned_at=FROM, taken_from="available"),)
    held = {"programme": "club", "programme_version": 1, "redemption_id": uuid.uuid4(), "points": 4, "lots": taken}
    await told.tell(PointsRedeemed(**held), customer, TO + timedelta(days=3), member)  # later than the period: it is the cohort's all the same
    assert await told.parts("redemption_rate") == (4, 17)
    assert {group["key"]: group["numerator"] for group in (await told.ask("redemption_rate", by="month"))["groups"]} == {"2025-11": 4}
    await told.tell(RedemptionReversed(**held), customer, TO + timedelta(days=4), member)
    assert await told.parts("redemption_rate") == (0, 17)
    assert (await told.ask("redemption_rate", start=TO))["null_reason"] == "nothing-counted"


async def test_complaints_are_set_against_purchases_too(told: Told) -> None:
    one, two = people(2)
    for customer in (one, one, two):
        await told.buy(customer, FROM)
    await told.buy(two, TO)
    complaint = {"kind": "complaint", "channel": "web", "priority": "high", "subject": "s1.s", "text": "s1.t", "author_kind": "customer"}
    await told.tell(TicketOpened(**complaint), one)
    await told.tell(TicketOpened(**complaint | {"kind": "question"}), one)
    found = await told.ask("complaint_rate")
    assert (found["value"], found["per_1000_purchases"]) == (50, pytest.approx(333.3333))


_FACT = "source, position, n, partition, event_id, customer_id, occurred_at, recorded_at"
_LINES = f"""
insert into b1.transaction_line ({_FACT}, transaction_id, member_id, kind, line, channel, sku, category, quantity, list_amount, paid_amount, currency)
select 'loyalty', p, 1, 0, gen_random_uuid(), md5('c' || p % $2)::uuid, $3::timestamptz + p * interval '1 minute', $3, md5('t' || p)::uuid,
    md5('m' || p % $2)::uuid, 'sale', 1, 'web', 's', 'k', 1, $4, $4, 'EUR' from generate_series(1, $1::int) p
"""
_STAGES = f"""
insert into b1.stage_entry ({_FACT}, funnel, subject_id, stage, origin)
select 'contacts', p, 1, 0, gen_random_uuid(), md5('c' || p)::uuid, $2::timestamptz, $2, 'lifecycle', md5('c' || p)::uuid, 'registered', 'web'
from generate_series(0, $1::int) p
union all
select 'loyalty', 1000000 + p, 1, 0, gen_random_uuid(), md5('c' || p)::uuid, $2, $2, 'membership', md5('m' || p)::uuid, 'enrolled', 'club'
from generate_series(0, $1::int) p
"""
_LOTS = f"""
insert into b1.lot_movement ({_FACT}, member_id, from_account, to_account, points, earned_at, transaction_id)
select 'loyalty', 2000000 + p, 1, 0, gen_random_uuid(), md5('c' || p % $2)::uuid, $3::timestamptz, $3, md5('m' || p % $2)::uuid, 'issued', 'pending', 1, $3,
    md5('t' || p)::uuid
from generate_series(1, $1::int) p
"""


async def test_no_figure_looks_at_every_row_for_every_row(told: Told, api: Api) -> None:
    sales, customers = 10_000, 5_000
    await told.connection.execute(_LINES, sales, customers, FROM, 100)
    await told.connection.execute(_STAGES, customers, FROM)
    await told.connection.execute(_LOTS, sales, customers, FROM)
    period = f"from={utc_text(FROM)}&to={utc_text(TO)}"
    for name in KPIS:
        async with asyncio.timeout(10):  # each takes a tenth of a second; row by row some would take minutes
            ok(await api.get(f"/v1/kpis/{name}?{period}"))
            ok(await api.get(f"/v1/kpis/{name}/evidence?{period}"))
    many = ok(await api.get(f"/v1/kpis/discount_rate?{period}&by=customer"))
    assert (len(many["groups"]), many["more_groups"]) == (MOST_GROUPS, True)
    few = ok(await api.get(f"/v1/kpis/new_customers?{period}&by=source"))
    assert ([group["key"] for group in few["groups"]], few["more_groups"]) == (["web"], False)


async def test_sums_beyond_64_bits_are_told_and_not_refused(told: Told, api: Api) -> None:
    await told.connection.execute(_LINES, 3, 3, FROM, 2**62)
    for name in KPIS:
        ok(await api.get(f"/v1/kpis/{name}?from={utc_text(FROM)}&to={utc_text(TO)}"))
    assert ok(await api.get(f"/v1/kpis/revenue_per_customer?from={utc_text(FROM)}&to={utc_text(TO)}"))["value"] == pytest.approx(2**62)


async def test_pages_of_evidence_go_on_with_the_moment_of_the_first(api: Api, story: Story) -> None:
    for _ in range(3):
        await story.person()
    for record in list(story.teller.told):
        await story.buy(record.key, 100)
    path = f"/v1/kpis/discount_rate/evidence?limit=2&from={utc_text(FROM)}"  # to now, whenever that is
    first = ok(await api.get(path))
    late = "update b1.transaction_line set recorded_at = now() + interval '1 minute' where position > 4"
    await story.connection.execute(late)  # known later than the first page
    rest = ok(await api.get(f"{path}&cursor={first['next']}"))
    assert (len(first["items"]), rest["items"], rest["next"]) == (2, [], None)
