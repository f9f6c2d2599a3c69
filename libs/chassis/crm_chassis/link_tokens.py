"""What does a link open for somebody who has no account? One thing, until a moment: a token that this service signed for it, sent as a bearer token.

`crml_` and base64url of: what it is about (16 bytes), number (4), until (milliseconds, 8), and the HMAC-SHA-256 over scope and these (32). Nothing is stored:
it is made again from the same values, and cannot be guessed without the key.
"""

import base64
import binascii
import hmac
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

PREFIX = "crml_"
_TOLD = struct.Struct(">16sIQ")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SIGNED = 32


@dataclass(frozen=True, slots=True)
class Link:
    """What the bearer of a link may answer: `about` (a ticket), the how manieth link it is, until when."""

    scope: str
    about: UUID
    number: int
    until: datetime


class LinkTokens:
    """Signs and reads the tokens of one service. `scopes`: those that a link may have here."""

    def __init__(self, key: bytes, service: str, scopes: tuple[str, ...]) -> None:
        self._key, self._scopes = hmac.digest(key, f"links of {service}".encode(), "sha256"), scopes

    def sign(self, link: Link) -> str:
        """The token; always the same for the same link."""
        told = _TOLD.pack(link.about.bytes, link.number, (link.until - _EPOCH) // timedelta(milliseconds=1))
        return PREFIX + base64.urlsafe_b64encode(told + self._hmac(link.scope, told)).rstrip(b"=").decode()

    def read(self, token: str, now: datetime) -> Link | None:
        """The link of a token that is ours and whose time is not over."""
        try:
            data = base64.b64decode(token.removeprefix(PREFIX) + "==", altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        told, signed = data[: _TOLD.size], data[_TOLD.size :]
        if len(told) < _TOLD.size or len(signed) != _SIGNED:
            return None
        for scope in self._scopes:
            if hmac.compare_digest(signed, self._hmac(scope, told)):
                about, number, until = _TOLD.unpack(told)
                link = Link(scope, UUID(bytes=about), number, _EPOCH + timedelta(milliseconds=until))
                return link if now < link.until else None
        return None

    def _hmac(self, scope: str, told: bytes) -> bytes:
        return hmac.digest(self._key, scope.encode() + b"\0" + told, "sha256")
