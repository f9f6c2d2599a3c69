"""May two contacts be one customer, who says so, and has somebody said that they are not? A stream of its own for each pair, keyed by the older contact.

Its id is made of the two, so that whoever suggests a pair, and however often, there is one of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, assert_never
from uuid import NAMESPACE_URL, UUID, uuid5

from crm_events.deciding import Aggregate, Fact
from crm_events.language.matching import ContactMatchRejected, ContactMatchSuggested, MatchEvent
from crm_events.refusals import NotFound


@dataclass(frozen=True, slots=True)
class Suggested:
    """One version of one rule says that the two are one. `rejected`: somebody has said since that they are not."""

    rule: str
    version: str
    score: int
    identifiers: tuple[UUID, ...]
    at: datetime
    rejected: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """A pair: the stream's customer and `other_id`. `since`: when it was first suggested."""

    other_id: UUID | None = None
    since: datetime | None = None
    suggested: tuple[Suggested, ...] = ()
    rejected_at: datetime | None = None

    @property
    def open(self) -> bool:
        """Whether somebody is still to look at it."""
        return any(not each.rejected for each in self.suggested)


def match_id(one: UUID, other: UUID) -> UUID:
    """The pair's id, whichever of the two is named first."""
    return uuid5(NAMESPACE_URL, f"crm:match:{min(one, other)}:{max(one, other)}")


def evolve(match: Match, fact: Fact[MatchEvent]) -> Match:
    """The pair after one more event."""
    event, at = fact.event, fact.occurred_at
    match event:
        case ContactMatchSuggested():
            told = Suggested(event.rule, event.rule_version, event.score, event.identifiers, at)
            return replace(match, other_id=event.other_id, since=min(match.since or at, at), suggested=(*match.suggested, told))
        case ContactMatchRejected():
            return replace(match, suggested=tuple(replace(each, rejected=True) for each in match.suggested), rejected_at=at)
        case _:
            assert_never(event)


def suggest(match: Match, *, match_id: UUID, other_id: UUID, rule: str, version: str, score: int, identifiers: Sequence[UUID]) -> list[MatchEvent]:
    """Told once by each version of a rule, rejected or not; and not where another said so with as much certainty: it would be no reason to look again."""
    if any((each.rule, each.version) == (rule, version) or (each.rule != rule and each.score >= score) for each in match.suggested):
        return []
    told = {"rule": rule, "rule_version": version, "score": score, "identifiers": tuple(identifiers)}
    return [ContactMatchSuggested(match_id=match_id, other_id=other_id, **told)]


def reject(match: Match, *, match_id: UUID) -> list[MatchEvent]:
    """They are two. Said twice it is nothing new."""
    if match.other_id is None:
        raise NotFound("There is no match of this id.")
    return [ContactMatchRejected(match_id=match_id, other_id=match.other_id)] if match.open else []


def _columns(match: Match) -> dict[str, Any]:
    return {
        "other_id": str(match.other_id) if match.other_id else None,
        "open": match.open,
        "occurred_at": round(match.since.timestamp() * 1_000_000) if match.since else None,
    }


MATCHES: Aggregate[Match, MatchEvent] = Aggregate("match", Match, evolve, columns=_columns)
