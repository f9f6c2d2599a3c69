"""Is nobody written to who did not allow it, and is what was not sent never dropped in silence?"""

import asyncio
import uuid
from typing import Any

from contacts_client import Api, mail, ok, problem
from crm_events.store.store import EventStore
from crm_events.store.verify import verify

CAMPAIGN = {"channel": "email", "purpose": "marketing", "goal": "retention", "template": "نوروز"}


async def reached(api: Api, *, status: str = "granted", **consent: Any) -> tuple[str, str]:
    """A customer with an e-mail address who said this of marketing, and the address's id."""
    contact = await api.person(identifiers=[mail()], occurred_at="2026-01-01T00:00:00Z")
    said = {"status": status, "text_version": "2026-1", "occurred_at": "2026-01-02T00:00:00Z"} | consent
    ok(await api.put(f"/v1/contacts/{contact['id']}/consents/marketing/email", said))
    return contact["id"], contact["identifiers"][0]["id"]


async def sent(api: Api, customer: str, **body: Any) -> dict[str, Any]:
    """What became of a message, of a campaign of its own unless one is named."""
    told = CAMPAIGN | {"campaign_id": str(uuid.uuid4())} | body
    made: dict[str, Any] = ok(await api.post(f"/v1/contacts/{customer}/outreach", told), 201)
    return made


async def test_what_is_sent_names_the_decision_and_the_events_that_made_it(api: Api, store: EventStore) -> None:
    customer, address = await reached(api)
    message = await sent(api, customer, segment="وفادار", occurred_at="2026-02-01T10:00:00Z")
    assert (message["suppressed"], message["consent_decision"], message["identifier_id"], message["preference"]) == (None, "allow", address, "none")
    question = {"customer_id": customer, "purpose": "marketing", "channel": "email", "identifier_id": address, "at": message["occurred_at"]}
    decision = ok(await api.post("/v1/consents/check", question))
    assert (decision["decision_id"], [each["event_id"] for each in decision["because"]]) == (message["decision_id"], message["decided_by"])
    consent = await store.pool.fetchval("select event_id::text from events where stream_id = $1 and type = 'consent.granted'", uuid.UUID(customer))
    assert message["decided_by"] == [consent]
    row = await store.pool.fetchrow("select type, payload from events where stream_id = $1", uuid.UUID(message["id"]))
    assert row["type"] == "outreach.sent" and f'"decision_id":"{message["decision_id"]}"' in row["payload"] and consent in row["payload"]
    assert ok(await api.get(f"/v1/contacts/{customer}/outreach/{message['id']}")) == message


async def test_who_did_not_allow_it_is_not_written_to_and_the_event_says_by_which_word(api: Api) -> None:
    silent = await api.person(identifiers=[mail()])
    held = await sent(api, silent["id"])
    assert (held["suppressed"], held["consent_decision"], held["decided_by"]) == ("no_consent", "deny", [])
    for status in ("denied", "withdrawn"):
        customer, _ = await reached(api, status=status)
        held = await sent(api, customer)
        assert (held["suppressed"], held["consent_decision"], len(held["decided_by"])) == ("no_consent", "deny", 1)
    customer, _ = await reached(api, effective_to="2026-03-01T00:00:00Z")
    assert (await sent(api, customer, occurred_at="2026-02-01T00:00:00Z"))["suppressed"] is None, "judged by its own time"
    assert (await sent(api, customer))["suppressed"] == "no_consent"
    assert (await sent(api, customer, channel="sms", occurred_at="2026-02-02T00:00:00Z"))["suppressed"] == "no_consent", "another channel"


async def test_a_message_and_a_customer_are_never_taken_for_each_other(api: Api) -> None:
    customer, _ = await reached(api)
    refused = problem(await api.post(f"/v1/contacts/{customer}/outreach", CAMPAIGN | {"campaign_id": str(uuid.uuid4()), "id": customer}), 409, "already-exists")
    assert refused["existing_id"] == customer
    message = await sent(api, customer)
    then = CAMPAIGN | {"campaign_id": str(uuid.uuid4()), "occurred_at": "2026-02-01T00:00:00Z"}
    for extra in ({}, {"id": message["id"]}):
        answer = await api.post(f"/v1/contacts/{message['id']}/outreach", then | extra)
        problem(answer, *((409, "already-exists") if extra else (404, "not-found")))


async def test_without_an_address_or_twice_of_one_campaign_it_is_held_back(api: Api) -> None:
    customer, address = await reached(api)
    ok(await api.put(f"/v1/contacts/{customer}/consents/marketing/sms", {"status": "granted", "text_version": "2026-1"}))
    assert (await sent(api, customer, channel="sms"))["suppressed"] == "no_address"
    assert (await sent(api, customer, identifier_id=str(uuid.uuid4())))["suppressed"] == "no_address"
    campaign, twin = str(uuid.uuid4()), (await api.person())["id"]
    assert (await sent(api, customer, campaign_id=campaign))["suppressed"] is None
    assert (await sent(api, customer, campaign_id=campaign))["suppressed"] == "duplicate"
    ok(await api.merge(customer, twin), 201)
    again = await sent(api, twin, campaign_id=campaign)
    assert (again["suppressed"], again["identifier_id"]) == ("duplicate", address), "one customer, whichever contact is named"
    listed = ok(await api.get(f"/v1/contacts/{customer}/outreach?limit=3"))
    rest = ok(await api.get(f"/v1/contacts/{customer}/outreach?limit=3&cursor={listed['next']}"))
    assert [item["suppressed"] for item in listed["items"] + rest["items"]] == ["duplicate", "duplicate", None, "no_address", "no_address"]


async def test_a_cap_counts_what_was_sent_within_its_days_by_any_contact_of_the_customer(api: Api) -> None:
    customer, _ = await reached(api)
    ok(await api.put(f"/v1/contacts/{customer}/preferences", {"frequency_cap": {"count": 2, "per_days": 7}, "occurred_at": "2026-01-02T00:00:00Z"}))
    days = [(await sent(api, customer, occurred_at=f"2026-02-{day:02}T08:00:00Z"))["suppressed"] for day in (1, 4, 7, 8, 9, 11)]
    assert days == [None, None, "frequency_cap", None, "frequency_cap", None], "what was held back does not count; a week later it is over"
    control = await sent(api, customer, group="control", occurred_at="2026-02-12T08:00:00Z")
    assert control["suppressed"] is None


async def test_of_six_sent_at_once_the_cap_lets_two_through_and_of_one_campaign_one_goes(api: Api) -> None:
    customer, _ = await reached(api)
    twin, _ = await reached(api)
    ok(await api.merge(customer, twin), 201)
    ok(await api.put(f"/v1/contacts/{twin}/consents/marketing/email", {"status": "granted", "text_version": "2026-1"}))
    ok(await api.put(f"/v1/contacts/{customer}/preferences", {"frequency_cap": {"count": 2, "per_days": 7}}))
    messages = await asyncio.gather(*(sent(api, each) for each in (customer, twin) * 3))
    assert sorted(str(each["suppressed"]) for each in messages) == ["None"] * 2 + ["frequency_cap"] * 4
    other, campaign = (await reached(api))[0], str(uuid.uuid4())
    messages = await asyncio.gather(*(sent(api, other, campaign_id=campaign) for _ in range(6)))
    assert sorted(str(each["suppressed"]) for each in messages) == ["None"] + ["duplicate"] * 5


async def test_a_merge_taken_back_leaves_both_to_be_written_to(api: Api) -> None:
    one, two = (await reached(api))[0], (await reached(api))[0]
    merge = ok(await api.merge(one, two), 201)
    for customer in (one, two):
        ok(await api.put(f"/v1/contacts/{customer}/consents/marketing/email", {"status": "granted", "text_version": "2026-2"}))
    for customer in (one, two, one, two, one):
        assert (await sent(api, customer))["suppressed"] is None
    ok(await api.post(f"/v1/merges/{merge['id']}/reversal", {"reason": "two sisters"}))
    for customer in (one, two, one, two, one, one):
        assert (await sent(api, customer))["suppressed"] is None


async def test_it_is_told_whether_the_customers_likings_were_followed(api: Api) -> None:
    customer, _ = await reached(api)
    evenings = [{"days": ["sat", "mon"], "from": "17:00", "to": "20:00", "time_zone": "Asia/Tehran"}]
    likings = {"channel": "email", "language": "fa", "time_windows": evenings, "occurred_at": "2026-01-02T00:00:00Z"}
    ok(await api.put(f"/v1/contacts/{customer}/preferences", likings))
    monday = {"occurred_at": "2026-02-02T14:00:00Z", "language": "fa"}  # 17:30 in Tehran
    assert (await sent(api, customer, **monday))["preference"] == "followed"
    assert (await sent(api, customer, **monday | {"language": "en"}))["preference"] == "not_followed"
    assert (await sent(api, customer, **monday | {"occurred_at": "2026-02-02T13:00:00Z"}))["preference"] == "not_followed"


async def test_what_came_of_it_is_told_once_each_and_nothing_comes_of_what_was_not_sent(api: Api, store: EventStore) -> None:
    customer, _ = await reached(api)
    message = await sent(api, customer)
    path, call = f"/v1/contacts/{customer}/outreach/{message['id']}/results", str(uuid.uuid4())
    told = [
        {"result": "delivered"}, {"result": "opened"}, {"result": "clicked"}, {"result": "opened"}, {"result": "bounced", "reason": "mailbox_full"},
        {"result": "responded", "kind": "call", "interaction_id": call}, {"result": "responded", "kind": "visit"},
    ]  # fmt: skip
    for body in told:
        shown = ok(await api.post(path, body))
    assert [each["result"] for each in shown["results"]] == ["delivered", "opened", "clicked", "bounced", "responded", "responded"]
    assert (shown["version"], shown["results"][4]["interaction_id"], shown["results"][3]["reason"]) == (7, call, "mailbox_full")
    rows = await store.pool.fetch("select type from events where stream_id = $1 order by version", uuid.UUID(message["id"]))
    assert [row["type"].partition(".")[2] for row in rows] == ["sent", *(each["result"] for each in shown["results"])]
    problem(await api.post(path, {"result": "responded"}), 422, "invalid-request")
    problem(await api.post(path, {"result": "opened", "kind": "call"}), 422, "invalid-request")
    for held in (await sent(api, customer, channel="sms"), await sent(api, customer, group="control")):
        refused = problem(await api.post(f"/v1/contacts/{customer}/outreach/{held['id']}/results", {"result": "opened"}), 409, "rejected")
        assert refused["rule"] == "not-sent"
    problem(await api.post(f"/v1/contacts/{(await api.person())['id']}/outreach/{message['id']}/results", {"result": "opened"}), 404, "not-found")
    assert (await verify(store)).whole


async def test_nobody_is_written_to_who_is_not_there_or_asked_to_be_forgotten(api: Api) -> None:
    body = CAMPAIGN | {"campaign_id": str(uuid.uuid4())}
    problem(await api.post(f"/v1/contacts/{uuid.uuid4()}/outreach", body), 404, "not-found")
    customer, _ = await reached(api)
    message = await sent(api, customer)
    problem(await api.post(f"/v1/contacts/{customer}/outreach", body | {"id": message["id"]}), 409, "already-exists")
    ok(await api.post("/v1/privacy/erasures", {"customer_id": customer}), 201)
    problem(await api.post(f"/v1/contacts/{customer}/outreach", body), 410, "gone")
    problem(await api.post(f"/v1/contacts/{customer}/outreach", body | {"occurred_at": "2026-02-01T00:00:00Z"}), 410, "gone")
    problem(await api.post(f"/v1/contacts/{customer}/outreach/{message['id']}/results", {"result": "opened"}), 410, "gone")
