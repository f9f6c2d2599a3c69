"""Which words and measures do all services share?

`Maybe[X] = None` is the `?` of an event's field: what was not told is not written. `X | None` can be written as `null`: cleared.
"""

from typing import Annotated, Literal, TypeAlias, TypeVar

from pydantic import Field

T = TypeVar("T")


def _not_told(value: object) -> bool:
    return value is None


Maybe: TypeAlias = Annotated[T | None, Field(exclude_if=_not_told)]

Count: TypeAlias = Annotated[int, Field(ge=0, le=2**53 - 1)]
Ordinal: TypeAlias = Annotated[int, Field(ge=1, le=2**53 - 1)]  # 1, 2 …: versions, attempts, revisions
Seconds: TypeAlias = Count
Points: TypeAlias = Ordinal
MinorUnits: TypeAlias = Annotated[int, Field(ge=0, le=2**53 - 1)]  # cents, rials …: see the currency beside it

Channel: TypeAlias = Literal["phone", "email", "sms", "web", "app", "social", "in_person", "post", "fax"]
Goal: TypeAlias = Literal["acquisition", "retention", "service"]
Day: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
TimeOfDay: TypeAlias = Annotated[str, Field(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]  # of the wall clock; "24:00" ends a day
