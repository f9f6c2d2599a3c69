"""What does a real browser show of a page, and what does it ask for?"""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Shown:
    """`dom`: the document after its scripts ran; `asked`: every address that the page made it request over a network."""

    dom: str
    asked: frozenset[str]


def shown(address: str, folder: Path, *, milliseconds: int = 20_000) -> Shown:
    """Chromium without a window; the page's own clock runs for so long, however long that takes. RuntimeError if the browser fails."""
    log, profile = folder / "net.json", folder / "profile"
    bounds = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={profile}", f"--virtual-time-budget={milliseconds}"]
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run", "--no-pings", "--disable-extensions"]
    alone = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
    ran = subprocess.run(["chromium", *bounds, *quiet, alone, f"--log-net-log={log}", "--dump-dom", address], capture_output=True, text=True, timeout=180)
    if ran.returncode:
        raise RuntimeError(ran.stderr[-2000:])
    return Shown(ran.stdout, frozenset(_asked(log)))


def _asked(log: Path) -> set[str]:
    """By what the browser itself wrote down; its own questions, for updates and the like, have no page as initiator and find no address."""
    written = log.read_text()
    try:
        told = json.loads(written)
    except json.JSONDecodeError:  # a browser that ends at once leaves the list open
        told = json.loads(written.rstrip().rstrip(",") + "]}")
    kind = told["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    asked = (event["params"] for event in told["events"] if event["type"] == kind and "url" in event.get("params", {}))
    return {each["url"] for each in asked if each.get("initiator") != "not an origin" or "main frame" in each.get("request_type", "")}
