"""What does a client see of a programme, a member, a transaction, a redemption? Every field, `null` where it is not known."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from crm_chassis.body import Instant, Resource
from crm_events.language.loyalty import PointsEarned, TraceEntry
from crm_events.language.programme import EarningRule, Expiry, Notices, Pending, PointValue, ReferralTerms, Tier
from crm_events.store.loading import Loaded, Recorded

from crm_loyalty.ledger import Ledger, Lot
from crm_loyalty.member import Member
from crm_loyalty.money_shapes import MoneyAnswer
from crm_loyalty.movements import movements
from crm_loyalty.programme import Programme
from crm_loyalty.tiers import next_tier
from crm_loyalty.transaction import Transaction


class ProgrammeAnswer(Resource):
    """The newest version."""

    id: UUID
    name: str
    version: int
    currency: str
    earning: tuple[EarningRule, ...]
    pending_days: int
    expiry: Expiry
    tiers: tuple[Tier, ...]
    downgrade: str
    grace_days: int
    point_value: PointValue
    notices: Notices | None
    referral: ReferralTerms | None
    pending: Pending | None
    valid_from: Instant
    recorded_at: Instant | None


def programme_answer(part: Loaded[Programme]) -> ProgrammeAnswer:
    """A programme that is there."""
    newest = part.state.versions[-1]
    told = {name: getattr(newest, name) for name in ProgrammeAnswer.model_fields if name not in ("id", "recorded_at")}
    return ProgrammeAnswer(id=part.stream_id, recorded_at=part.recorded_at, **told)


class Balance(Resource):
    """The accounts of a member, in points. Σ issued = the others - `debt`; `transferred`: given to others less what came from them."""

    available: int
    pending: int
    reserved: int
    redeemed: int
    expired: int
    reversed: int
    blocked: int
    transferred: int
    debt: int


def balance(ledger: Ledger) -> dict[str, int]:
    """Where the points are."""
    return {name: getattr(ledger, name) for name in Balance.model_fields}


class MemberAnswer(Resource):
    """A customer's account. `state`: active, suspended or closed; `occurred_at`: when it was opened."""

    id: UUID
    version: int
    customer_id: UUID
    programme: str | None
    card_number: str | None
    channel: str | None
    state: str
    tier: str | None
    balance: Balance
    occurred_at: Instant | None
    recorded_at: Instant | None
    redacted: list[str]


def member_answer(part: Loaded[Member]) -> MemberAnswer:
    """A member that is there."""
    member = part.state
    return MemberAnswer(
        id=part.stream_id, version=part.version, customer_id=part.customer_id, programme=member.programme, card_number=member.card_number,
        channel=member.channel, state=member.state, tier=member.standing.tier, balance=Balance(**balance(member.ledger)),
        occurred_at=member.standing.enrolled_at, recorded_at=part.recorded_at, redacted=[],
    )  # fmt: skip


class LotAnswer(Resource):
    """An open lot: `points` when it was earned, `left` of them not yet spent or expired."""

    lot_id: UUID
    points: int
    left: int
    state: str
    activates_at: Instant
    expires_at: Instant | None
    source_event_id: UUID


class NextTier(Resource):
    """The tier above, and what is missing: `points`, or where tiers go by spend, `spend` (and 0 points)."""

    tier: str
    points: int
    spend: MoneyAnswer | None


class PointsAnswer(Balance):
    """The points of one member; `lots` in the order in which they will be spent."""

    lots: list[LotAnswer]
    tier: str | None
    to_next_tier: NextTier | None


def points_answer(part: Loaded[Member], lots: Sequence[Lot], now: datetime) -> PointsAnswer:
    """`lots`: the open ones, in order."""
    above = next_tier(part.state.standing, now)
    shown = [lot_answer(lot) for lot in lots]
    missing = _next(part.state, *above) if above else None
    return PointsAnswer(**balance(part.state.ledger), lots=shown, tier=part.state.standing.tier, to_next_tier=missing)


def _next(member: Member, tier: Tier, missing: int) -> NextTier:
    terms = member.standing.terms
    if tier.from_spend is None or terms is None or terms.currency is None:
        return NextTier(tier=tier.name, points=missing, spend=None)
    return NextTier(tier=tier.name, points=0, spend=MoneyAnswer(amount=missing, currency=terms.currency))


def lot_answer(lot: Lot) -> LotAnswer:
    """A lot that still holds something."""
    return LotAnswer(
        lot_id=lot.lot_id, points=lot.points, left=lot.left, state=_state(lot),
        activates_at=lot.activates_at, expires_at=lot.expires_at, source_event_id=lot.source_event_id,
    )  # fmt: skip


def _state(lot: Lot) -> str:
    return next((name for name in ("pending", "available", "reserved") if getattr(lot, name)), "blocked")


class MovementAnswer(Resource):
    """Points of a lot that went from one account to another; no lot where none could give them."""

    lot_id: UUID | None
    from_account: str
    to_account: str
    points: int


class EntryAnswer(Resource):
    """One entry in the ledger: an event and what it moved."""

    event_id: UUID
    type: str
    version: int
    movements: list[MovementAnswer]
    transaction_id: UUID | None
    return_id: UUID | None
    redemption_id: UUID | None
    adjustment_id: UUID | None
    transfer_id: UUID | None
    reason: str | None
    occurred_at: Instant
    recorded_at: Instant


def entry_answer(entry: Recorded) -> EntryAnswer:
    """An event of a member, as double entry."""
    event = entry.fact.event
    told = {name: getattr(event, name, None) for name in ("transaction_id", "return_id", "redemption_id", "adjustment_id", "transfer_id", "reason")}
    moved = [
        MovementAnswer(lot_id=each.lot_id, from_account=each.source, to_account=each.target, points=each.points)
        for each in movements(event, entry.fact.occurred_at)
    ]
    return EntryAnswer(
        event_id=entry.fact.event_id, type=event.type, version=entry.version, movements=moved, **told,
        occurred_at=entry.fact.occurred_at, recorded_at=entry.recorded_at,
    )  # fmt: skip


class LineAnswer(Resource):
    """A line as sold, prices per unit, and how many of it have come back."""

    line: int
    sku: str
    category: str
    brand: str | None
    quantity: int
    list_price: int
    paid_price: int
    unit_cost: int | None
    returned: int


class TransactionAnswer(Resource):
    """A purchase. `points`: what it earned when it was told; `trace`: what each rule did, those that did not fire as well."""

    id: UUID
    version: int
    member_id: UUID
    customer_id: UUID
    document: str
    channel: str
    currency: str
    lines: list[LineAnswer]
    list_amount: int
    paid_amount: int
    seller_id: str | None
    outlet: str | None
    discount_reason: str | None
    offer_id: UUID | None
    delivery: str | None
    points: int
    trace: list[TraceEntry]
    occurred_at: Instant
    recorded_at: Instant | None


def transaction_answer(part: Loaded[Transaction], earned: Sequence[PointsEarned], trace: Sequence[TraceEntry] = ()) -> TransactionAnswer:
    """`trace`: of a purchase that earned nothing."""
    sale, sold_at = part.state.sale, part.state.sold_at
    if sale is None or sold_at is None:
        raise AssertionError("only a recorded transaction is shown")
    told = {name: getattr(sale, name) for name in ("member_id", "document", "channel", "currency", "seller_id", "outlet", "discount_reason", "delivery")}
    lines = [LineAnswer(**dict(line), returned=part.state.returned.get(line.line, 0)) for line in sale.lines]
    return TransactionAnswer(
        id=part.stream_id, version=part.version, customer_id=part.customer_id, lines=lines, offer_id=part.state.offer_id, **told,
        list_amount=sum(line.list_price * line.quantity for line in sale.lines), paid_amount=sum(line.paid_price * line.quantity for line in sale.lines),
        points=sum(event.points for event in earned), trace=list(earned[0].trace if earned else trace), occurred_at=sold_at, recorded_at=part.recorded_at,
    )  # fmt: skip


class HeldLot(Resource):
    """Points of one lot in a redemption."""

    lot_id: UUID
    points: int


class RedemptionAnswer(Resource):
    """Points held or spent; over a merged customer, of all its members."""

    id: UUID
    points: int
    state: str
    lots: list[HeldLot]
    reward: str | None
    expires_at: Instant


def redemption_answer(redemption_id: UUID, members: Sequence[Member]) -> RedemptionAnswer:
    """The redemption from its parts."""
    parts = [part for member in members if (part := member.redemption(redemption_id))]
    first = parts[0]
    lots = [HeldLot(lot_id=lot.lot_id, points=lot.points) for part in parts for lot in part.lots]
    return RedemptionAnswer(
        id=redemption_id, points=sum(part.points for part in parts), state=first.state, lots=lots, reward=first.reward, expires_at=first.expires_at
    )
