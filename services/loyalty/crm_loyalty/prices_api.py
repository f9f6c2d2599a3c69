"""Which changes of price were announced?"""

from datetime import datetime
from typing import Annotated
from uuid import UUID, uuid5

from crm_chassis.answer import Answer
from crm_chassis.body import Instant, Resource, Told
from crm_chassis.operations import command, query
from crm_chassis.paging import PageOf, Paging
from crm_events.event import Code, Currency
from crm_events.language.price import PriceChangeAnnounced
from crm_events.refusals import NotFound
from crm_events.store.loading import Loaded
from fastapi import APIRouter
from pydantic import Field, model_validator

from crm_loyalty import prices
from crm_loyalty.access import Admin, Read
from crm_loyalty.bodies import OfOurTime
from crm_loyalty.prices import PRICES, PriceList, price_id

router = APIRouter(tags=["prices"])
Price = Annotated[int, Field(strict=True, ge=0, le=10**12, description="minor units, for one unit of the goods")]

_ALL = "select stream_id from streams where type = 'price_list' and stream_id > $1 order by stream_id limit $2"


class PriceChangeBody(Told):
    """Of one sku, or of a category. `effective_from` may be in the past, for imports."""

    sku: Code | None = None
    category: Code | None = None
    from_price: Price
    to_price: Price
    currency: Currency
    effective_from: OfOurTime

    @model_validator(mode="after")
    def _of_one(self) -> "PriceChangeBody":
        if (self.sku is None) == (self.category is None):
            raise ValueError("Name a sku or a category, not both.")
        return self


class PriceChangeAnswer(Resource):
    """One change."""

    id: UUID
    from_price: int
    to_price: int
    effective_from: Instant


class PricesAnswer(Resource):
    """What was announced of some goods, the last to take effect first. `price`: as it is now, null before the first change."""

    id: UUID
    version: int
    sku: str | None
    category: str | None
    currency: str
    price: int | None
    changes: list[PriceChangeAnswer]
    recorded_at: Instant | None


@router.post("/v1/prices", **command(PricesAnswer))
async def announce_price_change(body: PriceChangeBody, call: Admin) -> Answer:
    """Say what goods will cost, and from when. Another change of the same moment takes its place."""
    goods, asked = price_id(sku=body.sku, category=body.category, currency=body.currency), call.command(body)
    told = body.model_dump(exclude={"occurred_at"}, exclude_none=True)
    event = PriceChangeAnnounced(price_change_id=uuid5(asked.id, "price"), **told)
    done = await call.store.handle(PRICES, goods, asked, lambda known, _: prices.announce(known, event=event))
    return await call.answer(done, prices_answer(done.part, call.now), created=f"/v1/prices/{goods}")


@router.get("/v1/prices/{price_id}", **query(PricesAnswer))
async def get_prices(price_id: UUID, call: Read) -> Answer:
    """The changes of some goods' price."""
    part = await call.store.read(PRICES, price_id)
    if not part.version:
        raise NotFound("There are no prices of this id.")
    return await call.show(prices_answer(part, call.now))


@router.get("/v1/prices", **query(PageOf[PricesAnswer]))
async def list_prices(page: Paging, call: Read) -> Answer:
    """All goods of which a change was announced."""
    rows = await call.store.pool.fetch(_ALL, UUID(page.after[0]) if page.after else UUID(int=0), page.limit + 1)
    parts = await call.store.read_many(PRICES, [row["stream_id"] for row in rows[: page.limit]])
    shown = [prices_answer(part, call.now) for part in parts]
    return await call.page(shown, (str(parts[-1].stream_id),) if len(rows) > page.limit else None, page.limit)


def prices_answer(part: Loaded[PriceList], now: datetime) -> PricesAnswer:
    """Prices that are there."""
    first, held = part.state.changes[0], part.state.in_force(now)
    changes = [
        PriceChangeAnswer(id=each.price_change_id, from_price=each.from_price, to_price=each.to_price, effective_from=each.effective_from)
        for each in sorted(part.state.changes, key=lambda each: each.effective_from, reverse=True)
    ]
    return PricesAnswer(
        id=part.stream_id, version=part.version, sku=first.sku, category=first.category, currency=first.currency,
        price=held.to_price if held else None, changes=changes, recorded_at=part.recorded_at,
    )  # fmt: skip
