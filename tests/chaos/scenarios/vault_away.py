"""What happens while the vault is away? Nothing personal is written, in clear or otherwise; what needs no key goes on; nothing is lost."""

import uuid

from crm_local import issuing
from forgetting.marks import marks
from forgetting.scanning import needles, scan_files, scan_kept

from chaos.broken import Broken
from chaos.ground import Ground
from chaos.scenario import scenario

_CLOSE = "alter database crm_vault allow_connections false"
_OPEN = "alter database crm_vault allow_connections true"
_END = "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'crm_vault'"


@scenario("vault-away", faults=(20,), invariants="I1 I5 I12", seeds=(1, 2))
async def vault_away(ground: Ground) -> None:
    """Its database refuses everybody. Whoever writes a name hears 503; whoever buys, or reads without names, is served."""
    hers = marks(ground.rng.getrandbits(64))
    customer, member = await _customer(ground)
    staff = issuing.token(ground.stack.data_dir, scopes="contacts:write tickets:write loyalty:write reporting:read")
    async with ground.database("postgres") as postgres:
        await postgres.execute(_CLOSE)
        try:
            await postgres.execute(_END)
            ground.note("the vault is away")
            body = {"text": hers.text("note")}

            async def refused() -> bool:
                answer = await _post(ground, "contacts", f"/v1/contacts/{customer}/notes", body)
                return answer.status_code == 503

            await ground.until(refused, "a write of personal text is refused: keys are remembered for 5 s")
            for service, path, told in _personal(customer, hers.text):
                answer = await _post(ground, service, path, told)
                if answer.status_code != 503 or hers.latin in answer.text.lower():
                    raise Broken("I12", f"{path}: {answer.status_code} {answer.text[:300]}")
            line = {"sku": "s", "category": "books", "quantity": 1, "list_price": 900, "paid_price": 900}
            sale = await _post(
                ground, "loyalty", f"/v1/members/{member}/transactions", {"document": uuid.uuid4().hex, "channel": "web", "lines": [line], "currency": "EUR"}
            )
            call = await _post(ground, "contacts", f"/v1/contacts/{customer}/interactions", {"channel": "phone", "direction": "inbound"})
            if not (sale.is_success and call.is_success):
                raise Broken("I1", f"what holds nothing personal is not taken: {sale.status_code} {sale.text[:200]} {call.status_code} {call.text[:200]}")
            without = await ground.load.http.get(f"{ground.load.urls['reporting']}/v1/customers/{customer}", headers={"Authorization": f"Bearer {staff}"})
            named = await ground.load.send("reporting", "GET", f"/v1/customers/{customer}")
            if without.status_code != 200 or without.json()["profile"]["name"] is not None or named.status_code not in (200, 503):
                raise Broken(
                    "I5", f"reads while the vault is away: {without.status_code} {without.text[:300]}; with names {named.status_code} {named.text[:300]}"
                )
            ground.notes["reads with names"] = str(named.status_code)
        finally:
            await postgres.execute(_OPEN)
            ground.note("the vault is back")
    looked_for = needles(hers, {})
    found = [hit async for hit in scan_kept(ground.stack, looked_for)]
    found += list(scan_files(ground.stack, looked_for, "logs"))
    if found:
        raise Broken("I12", found[0])


def _personal(customer: str, text: object) -> list[tuple[str, str, dict[str, object]]]:
    told = text("refused")  # type: ignore[operator]
    return [
        ("contacts", "/v1/contacts", {"kind": "person", "name": told}),
        ("contacts", f"/v1/contacts/{customer}/interactions", {"channel": "web", "direction": "inbound", "text": told}),
        ("tickets", "/v1/tickets", {"customer_id": customer, "kind": "question", "channel": "web", "priority": "normal", "subject": told, "text": told}),
        ("loyalty", "/v1/members", {"customer_id": str(uuid.uuid4()), "card_number": told[:60]}),
    ]


async def _customer(ground: Ground) -> tuple[str, str]:
    registered = await _post(ground, "contacts", "/v1/contacts", {"kind": "person", "name": "پیش از قطع"})
    customer = registered.json()["id"]
    member = await _post(ground, "loyalty", "/v1/members", {"customer_id": customer})
    seen = await ground.load.send("reporting", "GET", f"/v1/customers/{customer}", Consistency_Token=registered.headers["Consistency-Token"], Prefer="wait=10")
    assert registered.is_success and member.is_success and seen.is_success, f"{registered.text} {member.text} {seen.text}"
    return customer, member.json()["id"]


async def _post(ground: Ground, service: str, path: str, body: dict[str, object]):  # type: ignore[no-untyped-def]
    return await ground.load.send(service, "POST", path, body, Idempotency_Key=uuid.uuid4().hex)
