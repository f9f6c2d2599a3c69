"""Can each service be restarted, one replica after the other, under load, without one failed request and without losing what was acknowledged?"""

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from balanced import Balanced
from crm_local import ports, readiness
from crm_local.parts import PARTS, Part
from crm_local.processes import Detached
from crm_local.stack import Stack
from crm_local.telling import environment, program
from front_end import Client

DRAIN = "1.5"  # seconds; the balancer looks every 0.1 s
SOON = 60.0
APIS = {part.name: part for part in PARTS if part.role == "api"}
PROGRAMME = {
    "currency": "EUR",
    "earning": [{"id": "base", "when": {}, "basis": "line", "points_per": {"points": 1, "amount": 100}, "multiplier": "1", "rounding": "floor", "stop": False}],
    "pending_days": 0,
    "expiry": {"months": 12},
    "tiers": [],
    "point_value": {"points": 10, "amount": 5},
    "valid_from": "2020-01-01T00:00:00Z",
}


class Replica:
    """One process of a service's API beside the stack's own, on a port it keeps."""

    def __init__(self, backbone: Stack, part: Part, label: str) -> None:
        port = ports.free_port()
        self._part, self._folder, self.url = part, backbone.data_dir, f"http://127.0.0.1:{port}"
        self._told = environment(part, backbone.surroundings()) | {"PORT": str(port), "INSTANCE": f"{part.name}-{label}", "DRAIN_SECONDS": DRAIN}
        self._process = Detached(f"{part.name}-{label}", self._folder / "run" / f"{part.name}-{label}.pid", self._folder / "logs" / f"{part.name}-{label}.log")

    def start(self) -> "Replica":
        self._process.start([program(self._part.service), "api"], env=self._told, cwd=self._folder)
        self._process.wait_until(lambda: not readiness.reasons(self.url, 2), seconds=SOON)
        return self

    def end(self) -> None:
        self._process.stop(seconds=SOON)


@pytest.fixture
def replicas(backbone: Stack, stack: dict[str, str]) -> Iterator[dict[str, list[Replica]]]:
    """Two of each service, the stack's own not counted: it takes no part, so that it stays as other tests want it."""
    made = {name: [Replica(backbone, part, label) for label in ("one", "two")] for name, part in APIS.items()}
    try:
        for each in itertools.chain(*made.values()):
            each.start()
        yield made
    finally:
        for each in itertools.chain(*made.values()):
            each.end()


class Load:
    """Customers who act without pause; `told` is what was acknowledged to each: interactions, tickets, purchases."""

    def __init__(self, balanced: Balanced, customers: dict[str, str]) -> None:
        self._balanced, self._members = balanced, customers
        self.told = {customer: {"interactions": 0, "tickets": 0, "purchases": 0} for customer in customers}
        self.tokens: dict[str, dict[str, str]] = {customer: {} for customer in customers}

    async def act(self, customer: str) -> None:
        """One round of what a customer does, and one look at all of it."""
        ticket = {"customer_id": customer, "kind": "question", "channel": "web", "priority": "normal", "subject": "بار", "text": "؟"}
        purchase = {
            "document": uuid.uuid4().hex,
            "channel": "web",
            "lines": [{"sku": "a", "category": "tea", "quantity": 1, "list_price": 100, "paid_price": 100}],
        }
        await asyncio.gather(
            self._write(customer, "interactions", "contacts", f"/v1/contacts/{customer}/interactions", {"channel": "web", "direction": "inbound"}),
            self._write(customer, "tickets", "tickets", "/v1/tickets", ticket),
            self._write(customer, "purchases", "loyalty", f"/v1/members/{self._members[customer]}/transactions", purchase),
            self._balanced.send("reporting", "GET", f"/v1/customers/{customer}"),
            self._balanced.send("contacts", "GET", f"/v1/contacts/{customer}"),
        )

    @property
    def count(self) -> int:
        return sum(sum(kinds.values()) for kinds in self.told.values())

    async def more(self, count: int) -> None:
        """Return when so many more writes were acknowledged, or one has failed."""
        wanted = self.count + count
        async with asyncio.timeout(SOON):
            while self.count < wanted and not self._balanced.failed:
                await asyncio.sleep(0.02)

    @asynccontextmanager
    async def going(self) -> AsyncIterator[None]:
        """For as long as they act; each ends the round it is in."""
        enough = False

        async def on(customer: str) -> None:
            while not enough and not self._balanced.failed:
                await self.act(customer)

        acting = [asyncio.create_task(on(customer)) for customer in self._members]
        try:
            yield
        finally:
            enough = True
            await asyncio.gather(*acting)

    async def _write(self, customer: str, kind: str, service: str, path: str, body: dict[str, object]) -> None:
        answer = await self._balanced.send(service, "POST", path, body)
        if answer is not None:
            self.told[customer][kind] += 1
            self.tokens[customer][service] = answer.headers["Consistency-Token"]


def enrolled(stack: dict[str, str]) -> dict[str, str]:
    """Customers with their memberships, seen by reporting."""
    client, programme, made = Client(stack), f"p{uuid.uuid4().hex[:10]}", dict[str, str]()
    client.put("loyalty", f"/v1/programmes/{programme}", PROGRAMME)
    for number in range(4):
        customer = client.post("contacts", "/v1/contacts", {"kind": "person", "name": f"پایدار {number}"}).json()["id"]
        member = client.post("loyalty", "/v1/members", {"customer_id": customer, "programme": programme})
        made[customer] = member.json()["id"]
        client.view(customer, member.headers["Consistency-Token"])
    client.close()
    return made


async def test_each_service_is_restarted_replica_by_replica_and_no_request_fails(stack: dict[str, str], replicas: dict[str, list[Replica]]) -> None:
    balanced = Balanced({name: [each.url for each in two] for name, two in replicas.items()}, stack["TOKEN"])
    load = Load(balanced, await asyncio.to_thread(enrolled, stack))
    async with balanced.watching():
        async with load.going():
            for turn in (0, 1):
                await load.more(30)
                again = [two[turn] for two in replicas.values()]
                await asyncio.gather(*(asyncio.to_thread(each.end) for each in again))
                await load.more(10)  # the other replica alone
                before = dict(balanced.answered)
                await asyncio.gather(*(asyncio.to_thread(each.start) for each in again))
                async with asyncio.timeout(SOON):  # each answers again, or nothing would have been shown about it
                    while not balanced.failed and any(balanced.answered[each.url] == before[each.url] for each in again):
                        await asyncio.sleep(0.02)
            await load.more(10)
        assert balanced.failed == []
        for customer, told in load.told.items():
            tokens = ",".join(load.tokens[customer].values())
            answer = await balanced.send("reporting", "GET", f"/v1/customers/{customer}", Consistency_Token=tokens, Prefer="wait=20")
            assert answer is not None, balanced.failed
            assert answer.headers["View-State"] == "current"
            view = answer.json()
            seen = {"interactions": view["contact"]["interactions"], "tickets": view["service"]["open"], "purchases": view["purchases"]["count"]}
            assert seen == told
