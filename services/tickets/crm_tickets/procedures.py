"""How are tickets handled by the book? Procedures and macros as streams of versions; what was done names the version it was done by."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from crm_events.deciding import Aggregate, Fact
from crm_events.language.procedure import MacroDefined, ProcedureDefined

from crm_tickets.policy import next_version


@dataclass(frozen=True, slots=True)
class Procedure:
    """All versions of one procedure, the first one first."""

    versions: tuple[ProcedureDefined, ...] = ()


@dataclass(frozen=True, slots=True)
class Macro:
    """All versions of one macro, the first one first."""

    versions: tuple[MacroDefined, ...] = ()


def evolve_procedure(procedure: Procedure, fact: Fact[ProcedureDefined]) -> Procedure:
    """One version more."""
    return replace(procedure, versions=(*procedure.versions, fact.event))


def evolve_macro(macro: Macro, fact: Fact[MacroDefined]) -> Macro:
    """One version more."""
    return replace(macro, versions=(*macro.versions, fact.event))


PROCEDURES: Aggregate[Procedure, ProcedureDefined] = Aggregate("procedure", Procedure, evolve_procedure)
MACROS: Aggregate[Macro, MacroDefined] = Aggregate("macro", Macro, evolve_macro)


def procedure_id(name: str) -> UUID:
    """The stream of the procedure of this name."""
    return uuid5(NAMESPACE_URL, f"crm:procedure:{name}")


def macro_id(name: str) -> UUID:
    """The stream of the macro of this name."""
    return uuid5(NAMESPACE_URL, f"crm:macro:{name}")


def define_procedure(procedure: Procedure, *, valid_from: datetime | None, now: datetime, **content: Any) -> list[ProcedureDefined]:
    """The next version, in force from `valid_from` (default now); nothing if the newest version says the same."""
    number = len(procedure.versions) + 1
    return next_version(procedure.versions, ProcedureDefined(version=number, valid_from=valid_from or now, **content), valid_from)


def define_macro(macro: Macro, *, valid_from: datetime | None, now: datetime, **content: Any) -> list[MacroDefined]:
    """The next version, in force from `valid_from` (default now); nothing if the newest version says the same."""
    number = len(macro.versions) + 1
    return next_version(macro.versions, MacroDefined(version=number, valid_from=valid_from or now, **content), valid_from)
