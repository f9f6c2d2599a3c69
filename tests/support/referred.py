"""How do tests of referrals bring a customer? A programme that rewards it, who invites, and what the follower would hear."""

import uuid
from datetime import timedelta
from typing import Any

from crm_events.store.store import EventStore
from crm_loyalty.app import TIES
from crm_loyalty.referring import HEARD, Keeper, forget
from loyalty_client import Till, ok
from telling import Teller

TERMS = {"reward": "قوری", "amount": 250, "return_days": 14}
INVITED, CAME, BOUGHT = "2026-05-01T00:00:00.000Z", "2026-05-02T00:00:00.000Z", "2026-05-03T00:00:00.000Z"


def person() -> str:
    return str(uuid.uuid4())


def address() -> str:
    return f"{uuid.uuid4().hex[:12]}@friends.example"


async def club(till: Till, **terms: Any) -> str:
    return await till.programme(referral=TERMS | terms)


async def referrer(till: Till, programme: str | None = None, customer: str | None = None) -> dict[str, Any]:
    """A member since long ago."""
    return await till.member(programme=programme or await club(till), customer_id=customer or person(), occurred_at="2026-01-01T00:00:00Z")


async def invite(till: Till, member: dict[str, Any], **fields: Any) -> Any:
    body = {"customer_id": member["customer_id"], "programme": member["programme"], "occurred_at": INVITED}
    return await till.post("/v1/referrals", body | fields)


async def invited(till: Till, member: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return ok(await invite(till, member, **fields), 201)


async def register(till: Till, referral: dict[str, Any], customer: str, **fields: Any) -> Any:
    return await till.post(f"/v1/referrals/{referral['id']}/registration", {"customer_id": customer, "occurred_at": CAME} | fields)


async def brought(till: Till, member: dict[str, Any] | None = None, customer: str | None = None) -> dict[str, Any]:
    """A referral whose customer has come."""
    referral = await invited(till, member or await referrer(till), invitee=address())
    return ok(await register(till, referral, customer or person()))


async def buys(till: Till, customer: str, at: str = BOUGHT) -> dict[str, Any]:
    """The referred customer, who is a member of no programme."""
    known = ok(await till.get(f"/v1/members?customer_id={customer}"))["items"]
    member = known[0] if known else await till.member(customer_id=customer, programme=None, occurred_at="2026-05-02T00:00:00Z")
    return await till.buy(member, (2, 900), currency="EUR", occurred_at=at) | {"customer_id": customer}


async def brings_back(till: Till, sale: dict[str, Any], at: str) -> None:
    body = {"transaction_id": sale["id"], "lines": [{"line": 1, "quantity": 1}], "occurred_at": at}
    ok(await till.post(f"/v1/members/{sale['member_id']}/returns", body))


async def hear(store: EventStore, type_: str, customer: str, *, stream: str | None = None, payload: bytes = b"{}") -> None:
    """As the follower does, in a transaction."""
    source = "loyalty" if type_.startswith(("referral", "transaction", "return")) else "contacts"
    record = Teller().record(type_, payload, uuid.UUID(customer), source=source, stream=uuid.UUID(stream or customer))
    async with store.pool.acquire() as connection, connection.transaction():
        if type_ == "privacy.erased":
            await forget(connection, record)
        else:
            await (HEARD | TIES)[type_](connection, record)


async def look(store: EventStore) -> None:
    """Until nothing is due."""
    while await Keeper(store, quiet=timedelta(0)).tick():
        pass


async def noticed(store: EventStore, referral: dict[str, Any]) -> None:
    """Its registration is heard, and what follows is done."""
    await hear(store, "referral.registered", referral["customer_id"], stream=referral["id"])
    await look(store)


async def shown(till: Till, referral: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = ok(await till.get(f"/v1/referrals/{referral['id']}"))
    return answer


async def rewards_of(till: Till, customer: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = ok(await till.get(f"/v1/rewards?customer_id={customer}"))["items"]
    return items


async def household(store: EventStore, one: str, other: str) -> str:
    """They live together; the relationship's id."""
    relationship = person()
    await hear(store, "relationship.linked", one, stream=relationship, payload=f'{{"kind":"household","other_id":"{other}"}}'.encode())
    return relationship
