"""Which secrets does the local stack run with, and where are they kept?

Made once, in files that only their owner reads, beside the data they protect: whoever removes one removes both.
"""

import base64
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Keyring:
    """The secrets of one stack: two 32-byte keys in base64, and a password for each database role."""

    master_key: str
    index_key: str
    passwords: dict[str, str]


def keyring(data_dir: Path, roles: list[str]) -> Keyring:
    """Return the stack's secrets, making those that are missing."""
    data_dir.mkdir(parents=True, exist_ok=True)
    file = data_dir / "secrets.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    passwords = {role: known.get("passwords", {}).get(role) or secrets.token_urlsafe(24) for role in roles}
    ring = Keyring(known.get("master_key") or _key(), known.get("index_key") or _key(), passwords)
    wanted = {"master_key": ring.master_key, "index_key": ring.index_key, "passwords": ring.passwords}
    if wanted != known:
        write_private(file, json.dumps(wanted))
    return ring


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner may read, in one step."""
    fresh = file.with_name(file.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    fresh.replace(file)


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()
