"""What can happen to two contacts that may be one customer: it is suggested, and somebody says that they are not?"""

from typing import Annotated, TypeAlias
from uuid import UUID

from pydantic import Field

from crm_events.event import Code, Event


class ContactMatchSuggested(Event):
    """The contact and `other_id`, registered later, may be one customer: a rule says so, or somebody of ours. `identifiers`: those of both that show it."""

    type = "contact.match_suggested"
    match_id: UUID
    other_id: UUID
    rule: Code
    rule_version: Code
    score: Annotated[int, Field(ge=0, le=100)]
    identifiers: tuple[UUID, ...]


class ContactMatchRejected(Event):
    """They are two: no rule that suggested it suggests it again, unless it becomes another version."""

    type = "contact.match_rejected"
    match_id: UUID
    other_id: UUID


MatchEvent: TypeAlias = ContactMatchSuggested | ContactMatchRejected
