"""What does a kind of goods cost, since when, and what has been announced? A stream for each sku or category, and currency."""

from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_URL, UUID, uuid5

from crm_events.deciding import Aggregate, Fact
from crm_events.language.price import PriceChangeAnnounced, PriceEvent
from crm_events.refusals import Rejected

MOST_CHANGES = 500  # all are kept in the row: changes of the past still arrive


@dataclass(frozen=True, slots=True)
class PriceList:
    """The changes, in the order told."""

    changes: tuple[PriceChangeAnnounced, ...] = ()

    def in_force(self, at: datetime) -> PriceChangeAnnounced | None:
        """The change by which the price at `at` holds: the last to take effect, of one moment the last told."""
        held = [each for each in self.changes if each.effective_from <= at]
        return max(enumerate(held), key=lambda each: (each[1].effective_from, each[0]))[1] if held else None


def price_id(*, sku: str | None, category: str | None, currency: str) -> UUID:
    """The stream of these goods' prices."""
    return uuid5(NAMESPACE_URL, f"crm:price:{'sku' if sku else 'category'}:{currency}:{sku or category}")


def evolve(prices: PriceList, fact: Fact[PriceEvent]) -> PriceList:
    """Each announcement is a change."""
    return PriceList((*prices.changes, fact.event))


PRICES: Aggregate[PriceList, PriceEvent] = Aggregate("price_list", PriceList, evolve)


def announce(prices: PriceList, *, event: PriceChangeAnnounced) -> list[PriceEvent]:
    """Announced alike: nothing new. Rejected `price-differs`, where it would not join the change before it, or the one after it."""
    before = prices.in_force(event.effective_from)
    if before is not None and before.effective_from == event.effective_from:  # announced anew: what it replaces was said to change from the same
        known = before.from_price
        if (before.from_price, before.to_price) == (event.from_price, event.to_price):
            return []
    else:
        known = before.to_price if before else event.from_price
    after = min((each for each in prices.changes if each.effective_from > event.effective_from), key=lambda each: each.effective_from, default=None)
    if known != event.from_price:
        raise Rejected("price-differs", f"Until then the price is {known} minor units. Announce the change from that price.", price=known)
    if after is not None and after.from_price != event.to_price:
        raise Rejected("price-differs", f"The next change begins with {after.from_price} minor units. Announce a change to that price.", price=after.from_price)
    if len(prices.changes) >= MOST_CHANGES:
        raise Rejected("too-many-changes", f"Goods have at most {MOST_CHANGES} changes of price in one currency.")
    return [event]
