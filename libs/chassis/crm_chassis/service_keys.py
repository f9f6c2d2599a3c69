"""Which machines may call without a token issuer? Those whose key's hash stands in a file that the operator keeps."""

import hashlib
import os
import re
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import structlog
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from crm_chassis.scopes import MACHINES

PREFIX = "crmk_"  # what scanners of leaked secrets look for, and how a key is told from a JWT, which begins with eyJ
LOOK = 1.0  # seconds between looks at the file
_log = structlog.get_logger(__name__)
_NAME = r"^[A-Za-z0-9._-]{1,60}$"


class Entry(BaseModel):
    """One key: whose it is, the SHA-256 of all of it in hex, what it may do, until when."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: Annotated[str, StringConstraints(pattern=_NAME)]
    sha256: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
    scopes: str
    until: AwareDatetime | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    keys: list[Entry] = Field(default_factory=list)


class ServiceKeys:
    """The keys of `path`, read again when it changes: what is taken out is refused within a second; two keys of one name overlap while they are changed over.

    A file that cannot be read any more leaves the keys as they were; one that cannot be read at the start is ValueError.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._clock = path, clock
        self._looked, self._mark = clock(), _mark(path)
        self._entries = self._read()

    def of(self, token: str) -> Entry | None:
        """The entry of this key, None where there is none or its time is over."""
        self._look()
        entry = self._entries.get(hashlib.sha256(token.encode()).hexdigest())
        return entry if entry is not None and (entry.until is None or entry.until > datetime.now(UTC)) else None

    def _look(self) -> None:
        if self._clock() - self._looked < LOOK:
            return
        self._looked, mark = self._clock(), _mark(self._path)
        if mark == self._mark:
            return
        self._mark = mark
        try:
            self._entries = self._read()
        except ValueError as error:
            _log.error("service_keys_unreadable", reason=str(error))

    def _read(self) -> dict[str, Entry]:
        try:
            entries = _File.model_validate_json(self._path.read_bytes()).keys
        except OSError as error:
            raise ValueError(f"The file of service keys cannot be read: {type(error).__name__}.") from None
        except ValidationError as error:
            places = ", ".join(".".join(map(str, item["loc"])) or "the file" for item in error.errors(include_url=False, include_input=False))
            raise ValueError(f"The file of service keys does not fit: {places}.") from None
        for entry in entries:
            if unknown := sorted(set(entry.scopes.split()) - MACHINES):
                raise ValueError(f"The service key {entry.name} names scopes there are not: {', '.join(unknown)}.")
        return {entry.sha256: entry for entry in entries}


def fresh(name: str, scopes: str, days: float | None) -> tuple[str, dict[str, Any]]:
    """A new key, and its entry for the file. ValueError for a name of another form, or a scope that there is not."""
    if not re.match(_NAME, name):
        raise ValueError("A name has 1 to 60 letters, digits, dots, dashes.")
    if unknown := sorted(set(scopes.split()) - MACHINES):
        raise ValueError(f"No machine can have the scope {', '.join(unknown)}. There are: {', '.join(sorted(MACHINES))}.")
    key = PREFIX + secrets.token_urlsafe(32)
    until = (datetime.now(UTC) + timedelta(days=days)).replace(microsecond=0).isoformat() if days is not None else None
    return key, {"name": name, "sha256": hashlib.sha256(key.encode()).hexdigest(), "scopes": scopes, **({"until": until} if until else {})}


def _mark(path: Path) -> tuple[int, int, int]:
    try:
        seen = os.stat(path)
    except OSError:
        return (0, 0, 0)
    return (seen.st_mtime_ns, seen.st_ino, seen.st_size)
