"""What may a client say of procedures and macros?"""

from typing import Annotated, Literal

from crm_chassis.body import Body, Long, Told
from crm_events.event import Code
from crm_events.language.escalation import Level
from crm_events.language.procedure import Step
from crm_events.language.ticket_words import Priority, TicketKind
from crm_events.language.words import Channel
from pydantic import Field, field_validator, model_validator

from crm_tickets.bodies import Moment


class ProcedureConditions(Body):
    """Which tickets it is for. Each list admits any of its values; one that is absent or empty admits all."""

    kinds: tuple[TicketKind, ...] = Field(default=(), max_length=6)
    categories: tuple[Code, ...] = Field(default=(), max_length=200)


class ProcedureBody(Body):
    """How such tickets are handled: the steps, in order."""

    when: ProcedureConditions = ProcedureConditions()
    steps: tuple[Step, ...] = Field(min_length=1, max_length=30)
    valid_from: Moment | None = None


class Assign(Body):
    """Whose it is then."""

    do: Literal["assign"]
    agent_id: Code | None = None
    group: Code | None = None

    @model_validator(mode="after")
    def _somebodys(self) -> "Assign":
        if self.agent_id is None and self.group is None:
            raise ValueError("Name an agent, a group, or both.")
        return self


class SetPriority(Body):
    """How urgent it is then."""

    do: Literal["set_priority"]
    priority: Priority


class Categorise(Body):
    """What it is about."""

    do: Literal["categorise"]
    category: Code


class SetStatus(Body):
    """Whom it waits for then."""

    do: Literal["set_status"]
    status: Literal["open", "pending", "on_hold"]


class Escalate(Body):
    """Who is called in."""

    do: Literal["escalate"]
    level: Level = 1
    to: Code


class Say(Body):
    """A public answer, or a note among colleagues. The words are told when the macro is applied."""

    do: Literal["reply", "note"]


class Resolve(Body):
    """Done. What was done is told when the macro is applied."""

    do: Literal["resolve"]
    root_cause: Code | None = None


class Close(Body):
    """Nothing more is expected."""

    do: Literal["close"]


Doing = Annotated[Assign | SetPriority | Categorise | SetStatus | Escalate | Say | Resolve | Close, Field(discriminator="do")]


class MacroBody(Body):
    """What is done with one click, in this order, all or nothing."""

    steps: tuple[Doing, ...] = Field(min_length=1, max_length=20)
    valid_from: Moment | None = None

    @field_validator("steps")
    @classmethod
    def _each_once(cls, steps: tuple[Doing, ...]) -> tuple[Doing, ...]:
        if len({step.do for step in steps}) < len(steps):
            raise ValueError("Do each thing once.")
        return steps


class MacroUse(Told):
    """The macro, and the words that its steps say: `reply` and `note`, `resolution`. `channel`: of the reply."""

    macro: Code
    channel: Channel = "web"
    reply: Long | None = None
    note: Long | None = None
    resolution: Long | None = None
