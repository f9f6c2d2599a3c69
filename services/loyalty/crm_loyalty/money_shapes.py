"""How is an amount of money said and shown?"""

from typing import Annotated

from crm_chassis.body import Body, Resource
from crm_events.event import Currency, Money
from pydantic import Field


class MoneyBody(Body):
    """Integer minor units, ISO 4217."""

    amount: Annotated[int, Field(strict=True, ge=0, le=10**15)]
    currency: Currency

    def money(self) -> Money:
        """As an event says it."""
        return Money(amount=self.amount, currency=self.currency)


class SomeMoneyBody(MoneyBody):
    """More than nothing."""

    amount: Annotated[int, Field(strict=True, ge=1, le=10**15)]


class MoneyAnswer(Resource):
    """Integer minor units, ISO 4217."""

    amount: int
    currency: str


def money_answer(money: Money) -> MoneyAnswer:
    """An amount as it is shown."""
    return MoneyAnswer(amount=money.amount, currency=money.currency)
