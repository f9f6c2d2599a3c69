"""Has reporting seen all that was taken, and what does it show?"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from crm_importers.sending import Stopped

PATIENCE = 120.0  # seconds


@dataclass(frozen=True, slots=True)
class View:
    """Reads of reporting by `client`; `token` is the consistency token of what must have been seen, empty: nothing in particular."""

    client: httpx2.AsyncClient
    token: str = ""

    async def caught_up(self, customer_id: str) -> None:
        """Return once everything the token names is in the read model. Raises Stopped after two minutes."""
        headers = {"Consistency-Token": self.token, "Prefer": "wait=10, handling=strict"} if self.token else {}
        until = time.monotonic() + PATIENCE
        while True:
            response = await self.client.get(f"/v1/customers/{customer_id}", headers=headers)
            if response.status_code == 200:
                return
            if response.status_code not in (404, 503) or time.monotonic() > until:
                raise Stopped(
                    f"reporting: what was written is not to be seen ({response.status_code}). `make status` and `make logs NAME=projector` tell more."
                )
            await asyncio.sleep(float(response.headers.get("Retry-After", "1")))

    async def read(self, path: str, **parameters: str) -> Mapping[str, Any] | None:
        """The answer; None for what is not there (404) or was erased (410). Raises Stopped for anything else."""
        response = await self.client.get(path, params=parameters)
        if response.status_code in (404, 410):
            return None
        if response.status_code != 200:
            raise Stopped(f"{self.client.base_url}{path}: it answers {response.status_code}.")
        told: Mapping[str, Any] = response.json()
        return told
