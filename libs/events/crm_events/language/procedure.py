"""How is a ticket to be handled: by which steps, and what does an agent do with one click?"""

from typing import Literal, TypeAlias

from pydantic import Field

from crm_events.event import Code, Event, Instant, Value
from crm_events.language.escalation import Level
from crm_events.language.ticket_words import Priority, TicketKind
from crm_events.language.words import Maybe, Ordinal

Step: TypeAlias = Literal[
    "opened", "assigned", "categorised", "priority_set", "status_changed", "first_response", "escalated", "macro_applied", "root_cause_set",
    "recovery_offered", "recovery_completed", "resolved", "closed",
]  # fmt: skip
Deed: TypeAlias = Literal["assign", "set_priority", "categorise", "set_status", "escalate", "note", "reply", "resolve", "close"]


class ProcedureWhen(Value):
    """Which tickets a procedure is for. Each list admits any of its values; an empty one admits all."""

    kinds: tuple[TicketKind, ...] = ()
    categories: tuple[Code, ...] = ()


class ProcedureDefined(Event):
    """A version of how such tickets are handled: the steps that are taken, in this order; others may lie between."""

    type = "procedure.defined"
    keyed_by_stream = True
    name: Code
    version: Ordinal
    when: ProcedureWhen
    steps: tuple[Step, ...]
    valid_from: Instant


class MacroStep(Value):
    """One thing done. The words of a reply, a note or a resolution are told when the macro is applied, for they are about the customer."""

    do: Deed
    agent_id: Maybe[Code] = None
    group: Maybe[Code] = None
    priority: Maybe[Priority] = None
    category: Maybe[Code] = None
    status: Maybe[Literal["open", "pending", "on_hold"]] = None
    level: Maybe[Level] = None
    to: Maybe[Code] = None
    root_cause: Maybe[Code] = None


class MacroDefined(Event):
    """A version of what an agent does with one click."""

    type = "macro.defined"
    keyed_by_stream = True
    name: Code
    version: Ordinal
    steps: tuple[MacroStep, ...]
    valid_from: Instant


class MacroApplied(Event):
    """An agent had these steps done by a macro; what each of them changed is told beside it."""

    type = "macro.applied"
    macro: Code
    version: Ordinal
    steps: tuple[Deed, ...] = Field(min_length=1)


ProcedureEvent: TypeAlias = ProcedureDefined
MacroEvent: TypeAlias = MacroDefined
