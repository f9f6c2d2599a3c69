"""What does a service tell of itself in its document: what it is for, its parts, and requests with their real answers?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

import orjson

MANNER = """
Send `Authorization: Bearer …`. A `POST` that writes carries an `Idempotency-Key`: the same key and request is done once, and answered again.
Resources have an `ETag`; `If-Match` refuses a write when they have moved on. A write answers a `Consistency-Token`; reporting's reads take it and
show that write. Every refusal is `application/problem+json` with a `type` that has a page here, and a `detail` that says what to do.
Unknown fields of a request are refused; ignore those of an answer.
"""


@dataclass(frozen=True, slots=True)
class Described:
    """`tags`: the parts, each with a sentence. `package`: where `examples.json` is, as `crm-contract record` wrote it; None = there are none."""

    purpose: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    package: str | None = None

    @property
    def about(self) -> str:
        """The document's description."""
        return f"{self.purpose}\n{MANNER}".strip()

    def examples(self) -> Sequence[Mapping[str, Any]]:
        """The requests and answers to show."""
        file = files(self.package) / "examples.json" if self.package else None
        shown: list[Mapping[str, Any]] = orjson.loads(file.read_bytes()) if file and file.is_file() else []
        return shown
