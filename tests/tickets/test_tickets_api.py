"""Does the tickets service keep its wire format, over real PostgreSQL?"""

import asyncio
import uuid
from typing import Any

import httpx2
from crm_chassis.issuer import EVERYTHING, Issuer
from crm_events.store.store import EventStore
from crm_events.store.verify import verify
from crm_tickets.app import tickets_app
from crm_tickets.settings import TicketsSettings
from problem_asserts import problem
from tickets_client import Desk, ok

TICKET = {
    "id", "version", "customer_id", "kind", "status", "priority", "category", "subject", "assignee_id", "opened_at", "first_response_at", "resolved_at",
    "closed_at", "escalations", "reopened_count", "links", "merged_into", "recoveries", "root_cause", "satisfaction", "clocks", "updated_at",
}  # fmt: skip
CLOCK = {"metric", "instance", "state", "target_minutes", "elapsed_minutes", "due_at", "stopped_at", "policy", "calendar"}


async def test_a_ticket_is_answered_with_every_field_of_its_resource(desk: Desk) -> None:
    category = await desk.category()
    answer = await desk.open(category=category, subject="دیر رسید", occurred_at="2024-03-01T16:30:00+01:00")
    ticket = ok(answer, 201)
    assert set(ticket) == TICKET and all(set(clock) == CLOCK for clock in ticket["clocks"])
    assert (ticket["status"], ticket["subject"], ticket["opened_at"]) == ("new", "دیر رسید", "2024-03-01T15:30:00.000Z")
    assert answer.headers["location"] == f"/v1/tickets/{ticket['id']}" and answer.headers["etag"] == f'"{ticket["version"]}"'
    assert answer.headers["consistency-token"].startswith("tickets.")
    first = next(clock for clock in ticket["clocks"] if clock["metric"] == "first_reply")
    assert (first["state"], first["due_at"], first["policy"], first["calendar"]) == ("breached", "2024-03-04T08:30:00.000Z", category, category)


async def test_a_first_reply_in_business_time_meets_its_target(desk: Desk) -> None:
    ticket = await desk.opened(category=await desk.category(), occurred_at="2024-03-01T16:30:00+01:00")
    said = ok(await desk.say(ticket, occurred_at="2024-03-04T09:20:00+01:00"), 201)
    assert set(said) == {"id", "ticket_id", "author", "visibility", "channel", "text", "occurred_at", "recorded_at"} and said["text"] == "…"
    first = await desk.clock(ticket, "first_reply")
    assert (first["state"], first["elapsed_minutes"], first["stopped_at"]) == ("met", 50, "2024-03-04T08:20:00.000Z")
    shown = await desk.read(ticket)
    assert (shown["status"], shown["first_response_at"]) == ("open", "2024-03-04T08:20:00.000Z")


async def test_the_conversation_is_read_from_the_stream_and_notes_are_not_for_the_customer(desk: Desk) -> None:
    ticket = await desk.opened(text="hello")
    for text, visibility in (("answer", "public"), ("note", "internal"), ("more", "public")):
        ok(await desk.say(ticket, text=text, visibility=visibility), 201)
    path = f"/v1/tickets/{ticket['id']}/messages"
    assert [item["text"] for item in ok(await desk.get(path))["items"]] == ["hello", "answer", "note", "more"]
    page = ok(await desk.get(f"{path}?limit=3"))
    assert [item["text"] for item in ok(await desk.get(f"{path}?limit=3&cursor={page['next']}"))["items"]] == ["more"]
    customer = desk.by("self", customer=ticket["customer_id"])
    shown = ok(await customer.get(path))["items"]
    assert [item["text"] for item in shown] == ["hello", "answer", "more"]
    note = ok(await desk.get(path))["items"][2]
    problem(await customer.get(f"{path}/{note['id']}"), 404, "not-found")
    assert ok(await desk.get(f"{path}/{ticket['id']}"))["text"] == "hello"


async def test_the_same_key_says_the_same_message_once(desk: Desk) -> None:
    ticket, key = await desk.opened(), uuid.uuid4().hex
    body = {"author": {"kind": "agent", "id": "a"}, "channel": "web", "text": "once"}
    first = await desk.post(f"/v1/tickets/{ticket['id']}/messages", body, key=key)
    again = await desk.post(f"/v1/tickets/{ticket['id']}/messages", body, key=key)
    assert ok(first, 201) == ok(again, 201) and again.headers["idempotency-replayed"] == "true"
    assert first.headers["location"] == again.headers["location"]
    assert len(ok(await desk.get(f"/v1/tickets/{ticket['id']}/messages"))["items"]) == 2
    problem(await desk.post(f"/v1/tickets/{ticket['id']}/messages", body | {"text": "twice"}, key=key), 422, "idempotency-key-reused")


async def test_the_same_opening_twice_makes_one_ticket_and_its_id_is_taken(desk: Desk) -> None:
    fields, key = {"id": str(uuid.uuid4()), "customer_id": str(uuid.uuid4())}, uuid.uuid4().hex
    assert ok(await desk.open(key=key, **fields), 201)["id"] == ok(await desk.open(key=key, **fields), 201)["id"] == fields["id"]
    assert problem(await desk.open(**fields), 409, "already-exists")["existing_id"] == fields["id"]


async def test_a_waiting_customer_is_answered_before_the_ticket_is_resolved(desk: Desk) -> None:
    ticket = await desk.opened()
    assert problem(await desk.resolve(ticket), 409, "rejected")["rule"] == "reply-first"
    ok(await desk.say(ticket), 201)
    done = ok(await desk.resolve(ticket))
    assert done["status"] == "resolved" and done["resolved_at"]
    assert ok(await desk.resolve(ticket))["version"] == done["version"]


async def test_closed_means_closed_but_for_reopening_and_rating(desk: Desk) -> None:
    ticket = await desk.opened(author={"kind": "system"})
    path = f"/v1/tickets/{ticket['id']}"
    assert problem(await desk.post(f"{path}/closure", {}), 409, "rejected")["rule"] == "not-resolved"
    ok(await desk.resolve(ticket))
    assert ok(await desk.post(f"{path}/closure", {}))["status"] == "closed"
    for refused in (
        await desk.say(ticket),
        await desk.resolve(ticket),
        await desk.put(f"{path}/status", {"status": "pending"}),
        await desk.put(f"{path}/priority", {"priority": "high"}),
        await desk.put(f"{path}/category", {"category": "x"}),
        await desk.put(f"{path}/assignee", {"agent_id": "x"}),
    ):
        assert problem(refused, 409, "rejected")["rule"] == "closed"
    rated = ok(await desk.post(f"{path}/satisfaction", {"score": 4, "effort": 2, "comment": "خوب"}))
    assert (rated["satisfaction"]["score"], rated["satisfaction"]["effort"], rated["satisfaction"]["comment"]) == (4, 2, "خوب")
    again = ok(await desk.post(f"{path}/reopening", {"reason": "not done"}))
    assert (again["status"], again["reopened_count"], again["resolved_at"], again["closed_at"]) == ("open", 1, None, None)


async def test_personal_text_is_sealed_at_rest_and_shown_only_to_whom_it_may_be(desk: Desk, store: EventStore) -> None:
    ticket = await desk.opened(subject="geheim-4711", text="secret-4711")
    rows = await store.pool.fetch("select payload::text as text from events where stream_id = $1::uuid", uuid.UUID(ticket["id"]))
    state = await store.pool.fetchval("select state::text from streams where stream_id = $1::uuid", uuid.UUID(ticket["id"]))
    assert "4711" not in state and all("4711" not in row["text"] for row in rows)
    blind = ok(await desk.by("tickets:read").get(f"/v1/tickets/{ticket['id']}"))
    assert blind["subject"] is None and blind["redacted"] == ["subject"]


async def test_a_customer_sees_and_touches_only_tickets_of_its_own(desk: Desk) -> None:
    mine, other = await desk.opened(), await desk.opened()
    customer = desk.by("self", customer=mine["customer_id"])
    assert ok(await customer.get(f"/v1/tickets/{mine['id']}"))["id"] == mine["id"]
    assert [item["id"] for item in ok(await customer.get("/v1/tickets"))["items"]] == [mine["id"]]
    problem(await customer.get(f"/v1/tickets/{other['id']}"), 404, "not-found")
    problem(await customer.get(f"/v1/tickets?customer_id={other['customer_id']}"), 404, "not-found")
    problem(await customer.open(), 404, "not-found")
    path, body = f"/v1/tickets/{other['id']}", {"channel": "web", "text": "x"}
    problem(await customer.post(f"{path}/messages", body), 404, "not-found")
    problem(await customer.post(f"{path}/reopening", {"reason": "x"}), 404, "not-found")
    said = ok(await customer.post(f"/v1/tickets/{mine['id']}/messages", body), 201)
    assert said["author"]["kind"] == "customer"
    for lie in ({"author": {"kind": "agent", "id": "a"}}, {"visibility": "internal"}):
        problem(await customer.post(f"/v1/tickets/{mine['id']}/messages", body | lie), 403, "forbidden")
    problem(await customer.open(customer_id=mine["customer_id"], author={"kind": "agent"}), 403, "forbidden")
    problem(await customer.put(f"/v1/tickets/{mine['id']}/priority", {"priority": "urgent"}), 403, "forbidden")


async def test_a_customer_reopens_rates_and_closes_his_own_ticket(desk: Desk) -> None:
    ticket = await desk.opened()
    ok(await desk.say(ticket), 201)
    ok(await desk.resolve(ticket))
    customer, path = desk.by("self", customer=ticket["customer_id"]), f"/v1/tickets/{ticket['id']}"
    assert ok(await customer.post(f"{path}/satisfaction", {"score": 2}))["satisfaction"]["score"] == 2
    assert ok(await customer.post(f"{path}/reopening", {"reason": "still broken"}))["status"] == "open"
    assert problem(await desk.resolve(ticket), 409, "rejected")["rule"] == "reply-first"
    ok(await desk.say(ticket), 201)
    ok(await desk.resolve(ticket))
    assert ok(await customer.post(f"{path}/closure", {}))["status"] == "closed"


async def test_tickets_of_a_merged_customer_are_found_under_each_of_its_ids(desk: Desk, store: EventStore) -> None:
    one, two = await desk.opened(), await desk.opened()
    await store.pool.execute(
        "insert into customer_edge (customer_id, merged_into, position) values ($1, $2, 1)", uuid.UUID(two["customer_id"]), uuid.UUID(one["customer_id"])
    )
    for ticket in (one, two):
        found = ok(await desk.get(f"/v1/tickets?customer_id={ticket['customer_id']}"))["items"]
        assert {item["id"] for item in found} == {one["id"], two["id"]}
    assert ok(await desk.by("self", customer=one["customer_id"]).get(f"/v1/tickets/{two['id']}"))["customer_id"] == two["customer_id"]


async def test_nothing_personal_is_taken_of_a_customer_who_asked_to_be_forgotten(desk: Desk, store: EventStore) -> None:
    ticket = await desk.opened()
    await store.pool.execute("insert into customer_edge (customer_id, position, erased) values ($1, 1, true)", uuid.UUID(ticket["customer_id"]))
    problem(await desk.open(customer_id=ticket["customer_id"]), 410, "gone")
    problem(await desk.say(ticket), 410, "gone")
    problem(await desk.resolve(ticket), 410, "gone")
    problem(await desk.post(f"/v1/tickets/{ticket['id']}/satisfaction", {"score": 3}), 410, "gone")
    assert ok(await desk.get(f"/v1/tickets/{ticket['id']}"))["id"] == ticket["id"]


async def test_lists_are_filtered_sorted_and_paged(desk: Desk) -> None:
    category, customer = await desk.category(targets={"first_reply": 600_000}), str(uuid.uuid4())
    opened = [await desk.opened(category=category, customer_id=customer, occurred_at=f"2026-03-0{day}T10:00:00Z") for day in (1, 3, 2)]
    path, newest = f"/v1/tickets?customer_id={customer}", [opened[1]["id"], opened[2]["id"], opened[0]["id"]]
    assert await ids(desk, path) == newest
    assert await ids(desk, f"{path}&sort=breach_at") == newest[::-1] == await ids(desk, f"{path}&sort=opened_at")
    first = ok(await desk.get(f"{path}&limit=2"))
    assert [item["id"] for item in first["items"]] == newest[:2] and await ids(desk, f"{path}&limit=2&cursor={first['next']}") == newest[2:]
    ok(await desk.put(f"/v1/tickets/{opened[0]['id']}/assignee", {"agent_id": "ann", "group": "g"}))
    ok(await desk.put(f"/v1/tickets/{opened[1]['id']}/status", {"status": "pending"}))
    ok(await desk.put(f"/v1/tickets/{opened[2]['id']}/priority", {"priority": "urgent"}))
    for filters, wanted in (
        ("status=open", [0]), ("status=pending,open", [1, 0]), ("assignee_id=ann", [0]), ("priority=urgent", [2]), ("priority=low", []),
        ("sla_state=running", [1, 2, 0]), ("sla_state=breached,met", []),
    ):  # fmt: skip
        assert await ids(desk, f"{path}&{filters}") == [opened[number]["id"] for number in wanted], filters
    problem(await desk.get(f"{path}&cursor=nonsense"), 400, "bad-cursor")
    problem(await desk.get(f"{path}&sort=subject"), 422, "invalid-request")
    problem(await desk.get(f"{path}&color=red"), 422, "invalid-request")


async def test_a_promise_broken_but_not_yet_written_is_listed_as_broken(desk: Desk) -> None:
    category, customer = await desk.category(), str(uuid.uuid4())
    ticket = await desk.opened(category=category, customer_id=customer, occurred_at="2024-03-04T10:00:00Z")
    assert await ids(desk, f"/v1/tickets?customer_id={customer}&sla_state=breached") == [ticket["id"]]
    assert await ids(desk, f"/v1/tickets?customer_id={customer}&sla_state=running") == []


async def ids(desk: Desk, path: str) -> list[str]:
    return [item["id"] for item in ok(await desk.get(path))["items"]]


async def test_of_fifty_that_change_the_same_version_exactly_one_wins(desk: Desk, second_process: Desk) -> None:
    ticket = await desk.opened()
    path, etag = f"/v1/tickets/{ticket['id']}/priority", f'"{ticket["version"]}"'
    order = ["low", "high", "urgent"]
    answers = await asyncio.gather(*((desk, second_process)[number % 2].put(path, {"priority": order[number % 3]}, If_Match=etag) for number in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 49
    lost = next(answer for answer in answers if answer.status_code == 412)
    assert problem(lost, 412, "version-conflict")["current_version"] > ticket["version"]


async def test_messages_said_at_once_through_two_processes_are_all_kept(desk: Desk, second_process: Desk) -> None:
    ticket = await desk.opened()
    answers = await asyncio.gather(*((desk, second_process)[number % 2].say(ticket, text=str(number)) for number in range(12)))
    kept = [str(number) for number, answer in enumerate(answers) if answer.status_code == 201]
    assert all(answer.status_code in (201, 409) for answer in answers)
    said = ok(await desk.get(f"/v1/tickets/{ticket['id']}/messages"))["items"]
    assert sorted(item["text"] for item in said[1:]) == sorted(kept) and kept


async def test_a_policy_holds_for_the_ticket_opened_right_after_it_in_another_process_too(desk: Desk, second_process: Desk) -> None:
    category = await desk.category(targets={"first_reply": 5})
    assert [clock["target_minutes"] for clock in (await desk.opened(category=category))["clocks"]] == [5]
    ticket = await desk.opened(category=category)

    async def heard() -> dict[str, Any]:
        while (answer := await second_process.say(ticket)).status_code == 503:
            assert answer.headers["retry-after"]
        return ok(answer, 201)

    await asyncio.wait_for(heard(), 10)
    assert (await desk.clock(ticket, "first_reply"))["state"] == "met"


async def test_a_disabled_policy_breaks_no_promise(desk: Desk) -> None:
    category = await desk.category(targets={"first_reply": 60})
    ticket = await desk.opened(category=category, occurred_at="2024-03-04T09:00:00+01:00")
    told = ok(await desk.get(f"/v1/sla-policies/{category}"))
    told = {name: told[name] for name in ("rank", "when", "targets", "calendar", "pauses", "on_reopen")}
    ok(await desk.put(f"/v1/sla-policies/{category}", told | {"enabled": False, "valid_from": "2024-03-04T09:30:00+01:00"}))
    clock = await desk.clock(ticket, "first_reply")
    assert (clock["state"], clock["stopped_at"], clock["elapsed_minutes"]) == ("cancelled", "2024-03-04T08:30:00.000Z", 30)


async def test_a_policy_and_a_calendar_told_again_are_no_new_version(desk: Desk) -> None:
    name = await desk.category()
    for path in (f"/v1/sla-policies/{name}", f"/v1/calendars/{name}"):
        first = ok(await desk.get(path))
        body = {key: value for key, value in first.items() if key not in ("name", "version", "recorded_at")}
        assert ok(await desk.put(path, body))["version"] == 1
        body.pop("valid_from")
        assert ok(await desk.put(path, body))["version"] == 1
    assert ok(await desk.put(f"/v1/sla-policies/{name}", {"rank": 9, "targets": {}, "calendar": name}))["version"] == 2
    assert name in [item["name"] for item in ok(await desk.get("/v1/sla-policies?limit=200"))["items"]]
    assert name in [item["name"] for item in ok(await desk.get("/v1/calendars?limit=200"))["items"]]


async def test_a_promise_that_could_not_be_kept_is_not_taken(desk: Desk) -> None:
    calendar = {"time_zone": "Europe/Berlin", "week": {"mon": [["09:00", "12:00"]]}}
    for wrong in ({"time_zone": "Mars/Base"}, {"week": {}}, {"week": {"mon": [["09:00", "12:00"], ["11:00", "13:00"]]}}, {"week": {"mon": [["12:00", "09:00"]]}}, {"week": {"mon": [["25:00", "26:00"]]}}):  # fmt: skip  # noqa: E501
        problem(await desk.put(f"/v1/calendars/{uuid.uuid4().hex}", calendar | wrong), 422, "invalid-request")
    named = problem(await desk.put("/v1/sla-policies/x", {"rank": 1, "targets": {}, "calendar": uuid.uuid4().hex}), 422, "invalid-request")
    assert named["errors"][0]["pointer"] == "/calendar"
    problem(await desk.by("tickets:write").put("/v1/calendars/x", calendar), 403, "forbidden")


async def test_what_does_not_fit_is_refused_with_a_pointer_and_nothing_is_written(desk: Desk) -> None:
    ticket = await desk.opened()
    path = f"/v1/tickets/{ticket['id']}"
    problem(await desk.post(f"{path}/satisfaction", {"score": 6}), 422, "invalid-request")
    problem(await desk.put(f"{path}/status", {"status": "resolved"}), 422, "invalid-request")
    problem(await desk.open(requested_for={"from": "2024-01-02T00:00:00Z", "to": "2024-01-01T00:00:00Z"}), 422, "invalid-request")
    problem(await desk.open(occurred_at="2199-01-01T00:00:00Z"), 422, "invalid-request")
    early = problem(await desk.say(ticket, occurred_at="2001-01-01T00:00:00Z"), 422, "invalid-request")
    assert early["errors"][0]["pointer"] == "/occurred_at"
    problem(await desk.get(f"/v1/tickets/{uuid.uuid4()}"), 404, "not-found")
    problem(await desk.say({"id": str(uuid.uuid4())}), 404, "not-found")
    assert (await desk.read(ticket))["version"] == ticket["version"]


async def test_satisfaction_is_asked_of_resolved_tickets_only(desk: Desk) -> None:
    ticket = await desk.opened()
    assert problem(await desk.post(f"/v1/tickets/{ticket['id']}/satisfaction", {"score": 5}), 409, "rejected")["rule"] == "not-resolved"


async def test_a_read_that_knows_the_version_is_spared_the_body(desk: Desk) -> None:
    ticket = await desk.opened()
    answer = await desk.get(f"/v1/tickets/{ticket['id']}", If_None_Match=f'"{ticket["version"]}"')
    assert answer.status_code == 304


async def test_a_log_of_the_past_is_filled_in_once_however_often_it_is_sent(desk: Desk, store: EventStore) -> None:
    category, lines = await desk.category(valid_from="2010-01-01T00:00:00Z"), list[dict[str, Any]]()
    for number in range(3):
        ticket = {"ticket_id": str(uuid.uuid4())}
        opening = {"id": ticket["ticket_id"], "customer_id": str(uuid.uuid4()), "kind": "request", "channel": "phone", "subject": "s", "text": "t"}
        opening |= {"priority": "normal", "category": category, "author": {"kind": "system"}, "occurred_at": "2012-10-09T14:50:17+02:00"}
        for operation, path, body in (
            ("openTicket", {}, opening),
            ("assignTicket", ticket, {"agent_id": "value-1", "occurred_at": "2012-10-09T14:51:01+02:00"}),
            ("resolveTicket", ticket, {"resolution": "r", "agent_id": "value-1", "occurred_at": "2012-10-10T11:50:17+02:00"}),
            ("closeTicket", ticket, {"occurred_at": "2012-11-09T12:54:39+01:00"}),
        ):
            lines.append({"operation": operation, "key": f"log-{category}-{number}-{operation}", "path": path, "body": body})
    first, count = await desk.commands(lines), await store.pool.fetchval("select count(*) from events")
    again = await desk.commands(lines)
    assert [line["status"] for line in first] == [line["status"] for line in again] == [201, 200, 200, 200] * 3
    assert await store.pool.fetchval("select count(*) from events") == count
    shown = first[-1]["body"]
    assert (shown["status"], shown["first_response_at"], shown["resolved_at"]) == ("closed", None, "2012-10-10T09:50:17.000Z")
    assert [(clock["metric"], clock["state"], clock["elapsed_minutes"]) for clock in shown["clocks"]] == [("resolution", "met", 300)]


async def test_the_timer_writes_what_time_has_broken(tickets_settings: TicketsSettings, issuer: Issuer) -> None:
    app = tickets_app(tickets_settings.model_copy(update={"timer": True}))
    async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://tickets-3") as http:
        desk = Desk(http, issuer, issuer.token(EVERYTHING))
        always = {"time_zone": "UTC", "week": {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}}
        name = uuid.uuid4().hex
        ok(await desk.put(f"/v1/calendars/{name}", always))
        ok(await desk.put(f"/v1/sla-policies/{name}", {"rank": 0, "when": {"categories": [name]}, "targets": {"first_reply": 0}, "calendar": name}))
        ticket = await desk.opened(category=name)
        written = "select metadata ->> 'actor' from events where stream_id = $1 and type = 'sla.clock_breached'"
        async with asyncio.timeout(20):
            while (actor := await app.state.store.pool.fetchval(written, uuid.UUID(ticket["id"]))) is None:
                await asyncio.sleep(0.05)
        assert actor == "timer" and (await desk.clock(ticket, "first_reply"))["state"] == "breached"


async def test_the_rows_are_the_fold_of_their_events(desk: Desk, store: EventStore) -> None:
    ticket = await desk.opened(category=await desk.category())
    ok(await desk.say(ticket), 201)
    ok(await desk.say(ticket, kind="customer"), 201)
    verdict = await verify(store)
    assert verdict.whole and verdict.streams > 2, verdict.differences
