"""How does a busy process let a crowd in? Its event loop (libuv) accepts one connection a turn of each listening socket, so it listens by several."""

import socket

import uvicorn

TIMES = 16  # at turns of 10 ms that is 1,600 connections a second; one alone let 500 who came at once wait for up to 4 s


def listening(config: uvicorn.Config) -> list[socket.socket]:
    """The one bound socket, and duplicates of it; uvicorn listens by all of them and closes them. Ends the process when the port is taken."""
    bound = config.bind_socket()
    return [bound, *(bound.dup() for _ in range(TIMES - 1))]
