"""Whom does Prometheus ask, and how often?"""

from collections.abc import Mapping
from typing import Any

from crm_local.parts import PARTS


def config(targets: Mapping[str, str], *, every: str = "15s", rules: str = "rules/*.yml") -> dict[str, Any]:
    """Prometheus's configuration. `targets`: by process, where it answers; its series carry the process's name."""
    return {
        "global": {"scrape_interval": every, "evaluation_interval": every},
        "rule_files": [rules],
        "scrape_configs": [
            {"job_name": "crm", "static_configs": [{"targets": [address], "labels": {"process": process}} for process, address in targets.items()]}
        ],
    }


def in_compose() -> Mapping[str, str]:
    """Where the processes answer among Docker's containers."""
    return {part.name: f"{part.name}:{part.port}" for part in PARTS}
