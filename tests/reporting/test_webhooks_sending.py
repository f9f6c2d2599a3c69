"""Is a message signed as Standard Webhooks lays down, sent only where it may go, and is its sender safe from whoever answers?"""

import asyncio
import base64
import datetime
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from crm_reporting.settings import ReportingSettings
from crm_reporting.webhooks import signing
from crm_reporting.webhooks.outcomes import AT_MOST, pause
from crm_reporting.webhooks.posting import Poster
from crm_reporting.webhooks.target import Refused, Target, look_up, networks
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import ValidationError
from receiver import Receiver
from standardwebhooks.webhooks import Webhook

HERE = networks(["127.0.0.0/8"])
Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def test_a_signature_is_the_published_one() -> None:
    """The example of the specification's own libraries."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    told = signing.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', [key])
    assert told["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_while_a_secret_is_replaced_either_verifies_and_a_third_does_not() -> None:
    new, old, third = (bytes([n]) * 32 for n in range(3))
    content = '{"متن": "سلام"}'.encode()
    told = dict(signing.headers("m", int(time.time()), content, [new, old]))
    for key in (new, old):
        assert Webhook(key).verify(content, told) == {"متن": "سلام"}
    for wrong in (lambda: Webhook(third).verify(content, told), lambda: Webhook(new).verify(content + b" ", told)):
        with pytest.raises(Exception, match="No matching signature"):
            wrong()


def resolving(*answers: Sequence[str]) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    left = list(answers)

    async def resolve(host: str, port: int) -> Sequence[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return resolve


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.7", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "198.18.0.1", "::1",
     "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::",
     "2001:0:7f00:1::80ff:fffe", "2001:db8::1"],
)  # fmt: skip
async def test_no_address_of_this_house_is_sent_to(address: str) -> None:
    for found in ([address], ["93.184.216.34", address]):
        with pytest.raises(Refused) as refused:
            await Target("https://hook.example/", (), resolving(found)).addresses()
        assert refused.value.outcome == "address"


async def test_public_addresses_and_allowed_networks_are_sent_to_and_plain_http_only_to_those() -> None:
    assert await Target("https://hook.example/", (), resolving(["93.184.216.34", "2606:2800:220:1::1"])).addresses() == ["93.184.216.34", "2606:2800:220:1::1"]
    assert await Target("http://hook.example/", networks(["10.1.0.0/16"]), resolving(["10.1.2.3"])).addresses() == ["10.1.2.3"]
    for url, allowed, found in (("http://hook.example/", HERE, "93.184.216.34"), ("https://hook.example/", networks(["10.1.0.0/16"]), "10.2.0.1")):
        with pytest.raises(Refused):
            await Target(url, allowed, resolving([found])).addresses()


@pytest.mark.parametrize("host", ["localhost", "127.1", "0x7f000001", "2130706433", "[::1]", "[::ffff:7f00:1]"])
async def test_however_this_machine_is_spelled_it_is_refused(host: str) -> None:
    with pytest.raises(Refused):
        await Target(f"https://{host}/", ()).addresses()


async def test_a_name_that_is_not_there_is_told_as_that() -> None:
    with pytest.raises(Refused) as refused:
        await Target("https://nobody.invalid/", ()).addresses()
    assert refused.value.outcome == "name"
    assert "127.0.0.1" in await look_up("localhost", 80)


async def test_a_setting_that_is_no_network_is_refused_at_the_start(settings: ReportingSettings) -> None:
    with pytest.raises(ValidationError, match="webhook_allowed_networks"):
        ReportingSettings(**settings.model_dump() | {"webhook_allowed_networks": ["localhost"]})


async def test_a_name_that_changes_its_address_after_the_check_leads_nowhere_else() -> None:
    ours, inside = Receiver(["whsec_" + base64.b64encode(b"k" * 32).decode()]), None
    try:
        inside = Receiver(ours.secrets, host="127.0.0.2", port=ours.port)
        target = Target(f"http://hook.example:{ours.port}/x", networks(["127.0.0.1/32"]), resolving(["127.0.0.1"], ["127.0.0.2"]))
        poster = Poster(target, seconds=20, connections=2)
        for name in ("a", "b"):
            told = await poster.post(b'{"id":"%b"}' % name.encode(), signing.headers(name, int(time.time()), b'{"id":"%b"}' % name.encode(), [b"k" * 32]))
            assert told.delivered
        target._known = None  # the look-up's time is over: it is checked anew, and refused
        assert (await poster.post(b"{}", {})).outcome == "address"
        assert (len(ours.taken), inside.arrived + inside.forged) == (2, 0)
        assert ours.headers[0]["host"] == f"hook.example:{ours.port}"
        await poster.close()
    finally:
        for each in (ours, inside):
            if each is not None:
                each.close()


@asynccontextmanager
async def answering(handle: Handle, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    yield server.sockets[0].getsockname()[1]
    server.close()


def saying(head: bytes, drip: bytes = b"", seconds: float = 0) -> Handle:
    """Answers with `head`, then with `drip` again and again until nobody listens."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head)
            await writer.drain()
            while drip:
                writer.write(drip)
                await writer.drain()
                await asyncio.sleep(seconds)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    return handle


@pytest.mark.parametrize(
    ("handle", "outcome"),
    [
        (saying(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"), "redirect"),
        (saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"8000\r\n" + b"x" * 0x8000 + b"\r\n"), "delivered"),
        (saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n", b"x", 0.05), "timeout"),
        (saying(b"HTTP/1.1 ", b"2", 0.05), "timeout"),
        (saying(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 65536), "protocol"),
        (saying(b"SSH-2.0-OpenSSH_9\r\n\r\n"), "protocol"),
        (saying(b""), "protocol"),
        (saying(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"), "status"),
        (saying(b"HTTP/1.1 204 No Content\r\nSet-Cookie: a=b\r\n\r\n"), "delivered"),
    ],
)
async def test_whatever_answers_the_sender_is_done_in_time_and_says_what_it_was(handle: Handle, outcome: str) -> None:
    async with answering(handle) as port:
        poster = Poster(Target(f"http://127.0.0.1:{port}/", HERE), seconds=2, connections=1)
        began = time.monotonic()
        told = await poster.post(b"{}", {})
        await poster.close()
    assert told.outcome == outcome
    assert time.monotonic() - began < 20


async def test_nobody_there_is_told_as_that() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        poster = Poster(Target(f"http://127.0.0.1:{probe.getsockname()[1]}/", HERE), seconds=20, connections=1)
        assert (await poster.post(b"{}", {})).outcome == "connection"
        await poster.close()


async def test_the_certificate_must_be_for_the_name_although_an_address_is_connected_to(tmp_path: Path) -> None:
    certificate = _certificate(tmp_path, "hook.example")
    serving, trusting = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context(cafile=certificate)
    serving.load_cert_chain(certificate)
    async with answering(saying(b"HTTP/1.1 204 No Content\r\n\r\n"), serving) as port:
        for name, trusted, outcome in (("hook.example", trusting, "delivered"), ("other.example", trusting, "tls"), ("hook.example", True, "tls")):
            poster = Poster(Target(f"https://{name}:{port}/", HERE, resolving(["127.0.0.1"])), seconds=20, connections=1, tls=trusted)
            assert (await poster.post(b"{}", {})).outcome == outcome, name
            await poster.close()


def test_attempts_come_ever_more_rarely_and_never_together() -> None:
    waits = [[pause(attempt, 5) for _ in range(50)] for attempt in range(60)]
    for attempt, each in enumerate(waits):
        most = min(5 * 2**attempt, AT_MOST)
        assert all(most / 2 <= wait <= most for wait in each)
        assert max(each) - min(each) > most / 10


def _certificate(folder: Path, name: str) -> Path:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256())
    )  # fmt: skip
    file = folder / "certificate.pem"
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return file
