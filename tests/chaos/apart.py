"""How does a part of the stack come to live in a network of its own, under load, and back out of it?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from crm_local import readiness

from chaos.ground import Ground, part_of
from chaos.network import Network


@asynccontextmanager
async def apart(ground: Ground, name: str) -> AsyncIterator[Network]:
    """The part runs in a namespace from which it may be cut off, and clients ask it there; afterwards it runs outside again. Raises Missing."""
    with Network({"postgres": ground.stack.postgres().listening, "kafka": ground.stack.kafka().listening}) as network:
        hba = ground.stack.data_dir / "postgres" / "cluster" / "pg_hba.conf"
        before, url = hba.read_text(), f"http://{network.inside}:{ground.around.addresses.ports[name]}"
        await _admitted(ground, hba, f"{before}\nhost all all {network.inside}/32 scram-sha-256\n")
        try:
            await ground.restart(name, prefix=network.prefix, ready=False, HOST=network.inside, PUBLIC_URL=ground.around.addresses.url(name))
            ground.load.urls[name] = url
            await ground.until(lambda: not readiness.reasons(url, 2), f"{name} is ready in its network")
            yield network
        finally:
            network.heals()
            ground.load.urls[name] = ground.around.addresses.url(name)
            await ground.restart(name)
            await _admitted(ground, hba, before)


async def connections(ground: Ground, network: Network) -> list[int]:
    """The ports from which the process inside is connected to PostgreSQL."""
    async with ground.database("postgres") as postgres:
        rows = await postgres.fetch("select client_port from pg_stat_activity where client_addr = $1::text::inet", network.inside)
    return [row["client_port"] for row in rows]


async def waits(ground: Ground, name: str) -> str:
    """What the part says at /readyz that it misses; empty: nothing."""
    url = ground.load.urls.get(name) or ground.around.addresses.url(part_of(name).name)
    answer = await ground.load.http.get(f"{url}/readyz", timeout=5)
    checks = answer.json().get("checks", {})
    return "; ".join(f"{one}: {each['reason']}" for one, each in checks.items() if not each.get("ok", True))


async def _admitted(ground: Ground, hba: Path, text: str) -> None:
    await asyncio.to_thread(hba.write_text, text)
    async with ground.database("postgres") as postgres:
        await postgres.execute("select pg_reload_conf()")
