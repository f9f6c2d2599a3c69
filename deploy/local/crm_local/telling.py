"""What is each process told in its environment? Secrets go this way only: a command line can be read by everybody on the machine."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from crm_local.addresses import Addresses
from crm_local.databases import url_of
from crm_local.keyring import Keyring
from crm_local.parts import RECONCILER, VAULT, Part, service

TRACES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_SAMPLER_ARG")
# What a person may set for all processes of the stack; anything else of the caller's environment (PORT, HOST, …) stays outside.
FOR_ALL = ("LOG_LEVEL", "CORS_ORIGINS", "RATE_LIMIT", "MAX_IN_FLIGHT", "DRAIN_SECONDS", "RELAY", "TIMER", "FOLLOW", *TRACES)
_OF_THE_MACHINE = ("PATH", "HOME", "USER", "LANG", "TMPDIR")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where everything is that a process of the stack needs."""

    server_url: str
    bootstrap: str
    jwks: Path
    ring: Keyring
    addresses: Addresses

    def database_url(self, name: str) -> str:
        """Return the address of the database of the service of that name."""
        database = (VAULT if name == VAULT.name else service(name)).database
        return url_of(self.server_url, database, database, self.ring.passwords[database])

    def reading_urls(self) -> dict[str, str]:
        """Return, by the setting's name, the addresses at which the writers' databases may be read."""
        password = self.ring.passwords[RECONCILER.role]
        return {f"{read.name.upper()}_DATABASE_URL": url_of(self.server_url, read.database, RECONCILER.role, password) for read in RECONCILER.reads}


def environment(part: Part, around: Surroundings, outside: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the whole environment of the process."""
    told = {name: outside[name] for name in (*_OF_THE_MACHINE, *FOR_ALL) if name in outside}
    told |= {
        "ENVIRONMENT": "development",
        "DATABASE_URL": around.database_url(part.service),
        "KAFKA_BOOTSTRAP_SERVERS": around.bootstrap,
        "INDEX_KEY": around.ring.index_key,
        "AUTH_JWKS": str(around.jwks),
        "HOST": "127.0.0.1",
        part.port_setting: str(around.addresses.ports[part.name]),
        "PUBLIC_URL": around.addresses.url(part.service),  # of the API, whichever process tells it: schemas are served there
        "INSTANCE": f"local-{part.name}",  # the same after a restart, so that Kafka hands its partitions back at once
        "PYTHONUNBUFFERED": "1",
    }
    if part.role != "projector":  # it copies sealed text and must not be able to open it
        told |= {"MASTER_KEY": around.ring.master_key}
    if part.role not in ("projector", "webhooks"):  # it sends sealed text, and opens only what it signs with
        told |= {"VAULT_DATABASE_URL": around.database_url(VAULT.name)}
    if part.service == "reporting":
        told |= {"WEBHOOK_ALLOWED_NETWORKS": '["127.0.0.0/8", "::1/128"]'}  # receivers under development run on this machine
    if part.name == "reporting":
        told |= around.reading_urls()
    return told


def program(name: str) -> Path:
    """Return the console script of that name in the environment this stack was installed into."""
    return Path(sys.executable).parent / name
