"""What may a client say of two contacts that may be one customer, and what is it shown?"""

from typing import Literal, TypeAlias
from uuid import UUID

from crm_chassis.body import Instant, Resource, Told
from crm_events.store.loading import Loaded

from crm_contacts.match import Match

State: TypeAlias = Literal["open", "rejected", "merged"]


class SuggestionBody(Told):
    """Two contacts that somebody of ours takes for one customer."""

    contact_id: UUID
    other_id: UUID


class RejectionBody(Told):
    """They are two."""


class SuggestionAnswer(Resource):
    """Which version of which rule says so (`by-hand`: somebody did), how sure it is (0–100), by which identifiers of both."""

    rule: str
    rule_version: str
    score: int
    identifiers: list[UUID]
    suggested_at: Instant
    rejected: bool


class MatchAnswer(Resource):
    """`customer_id`: the contact registered first. `state`: open, rejected, or merged since; `merge`: where the two are made one."""

    id: UUID
    version: int
    customer_id: UUID
    other_id: UUID
    state: str
    suggestions: list[SuggestionAnswer]
    rejected_at: Instant | None
    merge: str
    occurred_at: Instant
    recorded_at: Instant


class MatchPage(Resource):
    """Matches, the newest first."""

    items: list[MatchAnswer]
    next: str | None


def match_answer(loaded: Loaded[Match], *, one_customer: bool) -> MatchAnswer:
    """The pair as it stands."""
    state = loaded.state
    if state.other_id is None or state.since is None or loaded.recorded_at is None:
        raise AssertionError("only a pair that was suggested is shown")
    suggestions = [
        SuggestionAnswer(
            rule=each.rule, rule_version=each.version, score=each.score, identifiers=list(each.identifiers), suggested_at=each.at, rejected=each.rejected
        )
        for each in state.suggested
    ]
    return MatchAnswer(
        id=loaded.stream_id, version=loaded.version, customer_id=loaded.customer_id, other_id=state.other_id, state=state_of(state, one_customer=one_customer),
        suggestions=suggestions, rejected_at=state.rejected_at, merge="/v1/merges", occurred_at=state.since, recorded_at=loaded.recorded_at,
    )  # fmt: skip


def state_of(match: Match, *, one_customer: bool) -> State:
    """Where it is in the queue."""
    return "merged" if one_customer else "open" if match.open else "rejected"
