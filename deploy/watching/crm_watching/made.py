"""Which files are made from the code, and what is in them?"""

from collections.abc import Mapping
from pathlib import Path

from crm_watching import grafana, rules, runbooks
from crm_watching.page import page
from crm_watching.places import DOCS


def made() -> Mapping[Path, str]:
    """Each file with its content, as the code has it now."""
    return {DOCS / "metrics.md": page(), DOCS / "runbooks" / "index.md": runbooks.index(), **rules.files(), **grafana.files()}
