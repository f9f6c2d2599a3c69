"""Do clients that hang up take connections, locks or places with them?"""

import asyncio
import contextlib
import random
import time
import uuid
from urllib.parse import urlsplit

import httpx2

from chaos.broken import Broken
from chaos.ground import Ground
from chaos.scenario import scenario

SECONDS, CLIENTS = 10.0, 24
_SESSIONS = "select datname, count(*) as n from pg_stat_activity where datname like 'crm_%' and usename like 'crm_%' group by 1"
_STUCK = """
select datname, state, left(query, 80) as query from pg_stat_activity
where datname like 'crm_%' and pid <> pg_backend_pid()
and (state like 'idle in transaction%' or state = 'active') and clock_timestamp() - state_change > interval '5 seconds'
"""


@scenario("clients-hang-up", faults=(19,), invariants="I1 I13 I15", seeds=(1, 2))
async def clients_hang_up(ground: Ground) -> None:
    """Two dozen clients open requests to all four services and leave: in the middle of a body, before the answer, in the middle of it, in a stream."""
    before = await _sessions(ground)
    token = ground.load.http.headers["Authorization"]
    customers = [each.id for plan in ground.load.plans for each in plan.customers]
    until, left = time.monotonic() + SECONDS, [0] * CLIENTS

    async def leave(number: int) -> None:
        rng = random.Random(f"{ground.name}/{number}")
        while time.monotonic() < until:
            left[number] += await _half_a_request(rng, ground.load.urls, token, rng.choice(customers))
            await asyncio.sleep(0.1)  # hanging up is what is tried, not how much work for nobody two cores can do

    await asyncio.gather(*map(leave, range(CLIENTS)))
    assert sum(left) > 200, f"only {sum(left)} clients hung up"
    ground.notes["hung up"] = str(sum(left))
    await ground.load.more(20)
    await ground.until(lambda: _nothing_stuck(ground), "no session is stuck")
    await ground.until(lambda: _idle(ground), "no request counts as under way but the load's")
    after = await _sessions(ground)
    most = {"crm_contacts": 30, "crm_tickets": 30, "crm_loyalty": 30, "crm_reporting": 60, "crm_vault": 40}  # as the parts' budgets say
    if any(after[name] > most[name] - 2 for name in after):
        raise Broken("I15", f"connections before {before}, after {after}")
    await _every_connection_serves(ground, customers[0])
    ground.notes["connections"] = f"{sum(before.values())} before, {sum(after.values())} after"


async def _half_a_request(rng: random.Random, urls: dict[str, str], token: str, customer: str) -> int:
    service, request = rng.choice(_requests(customer, token))
    place, cut = urlsplit(urls[service]), rng.random()
    try:
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
    except OSError:
        return 0
    try:
        writer.write(request if cut > 0.3 else request[: int(len(request) * rng.random())])
        await writer.drain()
        if cut > 0.3:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(reader.read(rng.choice([1, 200, 4000])), rng.choice([0.0, 0.001, 0.003, 0.01, 0.03, 0.1]))
    except OSError:
        pass
    finally:
        writer.transport.abort()  # a reset, not a polite end
    return 1


def _requests(customer: str, token: str) -> list[tuple[str, bytes]]:
    def of(method: str, path: str, body: str = "") -> bytes:
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {token.removeprefix('Authorization: ')}\r\nIdempotency-Key: {uuid.uuid4().hex}\r\n"
        return f"{head}Content-Type: application/json\r\nContent-Length: {len(body.encode())}\r\n\r\n{body}".encode()

    stranger = uuid.uuid4()  # whose customers are in nobody's history
    ticket = f'{{"customer_id": "{stranger}", "kind": "question", "channel": "web", "priority": "normal", "subject": "?", "text": "?"}}'
    return [
        ("contacts", of("POST", "/v1/contacts", '{"kind": "person", "name": "رفت"}')),
        ("contacts", of("GET", f"/v1/contacts/{customer}")),
        ("contacts", of("POST", "/v1/contacts/lookup", '{"name": "زیر"}')),
        ("tickets", of("POST", "/v1/tickets", ticket)),
        ("tickets", of("GET", "/v1/tickets?limit=50")),
        ("loyalty", of("POST", "/v1/members", f'{{"customer_id": "{stranger}", "card_number": "{uuid.uuid4().hex}"}}')),
        ("reporting", of("GET", f"/v1/customers/{customer}")),
        ("reporting", of("GET", f"/v1/customers/{customer}/timeline?limit=200")),
        ("reporting", of("GET", f"/v1/customers/{customer}/stream")),
        ("reporting", of("GET", "/v1/customers?limit=100")),
        ("reporting", of("GET", "/v1/kpis/first_reply_time?by=channel")),
    ]


async def _sessions(ground: Ground) -> dict[str, int]:
    async with ground.database("postgres") as postgres:
        return {row["datname"]: row["n"] for row in await postgres.fetch(_SESSIONS)}


async def _nothing_stuck(ground: Ground) -> bool:
    async with ground.database("postgres") as postgres:
        return not await postgres.fetch(_STUCK)


async def _idle(ground: Ground) -> bool:
    for name in ground.load.urls:
        try:
            text = (await ground.load.http.get(f"{ground.load.urls[name]}/metrics")).text
        except httpx2.TransportError:
            return False
        under_way = [line for line in text.splitlines() if line.startswith("http_requests_in_flight ")]
        assert under_way, f"{name} tells no requests under way"
        if float(under_way[0].rpartition(" ")[2]) > len(ground.load.plans):
            return False
    return True


async def _every_connection_serves(ground: Ground, customer: str) -> None:
    """As many reads at once as no pool has connections: if some were never given back, somebody waits in vain."""
    asked = [
        ("contacts", f"/v1/contacts/{customer}"),
        ("reporting", f"/v1/customers/{customer}"),
        ("tickets", "/v1/tickets?limit=1"),
        ("reporting", "/v1/customers?limit=1"),
    ] * 20
    answers = await asyncio.gather(*(ground.load.send(service, "GET", path) for service, path in asked))
    if bad := [f"{each.request.url}: {each.status_code}" for each in answers if not each.is_success]:
        raise Broken("I15", f"{len(bad)} of {len(asked)} reads at once failed: {bad[0]}")
