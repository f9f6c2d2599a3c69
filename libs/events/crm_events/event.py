"""What is an event, and which of its fields are personal?

An event's payload is what happened; everything else (ids, times, actor) travels in the envelope, see `envelope.py`.
A field that is absent was not told; a field that is `null` was cleared. So payloads are written with `exclude_unset`.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer

MAX_PAYLOAD_BYTES = 256 * 1024


class Personal:
    """Marks a string field that is sealed with the customer's key before it is stored anywhere."""


def utc_text(moment: datetime) -> str:
    """RFC 3339, UTC, milliseconds, `Z`: the only form in which a time is written."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"  # strftime writes the year 800 with three digits


def _no_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("A NUL character cannot be stored; remove it.")
    return text


def _not_sealed(text: str) -> str:
    if text.startswith("s1."):
        raise ValueError("A code does not begin with 's1.': that marks sealed text.")
    return _no_nul(text)


def milliseconds(moment: datetime) -> datetime:
    """In UTC, cut to milliseconds: what a time is after it was stored and read back, so a fold sees the same before and after.

    ValueError where the year 1 or 9999 would be left by it.
    """
    try:
        return moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000 * 1000)
    except OverflowError:
        raise ValueError("This moment lies outside the calendar.") from None


Instant = Annotated[AwareDatetime, AfterValidator(milliseconds), PlainSerializer(utc_text, when_used="json")]
PersonalText = Annotated[str, Personal(), AfterValidator(_no_nul)]
Code = Annotated[str, Field(min_length=1, max_length=120), AfterValidator(_not_sealed)]
Decimals = Annotated[str, Field(pattern=r"^-?\d{1,18}(\.\d{1,12})?$")]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Whole = Annotated[int, Field(ge=-(2**53) + 1, le=2**53 - 1)]


class Value(BaseModel):
    """A part of an event: flat, frozen, tolerant of fields that a newer writer adds."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Money(Value):
    """Integer minor units and an ISO 4217 code."""

    amount: Whole
    currency: Currency


class Event(Value):
    """A business fact in the past tense. Subclasses write out their `type`; breaking changes raise `schema_version`."""

    type: ClassVar[str]
    schema_version: ClassVar[int] = 1
    keyed_by_stream: ClassVar[bool] = False  # about no customer: policies, calendars, programmes, rates
    may_be_about_nobody: ClassVar[bool] = False  # about a customer, or about none and then keyed by its stream: work, feedback, ideas

    def payload(self) -> bytes:
        """The JSON text that is stored, and sent to Kafka byte for byte."""
        return self.__pydantic_serializer__.to_json(self, exclude_unset=True)


def personal_fields(model: type[BaseModel]) -> frozenset[str]:
    """The names of the top-level fields marked `Personal`. Nested values hold none: sealing is flat."""
    return frozenset(name for name, field in model.model_fields.items() if _is_personal(field.metadata, field.annotation))


def _is_personal(metadata: list[Any], annotation: Any) -> bool:
    if any(isinstance(mark, Personal) for mark in metadata):
        return True
    nested = getattr(annotation, "__args__", ())
    return any(isinstance(mark, Personal) for part in nested for mark in getattr(part, "__metadata__", ()))
