"""What is shown of a merge that was not made?"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from crm_chassis.body import Body, Instant, Resource

from crm_contacts.preview import Disagreement, Field, Held, Word


class PreviewBody(Body):
    """The pair, as a merge names it."""

    survivor_id: UUID
    absorbed_id: UUID


class RefusalAnswer(Resource):
    """Why the merge would be refused, as its problem would say it."""

    rule: str
    detail: str
    canonical_id: UUID | None


class HeldAnswer(Resource):
    """One member's value, and when it was told."""

    member_id: UUID
    value: Any
    told_at: Instant


class FieldAnswer(Resource):
    """`value`: what the customer would have, told last; `losing`: what the others say, the latest first, kept and found again when the merge is reversed."""

    name: str
    value: Any
    member_id: UUID
    told_at: Instant
    losing: list[HeldAnswer]


class WordAnswer(Resource):
    """allow or deny, for each of the two as they are and for the customer they would be; `because`: the events that would decide it."""

    purpose: str
    channel: str
    identifier_id: UUID | None
    survivor: str
    absorbed: str
    merged: str
    because: list[UUID]


class DisagreementAnswer(Resource):
    """Two members of whom no rule would say that they are one: `vetoes` are kind, birthday, national_id, parted."""

    contact_id: UUID
    other_id: UUID
    vetoes: list[str]


class CountAnswer(Resource):
    """How many there are of one thing: identifiers, and what else is on record of each."""

    name: str
    survivor: int
    absorbed: int
    merged: int


class PreviewAnswer(Resource):
    """Nothing of it is written. `refused`: null where the merge could be made; `member_ids`: the survivor's root first."""

    survivor_id: UUID
    absorbed_id: UUID
    canonical_id: UUID
    member_ids: list[UUID]
    refused: RefusalAnswer | None
    fields: list[FieldAnswer]
    consents: list[WordAnswer]
    disagreements: list[DisagreementAnswer]
    counts: list[CountAnswer]
    redacted: list[str]


def field_answer(field: Field) -> FieldAnswer:
    """What would hold, and what would lose."""
    first, *losing = field.held
    return FieldAnswer(
        name=field.name, value=_shown(first), member_id=first.member, told_at=first.told_at,
        losing=[HeldAnswer(member_id=each.member, value=_shown(each), told_at=each.told_at) for each in losing],
    )  # fmt: skip


def word_answer(word: Word) -> WordAnswer:
    """One consent key before and after."""
    return WordAnswer(
        purpose=word.key[0], channel=word.key[1], identifier_id=word.key[2], survivor=word.survivor.answer, absorbed=word.absorbed.answer,
        merged=word.merged.answer, because=[each.said.event_id for each in word.merged.because],
    )  # fmt: skip


def disagreement_answer(found: Disagreement) -> DisagreementAnswer:
    """Whom it is about, and what speaks against them."""
    return DisagreementAnswer(contact_id=found.one, other_id=found.other, vetoes=list(found.vetoes))


def count_answers(survivor: Mapping[str, int], absorbed: Mapping[str, int], *, one_customer: bool) -> list[CountAnswer]:
    """Of each thing how many; where the two are one customer already, both counts are the customer's."""
    names = sorted({*survivor, *absorbed})
    return [
        CountAnswer(
            name=name, survivor=survivor.get(name, 0), absorbed=absorbed.get(name, 0),
            merged=survivor.get(name, 0) + (0 if one_customer else absorbed.get(name, 0)),
        )
        for name in names
    ]  # fmt: skip


def _shown(held: Held) -> Any:
    return list(held.value) if isinstance(held.value, tuple) else held.value
