"""How is one message sent? One POST to a checked address, within a time and a size; no redirect is followed, no cookie kept, no proxy asked."""

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass

import httpx2

from crm_reporting.webhooks.target import Refused, Target

READ = 64 * 1024  # bytes of an answer that are read, so that the connection can be used again; longer ones cost the connection
TRIED = 3  # addresses of a name that are tried


@dataclass(frozen=True, slots=True)
class Told:
    """What came of it: delivered, status, redirect, timeout, connection, tls, protocol, name or address. `retry_after`: seconds, as the receiver asked."""

    outcome: str
    seconds: float
    status: int | None = None
    retry_after: float | None = None

    @property
    def delivered(self) -> bool:
        return self.outcome == "delivered"

    @property
    def text(self) -> str:
        """In a word or two, for the log."""
        return self.outcome if self.status is None else f"{self.outcome} {self.status}"


class Poster:
    """Sends to one subscription's target. One of its own each: a connection that was opened for one name is never used for another."""

    def __init__(self, target: Target, *, seconds: float, connections: int, tls: ssl.SSLContext | bool = True) -> None:
        self.target, self._seconds = target, seconds
        limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=20)
        self._transport = httpx2.AsyncHTTPTransport(verify=tls, trust_env=False, limits=limits)

    async def close(self) -> None:
        """Hang up."""
        await self._transport.aclose()

    async def post(self, body: bytes, headers: Mapping[str, str]) -> Told:
        """Send it; whatever happens is told, nothing is raised."""
        began = time.monotonic()

        def told(outcome: str, status: int | None = None, retry_after: float | None = None) -> Told:
            return Told(outcome, round(time.monotonic() - began, 3), status, retry_after)

        try:
            async with asyncio.timeout(self._seconds):
                status, retry_after = await self._sent(body, headers)
        except Refused as refused:
            return told(refused.outcome)
        except (TimeoutError, httpx2.TimeoutException):
            return told("timeout")
        except httpx2.ConnectError as error:
            return told("tls" if _of_tls(error) else "connection")
        except (httpx2.NetworkError, OSError):
            return told("connection")
        except (httpx2.TransportError, ValueError):
            return told("protocol")
        outcome = "delivered" if 200 <= status < 300 else "redirect" if 300 <= status < 400 else "status"
        return told(outcome, status, retry_after)

    async def _sent(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, float | None]:
        addresses = (await self.target.addresses())[:TRIED]
        for number, address in enumerate(addresses, 1):
            try:
                return await self._once(address, body, headers)
            except httpx2.ConnectError as error:
                if number == len(addresses) or _of_tls(error):
                    raise
        raise Refused("name", "The host's name has no address.")

    async def _once(self, address: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, float | None]:
        """The address is what is connected to; the name is in `Host`, and what the certificate must be for."""
        url = self.target.url
        request = httpx2.Request(
            "POST",
            url.copy_with(host=address),
            content=body,
            headers={"Host": url.netloc.decode(), "User-Agent": "crm-webhooks/1", "Accept": "*/*", **headers},
            extensions={"sni_hostname": self.target.host},
        )
        response = await self._transport.handle_async_request(request)
        try:
            read = 0
            async for chunk in response.stream:  # type: ignore[union-attr]
                read += len(chunk)
                if read > READ:
                    break
        finally:
            await response.aclose()
        after = response.headers.get("Retry-After", "")
        return response.status_code, float(after) if after.isascii() and after.isdigit() and len(after) < 7 else None


def _of_tls(error: BaseException | None) -> bool:
    """Whether a certificate or the handshake was at fault: another address would not help."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
