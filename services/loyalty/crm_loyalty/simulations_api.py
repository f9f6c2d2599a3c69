"""What if? A basket that was not bought, a version that did not hold. Both are asked by POST and write nothing."""

from typing import Annotated, Any
from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.body import Body, Instant, Resource
from crm_chassis.openapi import problems
from crm_chassis.operations import query
from crm_events.event import Code
from crm_events.language.loyalty import LinePoints, TraceEntry
from crm_events.store.loading import Loaded
from crm_events.store.store import EventStore
from fastapi import APIRouter
from pydantic import Field
from uuid_utils.compat import uuid7

from crm_loyalty import simulating
from crm_loyalty.access import Read
from crm_loyalty.bodies import LINES, LineBody
from crm_loyalty.members_api import found
from crm_loyalty.reads import earned_by, programme_of, sales_of
from crm_loyalty.transaction import Transaction

router = APIRouter(tags=["transactions"])
MOST = 1000  # purchases that one history is told of, the newest
PAGE = 200
Version = Annotated[int, Field(ge=1, le=10**6, description="of the programme; without it the one in force")]


def _asked(model: type[Resource]) -> dict[str, Any]:
    """A question that may be refused as the purchase itself would be."""
    told = query(model, lookup=True)
    return told | {"responses": told["responses"] | problems(409)}


class BasketBody(Body):
    """A purchase that might be made."""

    lines: Annotated[tuple[LineBody, ...], Field(min_length=1, max_length=LINES)]
    channel: Code
    outlet: Code | None = None
    version: Version | None = None


class HistoryBody(Body):
    """A version, and another programme than the member's if it is named."""

    programme: Code | None = None
    version: Version | None = None


class SimulatedLot(Resource):
    """What one rule would give."""

    rule: str
    points: int
    lines: tuple[LinePoints, ...]
    activates_at: Instant
    expires_at: Instant | None


class BasketAnswer(Resource):
    """`points` in all; `trace`: what each rule would do, and of those that would not fire, why; `debt_repaid`: of the points, what is owed already."""

    programme: str
    version: int
    points: int
    debt_repaid: int
    lots: list[SimulatedLot]
    trace: list[TraceEntry]
    tier: str | None
    tier_after: str | None


class SimulatedSale(Resource):
    """One purchase: what it earned, and what it would have."""

    transaction_id: UUID
    document: str
    occurred_at: Instant
    earned: int
    simulated: int


class RulePoints(Resource):
    """What one rule would have given in all."""

    rule: str
    points: int


class HistoryAnswer(Resource):
    """`earned`, `simulated`: before returns and spending; `tier_after`: held now, had it held all along; `complete`: no older purchase was left out."""

    programme: str
    version: int
    earned: int
    simulated: int
    rules: list[RulePoints]
    tier: str | None
    tier_after: str | None
    sales: list[SimulatedSale]
    complete: bool


@router.post("/v1/members/{member_id}/simulations", **_asked(BasketAnswer))
async def simulate_purchase(member_id: UUID, body: BasketBody, call: Read) -> Answer:
    """What a basket would earn now, by which rule, and why others would not fire."""
    member = (await found(call.store, member_id)).state
    version = simulating.chosen(await programme_of(call.store, member.programme), body.version, call.now)
    sale: dict[str, Any] = {"transaction_id": uuid7(), "member_id": member_id, "document": "simulation", "channel": body.channel}
    sale |= {"outlet": body.outlet} if body.outlet else {}
    sale["lines"] = [line.model_dump(exclude_none=True) | {"line": number} for number, line in enumerate(body.lines, 1)]
    tried = simulating.basket(member, sale=sale, version=version, at=call.now)
    lots = [
        SimulatedLot(rule=each.rule.id, points=each.points, lines=each.lines, activates_at=each.activates_at, expires_at=each.expires_at)
        for each in tried.earned
    ]
    answer = BasketAnswer(
        programme=version.name, version=version.version, points=sum(each.points for each in tried.earned), lots=lots, trace=list(tried.trace),
        debt_repaid=sum(each.debt_repaid for each in tried.earned), tier=member.standing.tier, tier_after=tried.after.standing.tier,
    )  # fmt: skip
    return await call.show(answer)


@router.post("/v1/members/{member_id}/history-simulations", **_asked(HistoryAnswer))
async def simulate_history(member_id: UUID, body: HistoryBody, call: Read) -> Answer:
    """What a version of a programme would have given for all that the member bought."""
    owner = await found(call.store, member_id)
    version = simulating.chosen(await programme_of(call.store, body.programme or owner.state.programme), body.version, call.now)
    parts, complete = await _sales(call.store, member_id)
    sales = [(part.state.sold_at, part.state.sale) for part in parts if part.state.sold_at and part.state.sale]
    earned = await earned_by(call.store, member_id, [part.stream_id for part in parts])
    retold = simulating.history(owner.state.standing.enrolled_at or call.now, sales, version=version, now=call.now)
    shown = [
        SimulatedSale(
            transaction_id=sale.transaction_id, document=sale.document, occurred_at=at,
            earned=sum(each.points for each in earned[sale.transaction_id]), simulated=retold.by_sale[sale.transaction_id],
        )
        for at, sale in sales
    ]  # fmt: skip
    answer = HistoryAnswer(
        programme=version.name, version=version.version, earned=sum(each.earned for each in shown), simulated=sum(each.simulated for each in shown),
        rules=[RulePoints(rule=rule.id, points=retold.by_rule[rule.id]) for rule in version.earning], tier=owner.state.standing.tier,
        tier_after=retold.after.standing.tier, sales=shown, complete=complete,
    )  # fmt: skip
    return await call.show(answer)


async def _sales(store: EventStore, member_id: UUID) -> tuple[list[Loaded[Transaction]], bool]:
    """The newest purchases, and whether these are all."""
    parts, after = list[Loaded[Transaction]](), None
    while len(parts) < MOST:
        page, after = await sales_of(store, member_id, after=[after[0], str(after[1])] if after else None, limit=PAGE)
        parts += page
        if after is None:
            return parts, True
    return parts, False
