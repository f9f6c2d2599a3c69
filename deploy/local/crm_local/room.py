"""Is there enough room on the disk to start?"""

import shutil
from pathlib import Path

from crm_local.failures import CannotStart


def require_room(folder: Path, name: str, megabytes: int) -> None:
    """Raise CannotStart if the disk of `folder` has less than `megabytes` left: a server that fills it up fails later and worse."""
    left = shutil.disk_usage(folder).free // 1_000_000
    if left < megabytes:
        raise CannotStart(f"{name} needs {megabytes} MB on the disk of {folder}, and {left} MB are left. Free some, or choose another place with --data.")
