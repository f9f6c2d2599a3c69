"""What happens when an agent clicks a macro? Each step does what its own command would, at one moment, and all of them or none."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_events.deciding import At
from crm_events.language.procedure import Deed, MacroApplied, MacroDefined, MacroStep
from crm_events.language.words import Channel
from crm_events.refusals import Invalid, Rejected

from crm_tickets import escalating, rules
from crm_tickets.promises import Promises
from crm_tickets.rules import Events, moment_of
from crm_tickets.ticket import Ticket, evolved

WORDS: Mapping[Deed, str] = {"reply": "reply", "note": "note", "resolve": "resolution"}  # which words a step says
BY_MACRO = "macro"


@dataclass(frozen=True, slots=True)
class Telling:
    """What the agent who applies the macro says himself. `words`: by the name in `WORDS`; `message_ids`: of the reply and of the note."""

    agent_id: str | None
    channel: Channel
    words: Mapping[str, str]
    message_ids: Mapping[str, UUID]


def apply(ticket: Ticket, *, ticket_id: UUID, macro: MacroDefined, telling: Telling, at: datetime, promises: Promises) -> Events:
    """The macro's steps, each upon what the ones before it have changed. Rejected with the `step` (0, 1 …) that may not be done: then none is."""
    at, _ = moment_of(ticket, at)
    needed = {WORDS[step.do] for step in macro.steps if step.do in WORDS}
    if missing := sorted(needed - set(telling.words)):
        raise Invalid(f"/{missing[0]}", "missing", "Tell the words that this macro says.")
    if unsaid := sorted(set(telling.words) - needed):
        raise Invalid(f"/{unsaid[0]}", "unused", "No step of this macro says these words.")
    happened: list[Any] = [At(MacroApplied(macro=macro.name, version=macro.version, steps=tuple(step.do for step in macro.steps)), at)]
    for index, step in enumerate(macro.steps):
        try:
            happened += _done(evolved(ticket, happened, at), step, ticket_id, telling, at, promises)
        except Rejected as refusal:
            refusal.extra = {**refusal.extra, "step": index}
            raise
    return happened


def _done(ticket: Ticket, step: MacroStep, ticket_id: UUID, telling: Telling, at: datetime, promises: Promises) -> Events:
    match step:
        case MacroStep(do="assign"):
            return rules.assign(ticket, agent_id=step.agent_id, group=step.group, at=at, promises=promises)
        case MacroStep(do="set_priority", priority=str() as priority):
            return rules.set_priority(ticket, priority=priority, reason=None, at=at, promises=promises)
        case MacroStep(do="categorise", category=str() as category):
            return rules.categorise(ticket, category=category, at=at, promises=promises)
        case MacroStep(do="set_status", status=str() as status):
            return rules.set_status(ticket, status=status, reason=None, at=at, promises=promises)
        case MacroStep(do="escalate", to=str() as to):
            called = escalating.escalate(ticket, level=step.level or 1, to=to, cause=BY_MACRO, at=at)
            return [each if isinstance(each, At) else At(each, at) for each in called]
        case MacroStep(do="reply" | "note" as said):
            return rules.say(
                ticket, ticket_id=ticket_id, message_id=telling.message_ids[said], author_kind="agent", author_id=telling.agent_id,
                visibility="public" if said == "reply" else "internal", channel=telling.channel, text=telling.words[said], at=at, promises=promises,
            )  # fmt: skip
        case MacroStep(do="resolve"):
            return rules.resolve(
                ticket, resolution=telling.words["resolution"], agent_id=telling.agent_id, root_cause=step.root_cause, at=at, promises=promises
            )  # fmt: skip
        case MacroStep(do="close"):
            return rules.close(ticket, cause="agent", at=at, promises=promises)
        case _:
            raise AssertionError("a step names what it does")
