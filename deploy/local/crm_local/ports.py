"""Which port may a server of ours listen on?"""

import random
import socket

from crm_local.failures import CannotStart

# Below the range (32768 and up on Linux) from which outgoing connections get theirs: a port of that
# range can be lost between the look and the listening to any client on the machine.
_FIRST, _LAST = 20_000, 32_000


def is_free(port: int) -> bool:
    """Tell whether nobody listens on 127.0.0.1:`port` at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Return a port free at this moment; whoever listens must be ready to lose the race and ask again.

    Raises CannotStart when a thousand tries found none.
    """
    for _ in range(1000):
        port = random.randint(_FIRST, _LAST)  # noqa: S311 - no secret: it only keeps two starters apart
        if is_free(port):
            return port
    raise CannotStart(f"No free port between {_FIRST} and {_LAST} on 127.0.0.1.")


def require(port: int, name: str, remedy: str) -> None:
    """Raise CannotStart if `port` is taken, naming what wanted it and the way out."""
    if not is_free(port):
        raise CannotStart(f"Port {port} of {name} is taken by another process. {remedy}")
