"""A Prometheus of a test's own: on a free port, with the project's rules, scraping a running stack every second."""

import math
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from crm_local.ports import free_port
from crm_watching.scraping import configured

READY, TRIES = 60.0, 3  # seconds; a free port may be taken by another meanwhile


class Refused(Exception):
    """Prometheus cannot parse or run this expression."""


class Prometheus:
    """Asked over HTTP, as Grafana does."""

    def __init__(self, client: httpx2.Client) -> None:
        self._client = client

    def ready(self) -> bool:
        try:
            return self._client.get("/-/ready").status_code == 200
        except httpx2.TransportError:
            return False

    def now(self, expr: str) -> list[float]:
        """The values of the expression at this moment. Raises Refused."""
        return [float(series["value"][1]) for series in self._asked("/api/v1/query", query=expr)]

    def since(self, expr: str, seconds: float) -> list[float]:
        """Every value of these last seconds that is a number. Raises Refused."""
        end = time.time()
        found = self._asked("/api/v1/query_range", query=expr, start=str(end - seconds), end=str(end), step="1")
        return [value for series in found for _, told in series["values"] if not math.isnan(value := float(told))]

    def _asked(self, path: str, **words: str) -> list[dict[str, Any]]:
        answer = self._client.get(path, params=words).json()
        if answer["status"] != "success":
            raise Refused(f"{words['query']}: {answer['error']}")
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found


@contextmanager
def prometheus(folder: Path, targets: Mapping[str, str]) -> Iterator[Prometheus]:
    """One that scrapes these processes at these addresses, ended with the block."""
    program = shutil.which("prometheus")
    assert program, "prometheus is not here: install it (on Debian: apt-get install prometheus)"
    told = folder / "prometheus.yml"
    told.write_text(configured(targets, every="1s"))
    for attempt in range(TRIES):
        address = f"127.0.0.1:{free_port()}"
        flags = [f"--config.file={told}", f"--storage.tsdb.path={folder / str(attempt)}", f"--web.listen-address={address}"]
        with (
            (folder / "prometheus.log").open("w") as log,
            httpx2.Client(base_url=f"http://{address}", timeout=30) as client,
            subprocess.Popen([program, *flags], stdout=log, stderr=log) as process,
        ):
            try:
                if _comes_up(process, server := Prometheus(client)):
                    yield server
                    return
            finally:
                process.terminate()
    raise AssertionError((folder / "prometheus.log").read_text()[-2000:])


def _comes_up(process: "subprocess.Popen[bytes]", server: Prometheus) -> bool:
    deadline = time.monotonic() + READY
    while process.poll() is None and time.monotonic() < deadline:
        if server.ready():
            return True
        time.sleep(0.05)
    return False
