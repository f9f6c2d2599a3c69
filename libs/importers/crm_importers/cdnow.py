"""Which commands are the purchases of CDNOW's customers?

A line is `customer date(YYYYMMDD) number-of-CDs dollars`, blanks between. Customers are provisional: an id, a member without a programme, no contact.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from crm_importers.command import Command, about_member, creation, id_of, instant
from crm_importers.reading import opened
from crm_importers.tally import Refusal

SYSTEM = "cdnow"
NOON = 12  # UTC: the file tells no hour, and at noon it is the same day from Alaska to Japan


@dataclass(frozen=True, slots=True)
class Purchase:
    """One line. `number`: which of this customer's lines it is, from 1; `cents`: of the whole, perhaps 0."""

    line: int
    customer: str
    number: int
    at: datetime
    quantity: int
    cents: int

    @property
    def document(self) -> str:
        """The same wherever the customer's lines stand in a file; two lines of one day are two purchases."""
        return f"{SYSTEM}-{self.customer}-{self.number}"


def read(file: Path) -> tuple[list[Purchase], list[Refusal]]:
    """The purchases in the order of the file, and the lines that are none."""
    numbers: Counter[str] = Counter()
    purchases: list[Purchase] = []
    refused: list[Refusal] = []
    with opened(file) as text:
        for line, words in ((line, row.split()) for line, row in enumerate(text, 1) if row.strip()):
            numbers[words[0]] += 1
            try:
                purchases.append(_purchase(line, words, numbers[words[0]]))
            except (ValueError, InvalidOperation):
                refused.append(Refusal(line, "row", "unreadable", "a line is: customer, date as 19970131, number of CDs from 1, dollars as 11.77."))
    return purchases, refused


def _purchase(line: int, words: Sequence[str], number: int) -> Purchase:
    customer, day, quantity, dollars = words
    cents = Decimal(dollars) * 100
    if cents != int(cents) or cents < 0 or int(quantity) < 1:
        raise ValueError(dollars)
    at = datetime.strptime(day, "%Y%m%d").replace(hour=NOON, tzinfo=UTC)
    return Purchase(line, customer, number, at, int(quantity), int(cents))


def customer_id(customer: str) -> str:
    """The provisional customer's id."""
    return id_of(SYSTEM, "customer", customer)


def member_id(customer: str) -> str:
    """The member's id."""
    return id_of(SYSTEM, "member", customer)


def commands(purchases: Sequence[Purchase]) -> Iterator[Command]:
    """For each customer an enrolment at the time of their first line, before it, then the purchases in the order of the file."""
    first: dict[str, datetime] = {}
    for purchase in purchases:
        first[purchase.customer] = min(purchase.at, first.get(purchase.customer, purchase.at))
    enrolled: set[str] = set()
    for purchase in purchases:
        if purchase.customer not in enrolled:
            enrolled.add(purchase.customer)
            yield _enrolment(purchase, first[purchase.customer])
        yield _sale(purchase)


def prices(cents: int, quantity: int) -> list[tuple[int, int]]:
    """Lines of (quantity, price of one) that cost `cents` together: one, or two a cent apart where the total is no multiple."""
    price, more = divmod(cents, quantity)
    return [(many, each) for many, each in ((more, price + 1), (quantity - more, price)) if many]


def _enrolment(purchase: Purchase, at: datetime) -> Command:
    body = {"id": member_id(purchase.customer), "customer_id": customer_id(purchase.customer), "channel": "web", "occurred_at": instant(at)}
    return creation("loyalty", "enrolMember", body, (SYSTEM, "enrolMember", purchase.customer), line=purchase.line)


def _sale(purchase: Purchase) -> Command:
    lines = [
        {"sku": "CD", "category": "music", "quantity": quantity, "list_price": price, "paid_price": price}
        for quantity, price in prices(purchase.cents, purchase.quantity)
    ]
    body: dict[str, Any] = {
        "id": id_of(SYSTEM, "transaction", purchase.customer, purchase.number), "document": purchase.document, "lines": lines, "currency": "USD",
        "channel": "web", "occurred_at": instant(purchase.at),
    }  # fmt: skip
    key = (SYSTEM, "recordTransaction", purchase.customer, purchase.number)
    return about_member(member_id(purchase.customer), "recordTransaction", key, body, line=purchase.line)
