"""Is there a place on the disk to start in, and room enough?"""

import shutil
import tempfile
from pathlib import Path

from crm_local.failures import CannotStart


def require_folder(folder: Path, name: str) -> None:
    """Make the folder if it is missing; raises CannotStart if it cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise CannotStart(f"{name} cannot write to {folder}: {error.strerror}. Allow it, or choose another place with --data.") from error


def require_room(folder: Path, name: str, megabytes: int) -> None:
    """Raise CannotStart if the disk of `folder` has less than `megabytes` left: a server that fills it up fails later and worse."""
    left = shutil.disk_usage(folder).free // 1_000_000
    if left < megabytes:
        raise CannotStart(f"{name} needs {megabytes} MB on the disk of {folder}, and {left} MB are left. Free some, or choose another place with --data.")
