"""What is an alert made of?"""

from collections.abc import Mapping
from dataclasses import dataclass, field

Series = Mapping[str, str]
"""A series in Prometheus's notation → its values, one a minute, in promtool's: `0x10`, `1+60x20`."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. `fires`: numbers for which it does at minute `at`, with these `labels`; `quiet`: numbers much like them for which it does not."""

    name: str
    question: str
    severity: str
    expr: str
    after: str
    summary: str
    fires: Series
    quiet: Series
    labels: Mapping[str, str] = field(default_factory=dict)
    at: str = "20m"
    quiet_at: str = ""  # empty: at the same minute

    @property
    def runbook(self) -> str:
        """The page that says how to look and what to do."""
        return f"docs/runbooks/{self.name}.md"
