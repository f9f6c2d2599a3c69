"""Where does a subscription's secret lie? Sealed under a key derived from the master key; in clear only in the answer that tells it, and while signing."""

import base64
import hmac
import os
from uuid import UUID

import asyncpg
import structlog
from crm_events.lease import Connection
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from uuid_utils.compat import uuid7

PREFIX = "whsec_"
BYTES = 32
_ADD = "insert into webhook_secret (id, webhook, sealed) values ($1, $2, $3)"
_RETIRE = """
update webhook_secret set retires_at = least(retires_at, clock_timestamp() + make_interval(secs => $2)) where webhook = $1 and id <> $3
"""
_VALID = "select id, sealed from webhook_secret where webhook = $1 and (retires_at is null or retires_at > clock_timestamp()) order by id desc"
_ONE = "select sealed from webhook_secret where webhook = $1 and id = $2"
_FORGET = "delete from webhook_secret where retires_at < clock_timestamp()"

log = structlog.get_logger(__name__)


class Secrets:
    """Makes and opens secrets. `master_key`: as the vault's; another one opens nothing that was sealed before."""

    def __init__(self, master_key: bytes) -> None:
        self._cipher = AESGCM(hmac.digest(master_key, b"webhook secrets", "sha256"))

    async def make(self, connection: Connection, webhook: UUID, *, overlap: float = 0) -> UUID:
        """A new secret; the ones before go on signing beside it for `overlap` seconds. Its id, by which `tell` shows it."""
        made, nonce = uuid7(), os.urandom(12)
        sealed = nonce + self._cipher.encrypt(nonce, os.urandom(BYTES), _bound(webhook, made))
        await connection.execute(_ADD, made, webhook, sealed)
        await connection.execute(_RETIRE, webhook, overlap, made)
        return made

    async def tell(self, connection: Connection, webhook: UUID, secret: UUID) -> str | None:
        """The secret as a receiver is given it, `whsec_…`; None when it is gone or cannot be opened."""
        key = self._opened(webhook, secret, await connection.fetchval(_ONE, webhook, secret))
        return None if key is None else PREFIX + base64.b64encode(key).decode()

    async def keys(self, connection: "Connection | asyncpg.Pool", webhook: UUID) -> list[bytes]:
        """What to sign with now, the newest first. Empty when none can be opened: another master key, or a damaged row."""
        rows = await connection.fetch(_VALID, webhook)
        return [key for row in rows if (key := self._opened(webhook, row["id"], row["sealed"])) is not None]

    def _opened(self, webhook: UUID, secret: UUID, sealed: bytes | None) -> bytes | None:
        if sealed is None:
            return None
        try:
            return self._cipher.decrypt(sealed[:12], sealed[12:], _bound(webhook, secret))
        except (InvalidTag, ValueError):
            log.error("webhook_secret_does_not_open", webhook=str(webhook))
            return None


async def forget_retired(connection: Connection) -> None:
    """Retired secrets sign nothing any more."""
    await connection.execute(_FORGET)


def _bound(webhook: UUID, secret: UUID) -> bytes:
    """A sealed secret cannot be moved to another subscription."""
    return webhook.bytes + secret.bytes
