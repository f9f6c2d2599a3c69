"""Which metrics are described anywhere in the code? Those of every module named `metrics.py`; the others describe none (a test sees to it)."""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from crm_events.measuring import DESCRIBED, Metric

PACKAGES = ("crm_events", "crm_chassis", "crm_contacts", "crm_tickets", "crm_loyalty", "crm_reporting")


def described() -> Mapping[str, Metric[Any]]:
    """Every metric by its name, those of one section together."""
    for name in modules():
        import_module(name)
    return dict(sorted(DESCRIBED.items(), key=lambda item: item[1].section))  # stable: within a section as they stand in the code


def modules() -> list[str]:
    """The names of the modules that describe metrics."""
    found = []
    for package in PACKAGES:
        spec = find_spec(package)
        for folder in map(Path, (spec.submodule_search_locations or ()) if spec else ()):
            found += [".".join((package, *file.relative_to(folder).with_suffix("").parts)) for file in sorted(folder.rglob("metrics.py"))]
    return found
