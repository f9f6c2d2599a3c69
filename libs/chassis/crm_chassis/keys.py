"""Which public keys may sign a token? The issuer's JWKS, from a file or an URL, read again when it is old or a key is unknown."""

import asyncio
import time
from pathlib import Path

import httpx2
import jwt
import orjson
import structlog
from crm_events.refusals import Unavailable

ALGORITHMS = frozenset({"ES256", "EdDSA", "RS256"})
_TTL = 300.0  # seconds; a key taken out of the set stops being good after this at the latest
_PAUSE = 5.0  # seconds between two looks on behalf of unknown key ids: they cost the client nothing
_log = structlog.get_logger(__name__)


class Keys:
    """The keys of one issuer by id. `source` is a path or an http(s) URL."""

    def __init__(self, source: str, *, pause: float = _PAUSE) -> None:
        self._source, self._pause = source, pause
        self._keys: dict[str, jwt.PyJWK] = {}
        self._read_at = self._tried_at = float("-inf")
        self._lock = asyncio.Lock()

    async def get(self, kid: str | None) -> jwt.PyJWK | None:
        """The key of that id; without an id the only key there is. None if unknown. Unavailable if no key was ever read."""
        now = time.monotonic()
        if now - self._read_at > _TTL or (self._pick(kid) is None and now - self._tried_at > self._pause):
            async with self._lock:
                if self._tried_at <= now:  # nobody else has just looked
                    await self._refresh()
        if not self._keys:
            raise Unavailable("The keys of the token issuer cannot be read.")
        return self._pick(kid)

    def _pick(self, kid: str | None) -> jwt.PyJWK | None:
        if kid is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(kid)

    async def _refresh(self) -> None:
        self._tried_at = time.monotonic()
        try:
            document = orjson.loads(await self._fetch())
            self._keys = dict(_usable(document))
            self._read_at = time.monotonic()
        except (OSError, httpx2.HTTPError, ValueError, KeyError, TypeError, AttributeError) as error:
            _log.warning("jwks_unreadable", error=type(error).__name__)  # the keys known so far stay good

    async def _fetch(self) -> bytes:
        if not self._source.startswith(("http://", "https://")):
            return await asyncio.to_thread(Path(self._source).read_bytes)
        async with httpx2.AsyncClient(timeout=5.0) as client:
            answer = await client.get(self._source)
            return answer.raise_for_status().content


def _usable(document: dict[str, list[dict[str, str]]]) -> list[tuple[str, jwt.PyJWK]]:
    """Signing keys of an allowed algorithm. The algorithm is the key's, never the token's: so no token can turn a public key into a shared secret."""
    found = []
    for entry in document["keys"]:
        try:
            key = jwt.PyJWK.from_dict(entry)
        except jwt.PyJWTError:
            continue
        if key.algorithm_name in ALGORITHMS and key.public_key_use in (None, "sig"):
            found.append((key.key_id or "", key))
    return found
