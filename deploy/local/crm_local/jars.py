"""Where do Kafka's Java archives come from, and are they the ones this project was tested with?

`kafka_jars.sha256` names each one and its checksum: Kafka's own dependencies and the log4j binding, resolved
apart (asked for together, the versions log4j's parent names would replace Kafka's own client library).
"""

import hashlib
import os
import shutil
import ssl
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path

from crm_local.failures import CannotStart
from crm_local.processes import alone
from crm_local.room import require_room

_AT_ONCE = 8


def pinned() -> dict[str, str]:
    """Return the sha256 of each archive by its Maven coordinate `group:artifact:version`."""
    lines = files("crm_local").joinpath("kafka_jars.sha256").read_text().splitlines()
    return {coordinate: digest for digest, coordinate in (line.split() for line in lines)}


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where archives are kept between runs and checkouts: CRM_LOCAL_CACHE, or crm-local in the user's cache folder."""
    chosen = environment.get("CRM_LOCAL_CACHE")
    return Path(chosen) if chosen else Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "crm-local"


def kafka_jars(cache: Path | None = None, wanted: Mapping[str, str] | None = None) -> list[Path]:
    """Return the archives to run Kafka from, fetched if they are missing; raises CannotStart if one is not what it should be."""
    cache, wanted = cache or cache_folder(), wanted or pinned()
    cache.mkdir(parents=True, exist_ok=True)
    with alone(cache / "jars.lock"):
        missing = {coordinate: digest for coordinate, digest in wanted.items() if not _place(cache, coordinate).exists()}
        if missing:
            require_room(cache, "Kafka", 120)
            _fetch(cache, missing)
    return [_checked(_place(cache, coordinate), digest) for coordinate, digest in wanted.items()]


def _place(cache: Path, coordinate: str) -> Path:
    _group, artifact, version = coordinate.split(":")
    return cache / "kafka" / f"{artifact}-{version}.jar"


def _checked(jar: Path, expected: str) -> Path:
    found = hashlib.sha256(jar.read_bytes()).hexdigest()
    if found != expected:
        raise CannotStart(
            f"{jar} is not the archive this project was tested with: sha256 {found}, expected {expected}.\nRemove it, and the next start fetches it again."
        )
    return jar


def _fetch(cache: Path, missing: Mapping[str, str]) -> None:
    from jgo.maven import MavenContext  # here, as it takes a third of a second and most starts find everything in place

    # The client underneath trusts a list of its own; a machine that names its authorities names them to the system.
    trusted = ssl.get_default_verify_paths()
    if bundle := trusted.cafile or trusted.capath:
        os.environ.setdefault("REQUESTS_CA_BUNDLE", bundle)
    arrivals = cache / "arriving"  # checked, then moved in one step: an interrupted download is never taken for an archive
    shutil.rmtree(arrivals, ignore_errors=True)
    (cache / "kafka").mkdir(exist_ok=True)
    maven = MavenContext(repo_cache=arrivals, timeout=60)

    def fetch(coordinate: str) -> None:
        group, artifact, version = coordinate.split(":")
        arrived = Path(maven.project(group, artifact).at_version(version).artifact().resolve())
        _checked(arrived, missing[coordinate]).replace(_place(cache, coordinate))

    try:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(fetch, missing))
    except (OSError, RuntimeError) as error:  # its errors of the network are OSErrors
        raise CannotStart(f"Kafka's archives cannot be fetched from the Maven repository: {error}") from error
    shutil.rmtree(arrivals, ignore_errors=True)
