"""Whom does Prometheus ask, and how often?"""

from collections.abc import Mapping
from typing import Any

import yaml
from crm_local.addresses import Addresses
from crm_local.parts import PARTS

from crm_watching.places import PROMETHEUS


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


def on_this_machine(addresses: Addresses) -> Mapping[str, str]:
    """Where the processes of a local stack answer."""
    return {part.name: addresses.url(part.name).removeprefix("http://") for part in PARTS}


def configured(targets: Mapping[str, str], *, every: str = "5s") -> str:
    """The configuration as a file that may lie anywhere. Who looks at a stack of his own does not want to wait."""
    return yaml.safe_dump(config(targets, every=every, rules=str(PROMETHEUS / "rules" / "*.yml")), sort_keys=False)
