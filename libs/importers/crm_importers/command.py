"""What is one line of POST /v1/commands, and what makes the same fact of the same source the same command for ever?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias
from uuid import NAMESPACE_URL, UUID, uuid5

import orjson

Service: TypeAlias = Literal["contacts", "tickets", "loyalty"]
IMPORTS = uuid5(NAMESPACE_URL, "crm:imports")


def id_of(*words: object) -> str:
    """The id of what the source calls so: `id_of("cdnow", "customer", "00004")`. The same words, the same id, on every machine."""
    return str(uuid5(IMPORTS, "/".join(str(word) for word in words)))


def instant(moment: datetime) -> str:
    """RFC 3339 in UTC, as the API takes it. `moment` knows its zone."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `chain`: commands of one chain are sent in order, each acknowledged before the next can overtake it. `line`: of the source, 0 = of none."""

    service: Service
    operation: str
    chain: str
    key: str
    path: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    line: int = 0

    def encoded(self) -> bytes:
        """The line, with its end."""
        told: dict[str, Any] = {"operation": self.operation, "key": self.key, "path": dict(self.path)}
        if self.body is not None:
            told["body"] = self.body
        return orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE)


def about_contact(contact_id: str, operation: str, key: tuple[object, ...], body: Mapping[str, Any], *, line: int = 0) -> Command:
    """A command on a contact that is there."""
    return Command("contacts", operation, contact_id, id_of(*key), {"contact_id": contact_id}, body, line)


def about_ticket(ticket_id: str, operation: str, key: tuple[object, ...], body: Mapping[str, Any], *, line: int = 0) -> Command:
    """A command on a ticket that is there."""
    return Command("tickets", operation, ticket_id, id_of(*key), {"ticket_id": ticket_id}, body, line)


def about_member(member_id: str, operation: str, key: tuple[object, ...], body: Mapping[str, Any], *, line: int = 0) -> Command:
    """A command on a member who is there."""
    return Command("loyalty", operation, member_id, id_of(*key), {"member_id": member_id}, body, line)


def creation(service: Service, operation: str, body: Mapping[str, Any], key: tuple[object, ...], *, line: int = 0) -> Command:
    """A command that makes what `body["id"]` names."""
    made = UUID(str(body["id"]))
    return Command(service, operation, str(made), id_of(*key), {}, body, line)
