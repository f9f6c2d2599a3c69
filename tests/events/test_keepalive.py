"""Is a database connection that leads nowhere given up soon, by readers and by reporting's processes? (tests/chaos cuts real ones.)"""

import socket

import asyncpg
from crm_events.consuming.metrics import metrics_in
from crm_events.consuming.writing import Effects, Writer
from crm_events.keepalive import SECONDS, keep_alive
from crm_reporting.connecting import connect
from prometheus_client import CollectorRegistry


def seconds_of_silence(connection: asyncpg.Connection) -> int:
    end = connection._transport.get_extra_info("socket")
    assert end.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert end.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == SECONDS * 1000
    idle, every, times = (end.getsockopt(socket.IPPROTO_TCP, getattr(socket, f"TCP_KEEP{name}")) for name in ("IDLE", "INTVL", "CNT"))
    return int(idle + every * times)


async def test_a_connection_that_falls_silent_counts_as_lost_after_fifteen_seconds(database: str) -> None:
    connection = await asyncpg.connect(database)
    keep_alive(connection)
    assert seconds_of_silence(connection) == SECONDS == 15
    await connection.close()


async def test_reporting_and_every_reader_of_topics_watch_their_connections(database: str) -> None:
    connection = await connect(database)
    assert seconds_of_silence(connection) == SECONDS
    await connection.close()

    async def nothing(*_: object) -> None: ...

    writer = Writer("group", lambda: asyncpg.connect(database), Effects(nothing, None, None, None), metrics_in(CollectorRegistry()))
    assert seconds_of_silence(await writer._connected()) == SECONDS
    await writer.close()
