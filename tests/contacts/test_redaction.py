"""Can one thing that should not have been written be made unreadable for good, and nothing else?"""

import uuid
from typing import Any

from contacts_client import Api, ok, problem
from crm_events.store.store import EventStore
from crm_events.store.verify import verify
from forgetter import eraser_of


async def noted(api: Api, store: EventStore, customer: str, text: str) -> uuid.UUID:
    """The id of the event of a call about this."""
    told = ok(await api.post(f"/v1/contacts/{customer}/interactions", {"channel": "phone", "direction": "inbound", "text": text, "outcome": "informed"}), 201)
    event: uuid.UUID = await store.pool.fetchval("select event_id from events where stream_id = $1", uuid.UUID(told["id"]))
    return event


async def calls(api: Api, customer: str) -> list[tuple[Any, Any, list[str]]]:
    items = ok(await api.get(f"/v1/contacts/{customer}/interactions"))["items"]
    return [(item["text"], item["outcome"], item["redacted"]) for item in items]


async def test_what_one_event_says_is_read_no_more_and_all_else_is(api: Api, store: EventStore) -> None:
    customer = (await api.person(name="نسترن"))["id"]
    wrong, right = [await noted(api, store, customer, text) for text in ("شماره کارت ۶۰۳۷…", "از چای پرسید")]
    rows = "select payload from events where customer_id = $1 and event_id = any($2::uuid[]) order by position"
    before = await store.pool.fetch(rows, uuid.UUID(customer), [wrong, right])
    assert sorted(text for text, *_ in await calls(api, customer)) == ["از چای پرسید", "شماره کارت ۶۰۳۷…"]
    asked = await api.post("/v1/privacy/redactions", {"customer_id": customer, "event_id": str(wrong), "reason": "card_number"})
    redaction = ok(asked, 201)
    assert (redaction["customer_id"], redaction["event_id"], redaction["reason"]) == (customer, str(wrong), "card_number")
    assert ok(await api.get(asked.headers["Location"])) == redaction
    assert sorted(await calls(api, customer), key=str) == sorted([(None, "informed", ["text"]), ("از چای پرسید", "informed", [])], key=str)
    assert (await api.contact(customer))["name"] == "نسترن"
    assert await store.pool.fetch(rows, uuid.UUID(customer), [wrong, right]) == before, "no event was touched"
    assert (await verify(store)).whole
    again = await api.post("/v1/privacy/redactions", {"customer_id": customer, "event_id": str(wrong)})
    assert ok(again) == redaction, "asked for twice, it is the same"


async def test_under_any_id_of_a_merged_customer(api: Api, store: EventStore) -> None:
    survivor, absorbed = [(await api.person())["id"] for _ in range(2)]
    wrong = await noted(api, store, absorbed, "راز")
    merge = ok(await api.merge(survivor, absorbed), 201)
    ok(await api.post("/v1/privacy/redactions", {"customer_id": survivor, "event_id": str(wrong)}), 201)
    ok(await api.post(f"/v1/merges/{merge['id']}/reversal", {}))
    assert await calls(api, absorbed) == [(None, "informed", ["text"])], "parted again, it stays unread"


async def test_a_vault_put_back_from_a_backup_hides_it_again(api: Api, store: EventStore) -> None:
    customer = (await api.person())["id"]
    wrong = await noted(api, store, customer, "راز")
    ok(await api.post("/v1/privacy/redactions", {"customer_id": customer, "event_id": str(wrong)}), 201)
    await store.vault._pool.execute("delete from redacted_event where event_id = $1", wrong)
    store.vault._reading._seen.clear()
    assert [text for text, *_ in await calls(api, customer)] == ["راز"], "as a backup brings it back"
    await eraser_of(store).redact_again()
    assert [text for text, *_ in await calls(api, customer)] == [None]


async def test_what_a_contact_is_found_by_is_changed_and_not_hidden(api: Api, store: EventStore) -> None:
    customer = (await api.person(name="نام", identifiers=[{"kind": "email", "value": f"{uuid.uuid4().hex}@example.org"}]))["id"]
    for row in await store.pool.fetch("select event_id from events where stream_id = $1", uuid.UUID(customer)):
        refused = problem(await api.post("/v1/privacy/redactions", {"customer_id": customer, "event_id": str(row["event_id"])}), 409, "rejected")
        assert refused["rule"] == "change-instead"


async def test_who_may_not_and_about_whom_not(api: Api) -> None:
    customer, event = (await api.person())["id"], str(uuid.uuid4())
    problem(await api.post("/v1/privacy/redactions", {"customer_id": str(uuid.uuid4()), "event_id": event}), 404, "not-found")
    problem(await api.post("/v1/privacy/redactions", {"customer_id": customer, "event_id": "n/a"}), 422, "invalid-request")
    problem(await api.by("contacts:write").post("/v1/privacy/redactions", {"customer_id": customer, "event_id": event}), 403, "forbidden")
    problem(await api.get(f"/v1/privacy/redactions/{uuid.uuid4()}"), 404, "not-found")
    ok(await api.post("/v1/privacy/erasures", {"customer_id": customer}), 201)
    problem(await api.post("/v1/privacy/redactions", {"customer_id": customer, "event_id": event}), 410, "gone")
