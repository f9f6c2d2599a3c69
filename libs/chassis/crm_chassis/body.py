"""What may a request's body look like?"""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from crm_events.event import Instant, milliseconds
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

AHEAD = timedelta(minutes=5)  # clocks differ a little; a fact from the future is a mistake


def _already_happened(moment: datetime) -> datetime:
    if moment > datetime.now(UTC) + AHEAD:
        raise ValueError("This lies more than 5 minutes ahead; send the time at which it happened.")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(milliseconds)]
"""Any moment, in UTC, cut to milliseconds: for bodies and for query parameters."""

Past = Annotated[Moment, AfterValidator(_already_happened)]
"""A moment that is not more than 5 minutes ahead."""

Short = Annotated[str, Field(min_length=1, max_length=200)]
Long = Annotated[str, Field(min_length=1, max_length=20_000)]


class Body(BaseModel):
    """The fields of a command. Unknown ones are refused; absent = not told, `null` = cleared (see `model_fields_set`). Text arrives in NFC and without NUL."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Told(Body):
    """A command about something that happened: `occurred_at` says when, the past allowed (default: now)."""

    occurred_at: Past | None = None


class Resource(BaseModel):
    """An answer: every field present, `null` = not known. Times are written in UTC with `Z`."""

    model_config = ConfigDict(frozen=True)


__all__ = ["AHEAD", "Body", "Instant", "Long", "Moment", "Past", "Resource", "Short", "Told"]
