"""Where does the local stack keep what it has?"""

import os
from pathlib import Path


def default_data_dir() -> Path:
    """Return CRM_LOCAL_DATA, or build/stack of the checkout this package is installed from, or of the current folder."""
    chosen = os.environ.get("CRM_LOCAL_DATA")
    checkout = Path(__file__).resolve().parents[3]
    return Path(chosen) if chosen else (checkout if (checkout / "Makefile").exists() else Path.cwd()) / "build" / "stack"
