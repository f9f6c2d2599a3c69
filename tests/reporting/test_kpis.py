"""Is every figure what a plain loop over the events would count, and does its evidence name those events?"""

import statistics
import uuid
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

import pytest
from crm_events.language.contacts import ContactAbsorbed, ContactMerged, ContactUnmerged, InteractionRecorded
from crm_events.language.loyalty import PointsEarned, PointsRedeemed, RedemptionReversed, ReturnRecorded, TransactionRecorded
from crm_events.language.sla import SlaClockBreached, SlaClockMet
from crm_events.language.tickets import TicketCsatGiven, TicketFirstResponseMade, TicketMessageAdded, TicketOpened, TicketResolved
from crm_events.registry import read
from crm_reporting.kpis.asking import Asked, evidence, figure
from crm_reporting.kpis.catalogue import KPIS
from histories import MEASURES, history
from telling import START, Teller

W = timedelta(days=365)
FROM, TO, KNOWN = START - timedelta(days=60), START - timedelta(days=10), START + timedelta(days=30)


@dataclass(frozen=True)
class Told:
    event: object
    customer: uuid.UUID
    stream: uuid.UUID
    at: datetime
    id: uuid.UUID
    position: int


class Loop:
    """The figures by plain loops."""

    def __init__(self, teller: Teller) -> None:
        self.told = [
            Told(read(r.type, r.schema_version, r.value), r.key, r.stream_id, datetime.fromisoformat(r.headers["ce_time"].decode()), r.event_id, r.position)
            for r in teller.told
        ]
        edges: dict[uuid.UUID, list[Told]] = defaultdict(list)
        ended = {t.event.merge_id for t in self.of(ContactUnmerged) if t.at <= TO}
        for told in self.of(ContactMerged):
            if told.at <= TO and told.event.merge_id not in ended:
                edges[told.customer].append(told)
        self.up = {customer: max(found, key=lambda t: (t.at, t.position)).event.survivor_id for customer, found in edges.items()}
        self.purchases = sorted(
            ((self.root(t.customer), t.at, t.position, paid, t.event.currency, t) for t in self.of(TransactionRecorded) if t.at < TO
             if (paid := sum(line.paid_price * line.quantity for line in t.event.lines)) > 0),
            key=lambda each: each[1:3],
        )  # fmt: skip

    def of(self, *kinds: type) -> list[Told]:
        return [t for t in self.told if isinstance(t.event, kinds)]

    def here(self, *kinds: type) -> list[Told]:
        return [t for t in self.of(*kinds) if FROM <= t.at < TO]

    def root(self, customer: uuid.UUID) -> uuid.UUID:
        while customer in self.up:
            customer = self.up[customer]
        return customer

    def active(self, at: datetime) -> set[uuid.UUID]:
        return {root for root, when, *_ in self.purchases if at - W < when <= at}

    def last(self, told: list[Told], key, rank) -> list[Told]:
        """Of each key the highest revision, if it lies in the period."""
        best: dict[object, Told] = {}
        for each in told:
            if key(each) not in best or rank(each) > rank(best[key(each)]):
                best[key(each)] = each
        return [each for each in best.values() if FROM <= each.at < TO]


def merges(teller: Teller, random: Random) -> None:
    """Join some customers, part some of them again."""
    customers = sorted({record.key for record in teller.told})
    random.shuffle(customers)
    joined = list(zip(customers[::2], customers[1::2], strict=False))[:6]
    joined.append((joined[0][0], joined[1][0]))  # a chain
    for number, (survivor, absorbed) in enumerate(joined):
        merge, at = uuid.uuid4(), START - timedelta(days=random.randrange(5, 80))
        teller.tell(ContactMerged(merge_id=merge, survivor_id=survivor, cause="manual", evidence=()), absorbed, at=at)
        teller.tell(ContactAbsorbed(merge_id=merge, absorbed_id=absorbed), survivor, at=at)
        if number == 2:
            teller.tell(ContactUnmerged(merge_id=merge, survivor_id=survivor), absorbed, at=at + timedelta(hours=1))


def service(teller: Teller, random: Random) -> None:
    """Answers, resolutions and scores with revisions, for the figures that take the highest."""
    for _ in range(40):
        customer, ticket = random.choice([r.key for r in teller.told]), uuid.uuid4()
        at = START - timedelta(days=random.randrange(5, 80), seconds=random.randrange(9999))
        for revision in range(1, random.randrange(2, 4)):
            minutes = random.randrange(1, 900)
            teller.tell(
                TicketFirstResponseMade(message_id=ticket, agent_id="a", channel="web", elapsed_seconds=60, business_seconds=60 * minutes, revision=revision),
                customer, stream=ticket, at=at,
            )  # fmt: skip
            teller.tell(
                TicketCsatGiven(score=random.randrange(1, 6), channel=random.choice(["web", "phone"]), revision=revision), customer, stream=ticket, at=at
            )
            done = {"resolution": "s1.r", "kind": "complaint", "priority": "high", "opened_at": START, "agent_replies": 1, "revision": revision}
            measures = MEASURES | {"resolution_seconds": 60 * minutes}
            teller.tell(TicketResolved(**done, attempt=random.randrange(1, 3), **measures), customer, stream=ticket, at=at)


def expected(loop: Loop) -> dict[str, tuple[float | None, float, float]]:
    """name → value, numerator, denominator."""
    start, end = loop.active(FROM), loop.active(TO)
    firsts = {}
    for root, at, *_ in loop.purchases:
        firsts.setdefault(root, at)
    times = Counter(root for root, at, *_ in loop.purchases if at > TO - W)
    spaced, before = [], {}
    for root, at, *_ in loop.purchases:
        if root in before and at >= FROM:
            spaced.append((at - before[root]).total_seconds() / 86400)
        before[root] = at
    present = {loop.root(t.customer) for t in loop.of(InteractionRecorded, TicketMessageAdded, TicketOpened) if TO - W < t.at < TO} | set(times)
    csat = loop.last(loop.of(TicketCsatGiven), lambda t: t.stream, lambda t: (t.event.revision, t.position))
    replies = [t.event.business_seconds / 60 for t in loop.last(loop.of(TicketFirstResponseMade), lambda t: t.stream, lambda t: (t.event.revision, t.position))]
    solved: dict[uuid.UUID, Told] = {}
    for t in loop.here(TicketResolved):
        if t.stream not in solved or (t.event.attempt, t.event.revision) > (solved[t.stream].event.attempt, solved[t.stream].event.revision):
            solved[t.stream] = t
    minutes = [t.event.resolution_seconds / 60 for t in solved.values()]
    verdicts = loop.last(
        loop.of(SlaClockMet, SlaClockBreached), lambda t: (t.stream, t.event.metric, t.event.instance), lambda t: (t.event.revision, t.position)
    )
    complaints = [t for t in loop.here(TicketOpened) if t.event.kind == "complaint"]
    cohort = loop.of(PointsEarned, PointsRedeemed, RedemptionReversed)
    issued = sum(t.event.points for t in cohort if isinstance(t.event, PointsEarned) and FROM <= t.at < TO)
    lots = lambda kind: sum(lot.points for t in cohort if isinstance(t.event, kind) for lot in t.event.lots if FROM <= lot.earned_at < TO)  # noqa: E731
    redeemed = lots(PointsRedeemed) - lots(RedemptionReversed)

    def told(num: float, den: float, times: float = 1) -> tuple[float | None, float, float]:
        return (times * num / den if den else None, num, den)

    return {
        "retention_rate": told(len(start & end), len(start), 100),
        "churn_rate": told(len(start - end), len(start), 100),
        "new_customers": told(sum(at >= FROM for at in firsts.values()), 1),
        "repeat_purchase_rate": told(sum(n >= 2 for n in times.values()), len(times)),
        "purchase_interval": told(sum(spaced), len(spaced)),
        "interactions_per_customer": told(len(loop.here(InteractionRecorded)), len(present)),
        "csat": told(sum(t.event.score >= 4 for t in csat), len(csat), 100),
        "first_reply_time": (statistics.median(replies), sum(replies), len(replies)),
        "resolution_time": (statistics.median(minutes), sum(minutes), len(minutes)),
        "sla_compliance": told(sum(isinstance(t.event, SlaClockMet) for t in verdicts), len(verdicts)),
        "complaint_rate": told(len(complaints), len(end), 100),
        "redemption_rate": told(redeemed, issued),
        "rfm": told(len(firsts), 1),
    }


@pytest.fixture(params=[1, 2, 3])
def teller(request) -> Teller:
    random = Random(request.param)
    made = history(request.param, customers=25, many=9)
    service(made, random)
    merges(made, random)
    return made


def asked(name: str, **fields) -> Asked:
    return Asked(KPIS[name], fields.pop("start", FROM), fields.pop("end", TO), KNOWN, **fields)


async def test_every_figure_is_what_a_plain_loop_counts(connection, project, teller: Teller) -> None:
    await project(teller.told)
    loop = Loop(teller)
    for name, (value, numerator, denominator) in expected(loop).items():
        found = await figure(connection, "b1", asked(name))
        assert (found["numerator"], found["denominator"]) == (pytest.approx(numerator, abs=1e-3), denominator), name
        assert found["value"] == (None if value is None else pytest.approx(value, abs=1e-4)), name
        assert found["definition_version"] == 1


async def test_money_is_never_added_over_currencies(connection, project, teller: Teller) -> None:
    await project(teller.told)
    loop = Loop(teller)
    first, repeat, whole = set(), Counter(), Counter()
    for root, at, _, paid, currency, _ in loop.purchases:
        if at >= FROM:
            whole[currency] += paid
            repeat[currency] += paid if root in first else 0
        first.add(root)
    net, listed, off = Counter(), Counter(), Counter()
    for t in loop.here(TransactionRecorded, ReturnRecorded):
        sign = 1 if isinstance(t.event, TransactionRecorded) else -1
        for line in t.event.lines:
            net[t.event.currency] += sign * line.quantity * line.paid_price
            listed[t.event.currency] += line.quantity * line.list_price if sign > 0 else 0
            off[t.event.currency] += line.quantity * (line.list_price - line.paid_price) if sign > 0 else 0
    points, spent = Counter(), Counter()
    sold = {t.stream: t.event.currency for t in loop.of(TransactionRecorded)}
    for t in loop.here(PointsEarned):
        points[sold[t.event.transaction_id]] += t.event.points
    for t in loop.here(TransactionRecorded):
        spent[t.event.currency] += sum(line.quantity * line.paid_price for line in t.event.lines)
    active = len(loop.active(TO))
    shares = {
        "repeat_revenue_share": {c: (repeat[c], whole[c]) for c in whole},
        "revenue_per_customer": {c: (net[c], active) for c in net},
        "discount_rate": {c: (off[c], listed[c]) for c in listed},
        "earn_rate": {c: (points[c], spent[c]) for c in spent},
    }
    for name, by_currency in shares.items():
        found = await figure(connection, "b1", asked(name))
        assert (found["value"], found["null_reason"]) == (None, "mixed-currencies"), name
        for group in found["groups"], (await figure(connection, "b1", asked(name, by="currency")))["groups"]:
            assert {each["key"]: (each["numerator"], each["denominator"]) for each in group} == by_currency, name
            for each in group:
                assert each["value"] == pytest.approx(each["numerator"] / each["denominator"], abs=1e-6), name


async def test_the_evidence_names_every_event_that_was_counted_and_no_other(connection, project, teller: Teller) -> None:
    await project(teller.told)
    for name in KPIS:
        found, seen, after = await figure(connection, "b1", asked(name)), [], None
        while True:
            page, after = await evidence(connection, "b1", asked(name), after, 7)
            seen += page
            if after is None:
                break
        assert len({row["event_id"] for row in seen}) == found["input_event_count"], name
        assert all(row["occurred_at"] for row in seen)
    counted, _ = await evidence(connection, "b1", asked("csat"), None, 200)
    loop = Loop(teller)
    scores = loop.last(loop.of(TicketCsatGiven), lambda t: t.stream, lambda t: (t.event.revision, t.position))
    assert {row["event_id"] for row in counted} == {str(t.id) for t in scores}


async def test_groups_add_up_to_the_whole(connection, project, teller: Teller) -> None:
    await project(teller.told)
    for name, kpi in KPIS.items():
        whole = await figure(connection, "b1", asked(name))
        for by in kpi.by:
            if name == "resolution_time" and by == "measure":
                continue
            found = await figure(connection, "b1", asked(name, by=by))
            assert sum(group["numerator"] for group in found["groups"]) == pytest.approx(whole["numerator"] or 0, abs=0.01) or kpi.money, (name, by)
    measures = await figure(connection, "b1", asked("resolution_time", by="measure"))
    assert {group["key"] for group in measures["groups"]} >= {"resolution", "requester_wait_business"}


async def test_nothing_to_divide_by_is_null_and_says_so(connection, project, teller: Teller) -> None:
    await project(teller.told)
    for name in KPIS:
        found = await figure(connection, "b1", asked(name, start=START - timedelta(days=4000), end=START - timedelta(days=3900)))
        if found["denominator"] == 1:
            assert found["value"] == 0, name
            continue
        assert (found["value"], found["null_reason"], found["denominator"]) == (None, "nothing-counted", 0), name


async def test_rfm_cells_hold_every_buyer_once(connection, project, teller: Teller) -> None:
    await project(teller.told)
    found = await figure(connection, "b1", asked("rfm"))
    assert sum(group["value"] for group in found["groups"]) <= found["value"]
    assert all(len(group["key"]) == 3 and set(group["key"]) <= set("12345") for group in found["groups"])
