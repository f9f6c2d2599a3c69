"""Who is asking, and what may they do?"""

import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import jwt

from crm_chassis.keys import Keys
from crm_chassis.link_tokens import PREFIX as LINK
from crm_chassis.link_tokens import Link, LinkTokens
from crm_chassis.problems import Problem
from crm_chassis.scopes import LINKED
from crm_chassis.service_keys import PREFIX, Entry, ServiceKeys

LEEWAY = 5  # seconds that clocks may differ
_KEEP = 60.0  # seconds a verified token is not verified again: ES256 costs about 100 µs
_MOST = 4096  # verified tokens kept
_ACTOR = re.compile(r"^(agent|service):[A-Za-z0-9._-]{1,100}$")
_PLAIN = re.compile(r"^[A-Za-z0-9._-]{1,100}$")


@dataclass(frozen=True, slots=True)
class Principal:
    """The bearer of a verified token. `customer_id` is set where the token is a customer's own, `link` where it is that of a link."""

    subject: str
    scopes: frozenset[str]
    actor: str
    customer_id: UUID | None = None
    link: Link | None = None

    def admitted(self, wanted: tuple[str, ...]) -> bool:
        """Whether any one of the scopes is held; `self` counts only with a customer."""
        return any(scope in self.scopes and (scope != "self" or self.customer_id is not None) for scope in wanted) or not wanted

    def is_staff_for(self, wanted: tuple[str, ...]) -> bool:
        """Admitted by another scope than `self`."""
        return self.admitted(tuple(scope for scope in wanted if scope != "self")) and wanted != ("self",)


class Authenticator:
    """Verifies bearer tokens: service keys by their hash; links by our own signature; JWTs by the issuer's keys, then `iss`, `aud`, `exp`, `nbf`, `sub`."""

    def __init__(
        self, keys: Keys, *, issuer: str, audience: str, service_keys: ServiceKeys | None = None, links: LinkTokens | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._service_keys, self._links = service_keys, links
        self._keys, self._issuer, self._audience, self._clock = keys, issuer, audience, clock
        self._known: OrderedDict[str, tuple[Principal, float]] = OrderedDict()

    async def principal(self, authorization: str | None) -> Principal:
        """The principal of an `Authorization` header. Problem `unauthenticated` says no more than that it is not good."""
        if not authorization:
            raise Problem("unauthenticated", headers={"WWW-Authenticate": "Bearer"})
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise Problem("unauthenticated", headers={"WWW-Authenticate": "Bearer"})
        if token.startswith(PREFIX):
            return self._of_a_machine(token)
        if token.startswith(LINK):
            return self._of_a_link(token)
        known = self._known.get(token)
        if known and known[1] > self._clock():
            return known[0]
        return await self._verify(token.strip())

    def _of_a_machine(self, token: str) -> Principal:
        entry = self._service_keys.of(token) if self._service_keys else None
        if entry is None:
            raise Problem("unauthenticated", headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
        return _machine(entry)

    def _of_a_link(self, token: str) -> Principal:
        link = self._links.read(token, datetime.fromtimestamp(self._clock(), UTC)) if self._links else None
        if link is None:
            raise Problem("unauthenticated", headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
        return Principal(subject=f"link/{link.about}/{link.number}", scopes=frozenset({link.scope}), actor="service:link", link=link)

    async def _verify(self, token: str) -> Principal:
        self._known.pop(token, None)
        try:
            head = jwt.get_unverified_header(token)
            key = await self._keys.get(head.get("kid")) if "crit" not in head else None
            if key is None:
                raise jwt.InvalidKeyError
            claims = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
            principal = _principal(claims)
        except (jwt.PyJWTError, ValueError, TypeError):
            raise Problem("unauthenticated", headers={"WWW-Authenticate": 'Bearer error="invalid_token"'}) from None
        self._known[token] = principal, min(float(claims["exp"]), self._clock() + _KEEP)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)
        return principal


def _machine(entry: Entry) -> Principal:
    return Principal(subject=f"service-key/{entry.name}", scopes=frozenset(entry.scopes.split()), actor=f"service:{entry.name}")


def _principal(claims: dict[str, Any]) -> Principal:
    """ValueError where a claim has another form than ours."""
    scope, customer, subject = claims.get("scope", ""), claims.get("customer_id"), claims["sub"]
    scopes = frozenset(scope.split() if isinstance(scope, str) else scope) - {*LINKED}
    customer_id = UUID(customer) if customer is not None else None
    actor = claims.get("actor") or f"agent:{subject if _PLAIN.match(subject) else uuid5(NAMESPACE_URL, subject)}"  # an e-mail as subject stays out of events
    if not _ACTOR.match(actor):
        raise ValueError("actor")
    return Principal(subject=subject, scopes=scopes, actor=actor, customer_id=customer_id)
