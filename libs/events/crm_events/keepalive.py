"""How soon does a process notice that its database connection leads nowhere?

A server that dies, or a firewall that forgets, says nothing: who waits for an answer would wait for ever, who has sent would be told after fifteen minutes.
So the kernel asks the other side while nothing is said, and gives up on what is not acknowledged.
"""

import socket
from typing import Any

import asyncpg

SECONDS = 15  # of silence until the connection counts as lost; a shorter break of the network is lived through
_ASK_AFTER, _ASK_EVERY = 5, 5

_OPTIONS = (
    ("TCP_KEEPIDLE", _ASK_AFTER),
    ("TCP_KEEPINTVL", _ASK_EVERY),
    ("TCP_KEEPCNT", (SECONDS - _ASK_AFTER) // _ASK_EVERY),
    ("TCP_USER_TIMEOUT", SECONDS * 1000),
)


def keep_alive(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Make the kernel watch this connection. Harmless where it goes over no network, and for options this system does not have."""
    told: Any = connection  # its transport is in no type stub, and asyncpg has no setting for it
    end = told._transport.get_extra_info("socket")  # noqa: SLF001
    if end.family not in (socket.AF_INET, socket.AF_INET6):
        return
    end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _OPTIONS:
        if hasattr(socket, name):
            end.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
