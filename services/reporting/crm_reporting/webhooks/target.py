"""Where may a message be sent? To public addresses, and to those a setting allows. A name is looked up once, and what was checked is what is connected to."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpx2

Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

BELIEVED = 30.0  # seconds a look-up is good for
_PATIENCE = 5.0  # seconds for a look-up
_TRANSLATED = IPv6Network("64:ff9b::/96")  # NAT64: an IPv4 address in its last four bytes
_LOOKERS = ThreadPoolExecutor(max_workers=64, thread_name_prefix="look-up")  # a dead name server holds its thread for long; it must not hold the others'


class Refused(Exception):
    """Nothing is sent there. `outcome`: `address` (not allowed) or `name` (cannot be looked up)."""

    def __init__(self, outcome: str, detail: str) -> None:
        super().__init__(detail)
        self.outcome, self.detail = outcome, detail


def networks(told: Sequence[str]) -> tuple[Network, ...]:
    """The networks of a setting. ValueError for what is none."""
    return tuple(ip_network(each) for each in told)


async def look_up(host: str, port: int) -> Sequence[str]:
    """Every address of a name, as the system's resolver orders them. OSError where there is none."""
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(_LOOKERS, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG))
    return list(dict.fromkeys(str(each[4][0]) for each in found))


class Target:
    """One URL, `told` as it was given. `resolve`: how names become addresses."""

    def __init__(self, url: str, allowed: Sequence[Network], resolve: Resolve = look_up) -> None:
        self.told, self.url = url, httpx2.URL(url)
        self._allowed, self._resolve = allowed, resolve
        self._known: tuple[float, Sequence[str]] | None = None
        self._looking = asyncio.Lock()

    @property
    def host(self) -> str:
        """The name as it goes over the wire, without brackets."""
        return self.url.raw_host.decode().strip("[]")

    async def addresses(self) -> Sequence[str]:
        """What may be connected to, each checked. Raises Refused: one address that is not allowed refuses the name."""
        async with self._looking:
            if self._known is None or time.monotonic() > self._known[0]:
                self._known = time.monotonic() + BELIEVED, await self._checked()
            return self._known[1]

    async def _checked(self) -> Sequence[str]:
        port = self.url.port or (443 if self.url.scheme == "https" else 80)
        try:
            async with asyncio.timeout(_PATIENCE):
                found = await self._resolve(self.host, port)
        except (OSError, TimeoutError, UnicodeError):
            raise Refused("name", "The host's name cannot be looked up.") from None
        for text in found:
            address = _meant(ip_address(text.partition("%")[0]))
            ours = any(address.version == network.version and address in network for network in self._allowed)
            if not ours and (not address.is_global or address.is_multicast):
                raise Refused("address", "The address is private, of this machine or of its link; messages go to public addresses.")
            if not ours and self.url.scheme != "https":
                raise Refused("address", "Messages go over https.")
        if not found:
            raise Refused("name", "The host's name has no address.")
        return found


def _meant(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address inside an IPv6 one that leads to it."""
    if isinstance(address, IPv6Address):
        inside = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inside is None and address in _TRANSLATED:
            inside = IPv4Address(int(address) & 0xFFFFFFFF)
        return inside or address
    return address
