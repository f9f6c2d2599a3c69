"""What does a route get to know about the request, and how does it answer? One object for both, the same over HTTP and in the bulk endpoint.

Write = Annotated[Call, Security(caller, scopes=["tickets:write"])]

@router.post("/v1/tickets/{ticket_id}/resolution", **command(TicketAnswer))
async def resolve_ticket(ticket_id: UUID, body: Resolution, call: Write) -> Answer:
    done = await call.store.handle(TICKETS, ticket_id, call.command(body), lambda ticket, now: resolve(ticket, ...))
    return await call.answer(done, view(done.part, call.now))
"""

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import orjson
from crm_events.command import Command, command_id
from crm_events.refusals import NotFound
from crm_events.store.store import Done, EventStore
from fastapi import Request
from fastapi.openapi.models import HTTPBearer as BearerModel
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase
from pydantic import BaseModel
from starlette.datastructures import Headers, State

from crm_chassis.answer import Answer, rendered
from crm_chassis.auth import Principal
from crm_chassis.chassis import Chassis
from crm_chassis.paging import listing_of, next_link
from crm_chassis.problems import Problem

_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_VERSION = re.compile(r'"(\d{1,18})"')


@dataclass(frozen=True, slots=True)
class Call:
    """One request of one caller. `customers`: whom a customer's own token may touch (herself and ids merged with hers); None = staff, anybody."""

    chassis: Chassis
    principal: Principal
    operation: str
    method: str
    path: Mapping[str, Any]
    headers: Headers
    raw: Any = None
    customers: frozenset[UUID] | None = None
    request: Request | None = None
    traceparent: str | None = None
    request_id: str = ""

    @property
    def state(self) -> State:
        """What the lifespan made: `store` and whatever the service put there."""
        return self.chassis.state

    @property
    def store(self) -> EventStore:
        """The service's event store."""
        store: EventStore = self.chassis.state.store
        return store

    @property
    def actor(self) -> str:
        """Who acts, as events say it."""
        return f"customer:{self.principal.customer_id}" if self.customers is not None else self.principal.actor

    @property
    def now(self) -> datetime:
        """This moment, in milliseconds: for showing how things stand. Decisions get theirs from the store."""
        moment = datetime.now(UTC)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    @property
    def may_see_personal(self) -> bool:
        """Whether sealed fields are opened for this caller."""
        return self.customers is not None or "personal:read" in self.principal.scopes

    def own(self, customer_id: UUID | None) -> None:
        """NotFound when a customer's own token asks about somebody else: not even that they exist is told."""
        if self.customers is not None and customer_id not in self.customers:
            raise NotFound("There is nothing here.")

    def command(self, body: BaseModel | None = None) -> Command:
        """The store's command for this request: its id from the Idempotency-Key (required on POST), random without one.

        Problem `idempotency-key-missing`, or `malformed` for a key or If-Match of another form.
        """
        key, occurred_at = self._idempotency_key(), getattr(body, "occurred_at", None)
        subject = self.principal.subject if self.customers is None else f"{self.principal.subject}/{self.principal.customer_id}"
        return Command(
            id=command_id(subject, self.operation, key) if key else uuid4(),
            fingerprint=self._fingerprint(key),
            actor=self.actor,
            occurred_at=occurred_at,
            if_match=self._if_match(),
            only_for=self.customers,
            correlation_id=self.request_id or None,
            traceparent=self.traceparent,
            keyed=key is not None,
        )

    async def answer(self, done: Done[Any], resource: object, *, created: str | None = None, etag: int | None = None) -> Answer:
        """A command's answer: `resource` (model or data) as it now is. `created`: the path of what the command made, for 201 and Location.

        `etag`: the version shown, default that of the command's first stream.
        """
        headers = {"ETag": f'"{done.part.version if etag is None else etag}"', "Consistency-Token": done.token}
        if done.replayed:
            headers["Idempotency-Replayed"] = "true"
        made = created is not None and done.changed
        if made:
            headers["Location"] = str(created)
        return Answer(await self._rendered(resource), status_code=201 if made else 200, headers=headers)

    async def show(
        self,
        resource: object,
        *,
        version: int | str | None = None,
        canonical: str | None = None,
        link: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """A read's answer, 304 when the caller has this version. `canonical`: path of the survivor where the id asked was merged away.

        `link`: a whole `Link` header besides.
        """
        head = dict(headers or {})
        links = [text for text in (f'<{canonical}>; rel="canonical"' if canonical else None, link) if text]
        if links:
            head["Link"] = ", ".join(links)
        if version is not None:
            head["ETag"] = f'"{version}"'
            if self._seen(head["ETag"]):
                return Answer(status_code=304, headers=head)
        return Answer(await self._rendered(resource), headers=head)

    async def page(self, items: Sequence[object], next_key: Sequence[Any] | None, limit: int, *, headers: Mapping[str, str] | None = None) -> Answer:
        """A page: `next_key` is the sort key of the last item shown (JSON values, times, ids), None on the last page. See `paging.Paging`."""
        request, head, cursor = self.request, dict(headers or {}), None
        if next_key is not None and request is not None:
            cursor = self.chassis.cursors.write(listing_of(request), tuple(next_key))
            head["Link"] = next_link(request, cursor, limit)
        return Answer(await self._rendered({"items": items, "next": cursor}), headers=head)

    async def _rendered(self, resource: object) -> bytes:
        whose = set[UUID]()
        content = await rendered(resource, vault=self.chassis.vault, may_see=self.may_see_personal, whose=whose)
        if whose and (audit := self.chassis.audit):
            for customer_id in whose:
                audit.note(self.actor, customer_id, self.operation, self.request_id, opened=True)
        return content

    def header(self, name: str) -> str | None:
        """A header that may be sent once."""
        told = self.headers.getlist(name)
        if len(told) > 1:
            raise Problem("malformed", f"Send the header {name} once.")
        return told[0] if told else None

    def _idempotency_key(self) -> str | None:
        key = self.header("Idempotency-Key")
        if key is None and self.method == "POST":
            raise Problem("idempotency-key-missing")
        if key is not None and not _KEY.fullmatch(key):
            raise Problem("malformed", "Idempotency-Key must be 1 to 200 visible ASCII characters.")
        return key

    def _if_match(self) -> int | None:
        told = self.header("If-Match")
        match = _VERSION.fullmatch(told) if told is not None else None
        if told is not None and match is None:
            raise Problem("malformed", 'If-Match must be one ETag as it was answered, as "7".')
        return int(match[1]) if match else None

    def _fingerprint(self, key: str | None) -> bytes:
        """Keyed, for a plain hash of personal data could be guessed; and over the Idempotency-Key too, which is kept nowhere: of an erased customer not even
        the holder of the index key can tell whether a guess is right. Without a key nobody repeats the request. The names' order does not matter.
        """
        asked = [key or uuid4().hex, self.operation, {name: str(value) for name, value in self.path.items()}, self.raw]
        return hmac.digest(self.chassis.index_key, orjson.dumps(asked, option=orjson.OPT_SORT_KEYS), "sha256")

    def _seen(self, etag: str) -> bool:
        told = ",".join(self.headers.getlist("If-None-Match"))
        return told.strip() == "*" or etag in [text.strip().removeprefix("W/") for text in told.split(",")]


class Caller(SecurityBase):
    """The dependency behind every `call`: verifies the token and that any one of the route's scopes is held."""

    def __init__(self) -> None:
        self.model = BearerModel(
            bearerFormat="JWT", description="A JWT with `scope`, `sub`, `aud`, or a service key (`crmk_…`); any one of the scopes named admits."
        )
        self.scheme_name = "bearer"

    async def __call__(self, request: Request, scopes: SecurityScopes) -> Call:
        """The call of this request. Problems `unauthenticated`, `forbidden`."""
        chassis: Chassis = request.app.state.chassis
        principal = await principal_of(request)
        customers = await customers_of(chassis, principal, tuple(scopes.scopes))
        request.scope["crm.staff"] = customers is None
        return Call(
            chassis=chassis,
            principal=principal,
            operation=request.scope["route"].unique_id,
            method=request.method,
            path=request.path_params,
            headers=request.headers,
            raw=request.scope.get("crm.body"),
            customers=customers,
            request=request,
            traceparent=request.scope.get("crm.traceparent"),
            request_id=request.scope.get("crm.request_id", ""),
        )


async def principal_of(request: Request) -> Principal:
    """Who sent the request; verified once a request. Problem `unauthenticated`."""
    known: Principal | None = request.scope.get("crm.principal")
    if known is None:
        told = request.headers.getlist("authorization")
        known = await request.app.state.chassis.authenticator.principal(told[0] if len(told) == 1 else None)
        request.scope["crm.principal"] = known
    return known


async def customers_of(chassis: Chassis, principal: Principal, scopes: tuple[str, ...]) -> frozenset[UUID] | None:
    """Whom the principal may touch under these scopes: None = anybody. Problem `forbidden` if not admitted at all."""
    if not principal.admitted(scopes):
        wanted = " or ".join(scopes)
        raise Problem(
            "forbidden",
            f"This needs the scope {wanted}.",
            headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{" ".join(scopes)}"'},
            members={"required_scope": scopes[0]},
        )
    if principal.is_staff_for(scopes) or principal.customer_id is None:
        return None
    return await chassis.cluster(principal.customer_id)


caller = Caller()
