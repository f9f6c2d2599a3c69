"""Who signs tokens where there is no identity provider? A development issuer: a key in a directory, and tokens for whoever can read it."""

import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import jwt
import orjson
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from crm_chassis.scopes import LINKED, SCOPES
from crm_chassis.settings import DEVELOPMENT_ISSUER

EVERYTHING = tuple(scope for scope in SCOPES if scope not in ("self", *LINKED))


class NotInProduction(RuntimeError):
    """The development issuer was asked for in production."""


class Issuer:
    """Signs with the ES256 key in `directory`, made on first use; `jwks` is the file that services verify by (AUTH_JWKS)."""

    def __init__(self, directory: Path, *, issuer: str = DEVELOPMENT_ISSUER, audience: str = "crm") -> None:
        if os.environ.get("ENVIRONMENT", "development").lower() == "production":
            raise NotInProduction("The development issuer signs anything for anybody; in production set AUTH_JWKS and AUTH_ISSUER to your identity provider's.")
        directory.mkdir(parents=True, exist_ok=True)
        self._issuer, self._audience, self._private = issuer, audience, directory / "issuer.key.pem"
        self.jwks = directory / "jwks.json"
        if not self._private.exists():
            _write_once(self._private, _fresh())
        self._key = _load(self._private)
        public: dict[str, Any] = ECAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        self._id = f"dev-{public['x'][:12]}"
        content = orjson.dumps({"keys": [{**public, "kid": self._id, "alg": "ES256", "use": "sig"}]})
        if not self.jwks.exists() or self.jwks.read_bytes() != content:
            _replace(self.jwks, content)

    def token(
        self, scopes: Iterable[str] = EVERYTHING, *, customer: UUID | str | None = None, days: float = 30, subject: str = "developer", actor: str | None = None
    ) -> str:
        """A token with these scopes (default: every one but `self`). ValueError for a scope there is not, or `self` without a customer."""
        wanted = list(scopes)
        if unknown := sorted(set(wanted) - SCOPES.keys()):
            raise ValueError(f"There is no scope {', '.join(unknown)}. There are: {', '.join(SCOPES)}.")
        if "self" in wanted and customer is None:
            raise ValueError("The scope self needs a customer.")
        now = datetime.now(UTC)
        claims = {"iss": self._issuer, "aud": self._audience, "sub": subject, "iat": now, "exp": now + timedelta(days=days), "scope": " ".join(wanted)}
        claims |= {"customer_id": str(UUID(str(customer)))} if customer is not None else {}
        claims |= {"actor": actor} if actor is not None else {}
        return jwt.encode(claims, self._key, algorithm="ES256", headers={"kid": self._id})


def _fresh() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _load(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{path.name} is no ES256 key; remove it and a new one is made.")
    return key


def _write_once(path: Path, content: bytes) -> None:
    """Two processes may come here at once: the first one's key counts for both. Nobody else may read it."""
    mine = path.with_name(f"{path.name}.{os.getpid()}")
    mine.write_bytes(b"")
    mine.chmod(0o600)
    mine.write_bytes(content)
    try:
        os.link(mine, path)
    except FileExistsError:
        pass
    finally:
        mine.unlink()


def _replace(path: Path, content: bytes) -> None:
    mine = path.with_name(f"{path.name}.{os.getpid()}")
    mine.write_bytes(content)
    mine.replace(path)
