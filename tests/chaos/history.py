"""What did the clients ask for, and what were they told? One JSON line an operation and status, in memory and on disk.

invoke → ok (a 2xx answer), fail (a refusal: it was not done, and never will be) or unknown (no answer, or a 5xx: it may have been done). An unknown operation
that was sent again with its key until it was definite has another line after it.
"""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO


@dataclass(frozen=True)
class Op:
    """One command of a client. `mark` is what the timeline shows of it, exactly once if it was done: (event type, what tells it from others of its type)."""

    kind: str
    customer: str
    key: str
    mark: tuple[str, str] | None = None
    told: dict[str, Any] = field(default_factory=dict)


@dataclass
class Outcome:
    """How an operation ended. `attempts` more than one: it was sent again."""

    op: Op
    status: str = "invoke"
    answer: dict[str, Any] = field(default_factory=dict)
    attempts: int = 0


class History:
    """Everything one run of a scenario asked for, in order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: TextIO = path.open("w")
        self._began = time.monotonic()
        self.outcomes: dict[str, Outcome] = {}
        self._unknown = 0
        self.stale: list[str] = []  # reads by a token that did not show what the token is of
        self.wrong: list[str] = []  # answers no fault excuses: a 500, or a refusal of a request that was well-formed

    def invoke(self, worker: int, op: Op) -> Outcome:
        self.outcomes[op.key] = Outcome(op)
        self._write(worker, op, "invoke", {"mark": op.mark, **op.told})
        return self.outcomes[op.key]

    def end(self, worker: int, op: Op, status: str, **answer: Any) -> None:
        """`status`: ok, fail or unknown."""
        known = self.outcomes[op.key]
        self._unknown += status == "unknown"
        known.status, known.answer, known.attempts = status, answer, known.attempts + 1
        self._write(worker, op, status, answer)

    def note(self, text: str) -> None:
        """Something that was done to the system."""
        self._file.write(json.dumps({"at": self._at(), "note": text}) + "\n")
        self._file.flush()

    def of(self, status: str) -> int:
        """How many operations ended so, as far as is known now."""
        return sum(each.status == status for each in self.outcomes.values())

    @property
    def unknown(self) -> int:
        """How many answers were no answer so far."""
        return self._unknown

    @property
    def retried(self) -> int:
        """How many were sent more than once."""
        return sum(each.attempts > 1 for each in self.outcomes.values())

    def close(self) -> None:
        self._file.close()

    def _write(self, worker: int, op: Op, status: str, told: dict[str, Any]) -> None:
        line = {"at": self._at(), "worker": worker, "op": op.kind, "key": op.key, "customer": op.customer, "status": status, **told}
        self._file.write(json.dumps(line) + "\n")

    def _at(self) -> float:
        return round(time.monotonic() - self._began, 4)
