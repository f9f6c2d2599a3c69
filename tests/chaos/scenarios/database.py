"""Is what was acknowledged durable, and does everybody find back, when PostgreSQL dies?"""

import asyncio
import os
import signal

from chaos.ground import Ground
from chaos.scenario import scenario

_BACKENDS = "select pid from pg_stat_activity where datname in ('crm_contacts', 'crm_reporting') and pid <> pg_backend_pid() order by pid"


@scenario("database-killed", faults=(6,), invariants="I1 I5 I6 I13", seeds=(1, 2))
async def database_killed(ground: Ground) -> None:
    """One backend is killed, which makes the server end all sessions and recover; then the whole server is stopped as if the power had failed."""
    unknown = ground.history.unknown
    async with ground.database("postgres") as server:
        pids = [row["pid"] for row in await server.fetch(_BACKENDS)]
        os.kill(ground.rng.choice(pids), signal.SIGKILL)
        ground.note("SIGKILL to a backend")
        await ground.until(server.is_closed, "the server ends every session")
    await ground.load.more(40)
    pid = ground.pid("postgres")
    assert pid is not None
    os.kill(pid, signal.SIGQUIT)  # immediate: no checkpoint, no good-bye
    ground.note("SIGQUIT to postgres")
    await ground.dead("postgres")
    await ground.until(lambda: ground.history.unknown > unknown, "commands were left without an answer")
    await asyncio.to_thread(ground.stack.postgres(ground.stack.postgres().listening).start)
    ground.note("postgres started")
    await ground.load.more(20)
