"""On which ports does this stack listen, from one `up` to the `down` that ends it?"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from crm_local import ports
from crm_local.parts import KAFKA_PORT, PARTS, POSTGRES_PORT

_DEFAULTS = {"postgres": POSTGRES_PORT, "kafka": KAFKA_PORT, **{part.name: part.port for part in PARTS}}


@dataclass(frozen=True, slots=True)
class Addresses:
    """A port by name. `fresh` ones were picked, so one that is lost to another process may be replaced."""

    fresh: bool
    ports: dict[str, int]

    def url(self, part: str) -> str:
        """Return where the part answers HTTP."""
        return f"http://127.0.0.1:{self.ports[part]}"

    def moved(self, names: Iterable[str]) -> "Addresses":
        """Return the same with new ports for `names`."""
        return Addresses(self.fresh, self.ports | {name: ports.free_port() for name in names})


def known(data_dir: Path) -> Addresses | None:
    """Return the ports the stack was started with, or None if it is down."""
    try:
        document = json.loads(_file(data_dir).read_text())
    except FileNotFoundError:
        return None
    told = Addresses(document["fresh"], document["ports"])
    later = [name for name in _DEFAULTS if name not in told.ports]  # parts of a newer release than the one that chose
    return told.moved(later) if told.fresh else Addresses(False, {name: _DEFAULTS[name] for name in later} | told.ports)


def choose(data_dir: Path, *, fresh: bool) -> Addresses:
    """Return the ports in use, or else the default ones, or else free ones."""
    return known(data_dir) or (Addresses(True, {}).moved(_DEFAULTS) if fresh else Addresses(False, dict(_DEFAULTS)))


def keep(data_dir: Path, addresses: Addresses) -> None:
    """Remember the ports until `forget`."""
    data_dir.mkdir(parents=True, exist_ok=True)
    fresh = _file(data_dir).with_suffix(".new")
    fresh.write_text(json.dumps({"fresh": addresses.fresh, "ports": addresses.ports}))
    fresh.replace(_file(data_dir))


def forget(data_dir: Path) -> None:
    """The stack is down: the next `up` chooses again."""
    _file(data_dir).unlink(missing_ok=True)


def _file(data_dir: Path) -> Path:
    return data_dir / "ports.json"
