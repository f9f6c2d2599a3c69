"""What will goods cost, and from when?"""

from typing import TypeAlias
from uuid import UUID

from crm_events.event import Code, Currency, Event, Instant
from crm_events.language.words import Maybe, MinorUnits


class PriceChangeAnnounced(Event):
    """A kind of goods, or a category on average, will cost `to_price` instead of `from_price`, for one unit."""

    type = "price_change.announced"
    keyed_by_stream = True
    price_change_id: UUID
    sku: Maybe[Code] = None
    category: Maybe[Code] = None
    from_price: MinorUnits
    to_price: MinorUnits
    currency: Currency
    effective_from: Instant


PriceEvent: TypeAlias = PriceChangeAnnounced
