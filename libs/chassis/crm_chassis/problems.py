"""Which answer does each thing that goes wrong get? The one table of problems, and the one mapping from exceptions to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import asyncpg
import jwt
from asyncpg import exceptions as pg
from crm_events import refusals
from crm_events.registry import REGISTRY
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from crm_chassis.misfit import of_request, of_values

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the table: the HTTP status, a title that never changes, and what the client should do."""

    status: int
    title: str
    advice: str


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "invalid-request": Kind(422, "The request does not fit", "Correct what `errors` names and send it again."),
        "malformed": Kind(400, "The request cannot be read", "Send well-formed JSON and headers."),
        "bad-cursor": Kind(400, "The cursor is not valid here", "Start again without a cursor, or repeat the filters and the order it was given for."),
        "idempotency-key-missing": Kind(
            400, "An Idempotency-Key is required", "Send an `Idempotency-Key` header: 1 to 200 visible characters, new for each new command."
        ),
        "idempotency-key-reused": Kind(
            422, "The Idempotency-Key belongs to another request", "Use a new key for a new request; send the very same request to repeat one."
        ),
        "unauthenticated": Kind(401, "Who is asking is not known", "Send a valid bearer token in `Authorization`."),
        "forbidden": Kind(403, "The token does not allow this", "Ask for a token with the scope named in `required_scope`."),
        "not-found": Kind(404, "There is nothing here", "Check the address and the id."),
        "method-not-allowed": Kind(405, "The resource has no such method", "Use a method named in the `Allow` header."),
        "gone": Kind(410, "The customer was erased", "Nothing can be read or written for an erased customer."),
        "version-conflict": Kind(412, "The resource has moved on", "Read it again and decide anew on the version you then see."),
        "conflict": Kind(409, "The resource kept moving", "Others were writing at the same time; send the same request again."),
        "already-exists": Kind(409, "It is there already", "Use the one named in `existing_id`, or choose another id."),
        "identifier-taken": Kind(409, "The identifier belongs to another contact", "Use another value, or merge the two contacts if they are one person."),
        "identifier-blocked": Kind(
            422, "The identifier identifies nobody", "Send a value that belongs to one person; zeros, test values and role mailboxes do not."
        ),
        "rejected": Kind(409, "A rule says no", "`rule` names it; `detail` says what to do."),
        "body-too-large": Kind(413, "The body is too large", "Send less at once: 1 MiB a request, 8 MiB and 1,000 lines for /v1/commands."),
        "unsupported-media-type": Kind(
            415, "The content type is not understood", "Send `Content-Type: application/json` (`application/x-ndjson` for /v1/commands)."
        ),
        "too-many-requests": Kind(429, "Too many requests", "Wait as long as `Retry-After` says."),
        "internal-error": Kind(500, "Something failed on our side", "Report the `request_id`; the same Idempotency-Key may be sent again."),
        "overloaded": Kind(503, "Too much at once", "Nothing was written. Wait as long as `Retry-After` says and send it again."),
        "dependency-unavailable": Kind(
            503, "Something the service needs is away", "Wait as long as `Retry-After` says and send it again with the same Idempotency-Key."
        ),
        "not-yet-visible": Kind(503, "The write is not visible yet", "Read again after `Retry-After`, or without `Prefer: handling=strict`."),
    }
)


class Problem(Exception):
    """A refusal in HTTP's own terms: `kind` is a key of KINDS, `members` are added to the body, `headers` to the answer."""

    def __init__(self, kind: str, detail: str | None = None, *, members: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(kind)
        self.kind, self.detail = kind, detail or KINDS[kind].advice
        self.members: Mapping[str, Any] = members or {}
        self.headers: Mapping[str, str] = headers or {}

    @property
    def status(self) -> int:
        return KINDS[self.kind].status

    def body(self, *, instance: str, request_id: str) -> dict[str, Any]:
        """The members of RFC 9457, then the problem's own."""
        head = {"type": f"/problems/{self.kind}", "title": KINDS[self.kind].title, "status": self.status, "detail": self.detail, "instance": instance}
        return {**self.members, **head, "request_id": request_id}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the mapping needs to know of the request: who must not be told about others, and whether something may have been written."""

    staff: bool = True
    writes: bool = False
    body: Any = field(default=None, repr=False)


_CONNECTION = (
    OSError,
    TimeoutError,
    pg.PostgresConnectionError,
    pg.OperatorInterventionError,
    pg.InsufficientResourcesError,
    pg.LockNotAvailableError,
    asyncpg.InternalClientError,  # what asyncpg raises when the server ended an idle connection a moment before it is used
    pg.ObjectNotInPrerequisiteStateError,  # the database accepts no connections just now
    pg.TransactionRollbackError,
    pg.ReadOnlySQLTransactionError,
    pg.InvalidAuthorizationSpecificationError,
    pg.InvalidCatalogNameError,
)


_EVENTS = frozenset(kind.model.__name__ for kind in REGISTRY.values())
_UNKNOWN = {"outcome": "unknown"}  # the same key tells


def problem_of(exc: BaseException, asked: Asked) -> Problem:
    """The problem that answers an exception. What is not known here is `internal-error`, whose text never holds anything of the exception."""
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    match exc:
        case Problem():
            return exc
        case refusals.Refusal():
            return _refused(exc, asked)
        case RequestValidationError():
            return _misfit(of_request(exc.errors(), exc.body))
        case ValidationError() if exc.title in _EVENTS:  # the rule took it, but its event cannot hold it: too long, too many
            return _misfit(of_values(exc, asked.body))
        case HTTPException():
            return _http(exc)
        case ClientDisconnect():
            return Problem("malformed", "The request ended before its body was complete.")
        case jwt.PyJWTError():
            return Problem("unauthenticated", headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
        case _:
            return _away(asked) if _is_away(exc) else Problem("internal-error")


def _misfit(errors: list[dict[str, str]]) -> Problem:
    return Problem("invalid-request", members={"errors": errors})


def _refused(exc: refusals.Refusal, asked: Asked) -> Problem:
    match exc:
        case refusals.Rejected():
            return Problem("rejected", exc.detail, members={**exc.extra, "rule": exc.rule})
        case refusals.Invalid():
            place = {"parameter": exc.pointer[1:]} if exc.pointer.startswith("?") else {"pointer": exc.pointer}
            return _misfit([{**place, "code": exc.code, "detail": exc.detail}])
        case refusals.TooLarge():
            return Problem("body-too-large", str(exc) or None)
        case refusals.Blocked():
            return Problem("identifier-blocked", str(exc) or None)
        case refusals.NotFound():
            return Problem("not-found")
        case refusals.Gone():
            return Problem("gone")
        case refusals.AlreadyExists():
            return Problem("already-exists", exc.detail, members={"existing_id": str(exc.existing_id)} if asked.staff else None)
        case refusals.Taken():
            return _taken(exc, asked)
        case refusals.VersionConflict():
            return Problem("version-conflict", members={"current_version": exc.current})
        case refusals.KeptMoving():
            return Problem("conflict")
        case refusals.KeyReused():
            return Problem("idempotency-key-reused")
        case refusals.Unavailable():
            kind = "overloaded" if exc.overloaded else "dependency-unavailable"
            return Problem(kind, exc.detail, members=_UNKNOWN if exc.unknown else None, headers={"Retry-After": str(exc.retry_after)})
        case _:
            return Problem("internal-error")


def _taken(exc: refusals.Taken, asked: Asked) -> Problem:
    """Who holds it is for staff only: a customer must not learn which addresses are known here."""
    if exc.claim.refusal == "identifier-taken":
        return Problem("identifier-taken", members={"conflicting_contact_id": str(exc.holder), "merge": "/v1/merges"} if asked.staff else None)
    return Problem("already-exists", members={"existing_id": str(exc.holder)} if asked.staff else None)


def _http(exc: HTTPException) -> Problem:
    """What the framework itself refuses: no such path, no such method, a body it could not parse."""
    kind = {404: "not-found", 405: "method-not-allowed", 413: "body-too-large", 415: "unsupported-media-type"}.get(exc.status_code, "malformed")
    return Problem(kind if exc.status_code < 500 else "internal-error", headers=exc.headers)


def _is_away(exc: BaseException) -> bool:
    if type(exc).__module__.startswith("sqlalchemy."):  # a wrapping of the driver's error; not imported here, for that takes as long as all the rest
        return exc.__cause__ is not None and _is_away(exc.__cause__)
    closed = isinstance(exc, asyncpg.InterfaceError) and not isinstance(exc, pg.DataError | ValueError)  # a DataError is our own mistake in a query
    return closed or isinstance(exc, _CONNECTION)


def _away(asked: Asked) -> Problem:
    return Problem("dependency-unavailable", members=_UNKNOWN if asked.writes else None, headers={"Retry-After": "1"})
