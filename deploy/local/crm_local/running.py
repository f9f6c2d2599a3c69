"""Does a part of the stack run, with today's code and settings, and is it ready?"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from crm_local import ports, readiness
from crm_local.failures import CannotStart
from crm_local.parts import Part, service
from crm_local.processes import Detached
from crm_local.telling import program


@dataclass(frozen=True, slots=True)
class Running:
    """One part in one data directory."""

    part: Part
    data_dir: Path

    @property
    def log(self) -> Path:
        """Where the process writes."""
        return self.data_dir / "logs" / f"{self.part.name}.log"

    @property
    def process(self) -> Detached:
        """The process, running or not."""
        return Detached(self.part.name, self.data_dir / "run" / f"{self.part.name}.pid", self.log)

    def current(self, told: Mapping[str, str]) -> bool:
        """Tell whether it runs, started with these settings and the code that is here now."""
        mark = self._mark
        return self.process.pid is not None and mark.exists() and mark.read_text() == _fingerprint(self.part, told)

    def start(self, told: Mapping[str, str]) -> Detached:
        """Start the process; returns at once. Raises CannotStart if its port is taken."""
        ports.require(
            int(told[self.part.port_setting]), self.part.name, "Stop that process, or choose other ports: make down, then make up ARGS=--fresh-ports."
        )
        process = self.process
        process.pid_file.parent.mkdir(parents=True, exist_ok=True)
        process.start([program(self.part.service), self.part.role], env=told, cwd=self.data_dir)
        self._mark.write_text(_fingerprint(self.part, told))
        return process

    def await_ready(self, process: Detached, url: str, *, seconds: float = 120) -> None:
        """Return once `/readyz` answers 200. Raises CannotStart naming the reasons and the last log lines."""
        try:
            process.wait_until(lambda: not readiness.reasons(url, seconds=2), seconds=seconds)
        except CannotStart as error:
            why = "; ".join(readiness.reasons(url)) if process.pid else ""
            raise CannotStart(f"{error}\nWhy it is not ready: {why}" if why else str(error)) from error

    def lost(self, port: int) -> bool:
        """Tell whether it does not run and another process has its port."""
        return self.process.pid is None and not ports.is_free(port)

    @property
    def _mark(self) -> Path:
        return self.data_dir / "run" / f"{self.part.name}.told"


def _fingerprint(part: Part, told: Mapping[str, str]) -> str:
    """A hash over the settings and the dates of the code; one way, as the settings hold secrets."""
    digest = hashlib.sha256(json.dumps(dict(told), sort_keys=True).encode())
    for package in service(part.service).packages:
        spec = find_spec(package)
        for folder in spec.submodule_search_locations or () if spec else ():
            for file in sorted(Path(folder).rglob("*.py")):
                digest.update(f"{file}:{file.stat().st_mtime_ns}".encode())
    return digest.hexdigest()
