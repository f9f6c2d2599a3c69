"""Where are the services, and with which token does an importer come in?"""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from crm_importers.command import Service
from crm_importers.sending import Stopped

NAMES = ("CONTACTS_URL", "TICKETS_URL", "LOYALTY_URL", "REPORTING_URL", "TOKEN")
SERVICES: tuple[Service, ...] = ("contacts", "tickets", "loyalty")


@dataclass(frozen=True, slots=True)
class Address:
    """The four services and a token for all of them."""

    contacts: str
    tickets: str
    loyalty: str
    reporting: str
    token: str

    def url(self, service: str) -> str:
        """The base URL of the service of this name."""
        return str(getattr(self, service))

    def client(self, service: str) -> httpx2.AsyncClient:
        """A client of the service. Environment proxies are not asked: the address names the service itself."""
        return httpx2.AsyncClient(
            base_url=self.url(service), headers={"Authorization": f"Bearer {self.token}"}, timeout=httpx2.Timeout(150, connect=5), trust_env=False
        )


@asynccontextmanager
async def clients(address: Address) -> AsyncIterator[dict[Service, httpx2.AsyncClient]]:
    """Clients of the services that take commands, closed at the end."""
    async with AsyncExitStack() as stack:
        yield {service: await stack.enter_async_context(address.client(service)) for service in SERVICES}


def address(file: Path, told: Mapping[str, str | None]) -> Address:
    """What was told by flags, else by the environment, else by `file` (NAME=value lines, as `make up` writes them). Raises Stopped."""
    lines = dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line) if file.exists() else {}
    found = {name: told.get(name) or os.environ.get(name) or lines.get(name) for name in NAMES}
    missing = [name for name, value in found.items() if not value]
    if missing:
        raise Stopped(f"{', '.join(missing)}: not told. Start the stack (make up writes {file}), or name them by flags or in the environment.")
    return Address(*(str(found[name]) for name in NAMES))
