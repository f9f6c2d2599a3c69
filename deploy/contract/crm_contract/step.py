"""What is one request of the story from which the examples come?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Step:
    """A request of `operation`, shown under `name`. `{step.id}` in a text stands for the id an earlier step was answered with.

    `awaits`: steps whose Consistency-Tokens are sent. `moment`: the answer tells how things stand in this moment, so only its form can be the same again.
    `among`: the answer lists what others made too; those shown must be among them.
    """

    service: str
    operation: str
    name: str
    summary: str
    status: int = 200
    path: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    header: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    awaits: tuple[str, ...] = ()
    moment: bool = False
    among: bool = False
