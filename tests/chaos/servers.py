"""How is PostgreSQL started as the stack starts it, but in another environment: under a wrong clock, or on a slow disk?"""

import os
import subprocess
from collections.abc import Mapping

from crm_local.account import account
from crm_local.postgres import BIN, Postgres
from crm_local.processes import Detached


def start_postgres(server: Postgres, environment: Mapping[str, str]) -> None:
    """Start the server, which must stand still, and return when it takes connections; `server.stop()` ends it as any other."""
    options = {"port": str(server.listening), "listen_addresses": "127.0.0.1", "unix_socket_directories": "", **server.settings}
    words = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
    process = Detached(server.name, server.data_dir / "postgres.pid", server.log)
    told = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC", **environment}
    process.start([BIN / "postgres", "-D", server.data_dir / "cluster", *words], env=told, cwd=server.data_dir, account=account())
    asked = [BIN / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(server.listening), "-t", "2"]
    process.wait_until(lambda: subprocess.run(asked, capture_output=True).returncode == 0, seconds=60)
