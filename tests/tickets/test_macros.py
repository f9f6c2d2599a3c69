"""Does one click do what its steps would do one by one, all of them or none, by the version that was in force?"""

import uuid
from typing import Any

import pytest
from crm_events.language.procedure import MacroApplied, MacroDefined, MacroStep
from crm_events.language.tickets import TicketAssigned, TicketClosed, TicketMessageAdded, TicketPrioritySet, TicketResolved
from crm_events.refusals import Invalid, Rejected
from crm_events.store.store import EventStore
from crm_tickets import macro
from crm_tickets.macro import Telling
from ticket_story import LONG_AGO, TICKET, WORKDAY, Story, Tell, kinds
from tickets_client import Desk, ok

WORDS = {"reply": "می‌فرستیم", "note": "تکراری", "resolution": "فرستادیم"}


def applied(told: Story, at: str, *steps: MacroStep, **words: str) -> list[Any]:
    known = MacroDefined(name="m", version=3, steps=steps, valid_from=LONG_AGO)
    telling = Telling("ann", "email", words, {"reply": uuid.uuid4(), "note": uuid.uuid4()})
    return told.tell(at, macro.apply, ticket_id=TICKET, macro=known, telling=telling, promises=told.promises)


ALL = (
    MacroStep(do="assign", agent_id="bea", group="second"), MacroStep(do="set_priority", priority="high"), MacroStep(do="categorise", category="late"),
    MacroStep(do="escalate", to="lead"), MacroStep(do="note"), MacroStep(do="reply"), MacroStep(do="resolve", root_cause="courier"), MacroStep(do="close"),
)  # fmt: skip


def test_every_step_does_what_its_own_command_would(story: Tell) -> None:
    told, by_hand = story(WORKDAY), story(WORKDAY)
    for each in (told, by_hand):
        each.open("2024-03-04T09:00")
    events = applied(told, "2024-03-04T09:30", *ALL, **WORDS)
    assert events[0] == MacroApplied(macro="m", version=3, steps=tuple(step.do for step in ALL))
    by_hand.assign("2024-03-04T09:30", "bea", "second")
    by_hand.priority("2024-03-04T09:30", "high")
    by_hand.categorise("2024-03-04T09:30", "late")
    by_hand.say("2024-03-04T09:30", visibility="internal")
    by_hand.say("2024-03-04T09:30", channel="email")
    by_hand.resolve("2024-03-04T09:30")
    by_hand.close("2024-03-04T09:30")
    assert {kind for kind in kinds(events) if kind is not MacroApplied} >= {TicketAssigned, TicketPrioritySet, TicketMessageAdded, TicketResolved, TicketClosed}
    assert told.ticket.clocks == by_hand.ticket.clocks and told.ticket.attempts == by_hand.ticket.attempts
    one, other = told.ticket.standing(), by_hand.ticket.standing()
    assert (one.status, one.assignee, one.group, one.priority, one.category, one.replies) == ("closed", "bea", "second", "high", "late", 1)
    assert one._replace(first_answer=None) == other._replace(first_answer=None)
    assert [(each.to, each.cause) for each in told.ticket.escalations] == [("lead", "macro")]


def test_where_one_step_may_not_be_done_none_is(story: Tell) -> None:
    told = story(WORKDAY)
    told.open("2024-03-04T09:00")
    before = told.ticket
    with pytest.raises(Rejected) as refused:
        applied(told, "2024-03-04T09:30", ALL[0], ALL[6], resolution="…")
    assert (refused.value.rule, refused.value.extra["step"], told.ticket) == ("reply-first", 1, before)


def test_the_words_are_those_that_are_said(story: Tell) -> None:
    told = story(WORKDAY)
    told.open("2024-03-04T09:00")
    for steps, words in (((MacroStep(do="reply"),), {}), ((MacroStep(do="close"),), {"reply": "x"}), ((MacroStep(do="reply"),), {"note": "x", "reply": "x"})):
        with pytest.raises(Invalid):
            applied(told, "2024-03-04T09:30", *steps, **words)
    assert kinds(applied(told, "2024-03-04T09:40", MacroStep(do="set_priority", priority="normal"))) == [MacroApplied], "it was so already"


# -- over HTTP


async def defined(desk: Desk, *steps: dict[str, Any], name: str | None = None, **more: Any) -> str:
    name = name or f"m{uuid.uuid4().hex[:10]}"
    ok(await desk.put(f"/v1/macros/{name}", {"steps": list(steps), "valid_from": "2020-01-01T00:00:00Z"} | more))
    return name


async def test_a_macro_is_applied_once_a_key_and_by_the_version_of_its_time(desk: Desk, store: EventStore) -> None:
    name = await defined(desk, {"do": "assign", "group": "accounts"}, {"do": "reply"})
    await defined(desk, {"do": "assign", "group": "head-office"}, name=name, valid_from="2024-06-01T00:00:00Z")
    assert ok(await desk.get(f"/v1/macros/{name}"))["version"] == 2
    ticket = await desk.opened(occurred_at="2024-03-04T09:00:00Z")
    path, body = f"/v1/tickets/{ticket['id']}/macros", {"macro": name, "channel": "email", "reply": "می‌فرستیم", "occurred_at": "2024-03-04T10:00:00Z"}
    done = ok(await desk.post(path, body, key="once"))
    assert (await desk.post(path, body, key="once")).headers["Idempotency-Replayed"] == "true"
    assert (done["status"], done["first_response_at"]) == ("open", "2024-03-04T10:00:00.000Z")
    rows = await store.pool.fetch("select payload ->> 'version' as v from events where stream_id = $1 and type = 'macro.applied'", uuid.UUID(ticket["id"]))
    assert [row["v"] for row in rows] == ["1"]
    words = ok(await desk.get(f"/v1/tickets/{ticket['id']}/messages"))["items"]
    assert [(each["text"], each["channel"]) for each in words] == [("t", "web"), ("می‌فرستیم", "email")]
    stored = await store.pool.fetchval("select payload ->> 'text' from events where stream_id = $1 and type = 'ticket.message_added'", uuid.UUID(ticket["id"]))
    assert stored.startswith("s1.")


async def test_what_makes_no_sense_is_refused_by_name(desk: Desk) -> None:
    for steps in ([], [{"do": "fly"}], [{"do": "assign"}], [{"do": "close"}, {"do": "close"}], [{"do": "reply", "text": "x"}], [{"do": "set_priority"}]):
        assert (await desk.put("/v1/macros/odd", {"steps": steps})).status_code == 422
    name, ticket = await defined(desk, {"do": "resolve"}), await desk.opened()
    path = f"/v1/tickets/{ticket['id']}/macros"
    refused = (await desk.post(path, {"macro": name, "resolution": "شد"})).json()
    assert (refused["status"], refused["rule"], refused["step"]) == (409, "reply-first", 0)
    for body, pointer in (({"macro": name}, "/resolution"), ({"macro": "unheard-of"}, "/macro"), ({"macro": name, "resolution": "x", "note": "y"}, "/note")):
        answer = await desk.post(path, body)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert (await desk.post(f"/v1/tickets/{uuid.uuid4()}/macros", {"macro": name, "resolution": "x"})).status_code == 404
    assert (await desk.by("tickets:write").put("/v1/macros/odd", {"steps": [{"do": "close"}]})).status_code == 403
    assert (await desk.get("/v1/macros/unheard-of")).status_code == 404


async def test_a_procedure_has_versions_and_the_same_again_is_nothing_new(desk: Desk) -> None:
    name = f"p{uuid.uuid4().hex[:10]}"
    body = {"when": {"kinds": ["complaint"], "categories": ["late"]}, "steps": ["opened", "assigned", "first_response", "resolved", "closed"]}
    assert ok(await desk.put(f"/v1/procedures/{name}", body))["version"] == 1
    assert ok(await desk.put(f"/v1/procedures/{name}", body))["version"] == 1
    changed = ok(await desk.put(f"/v1/procedures/{name}", body | {"steps": ["opened", "closed"], "valid_from": "2020-01-01T00:00:00Z"}))
    assert (changed["version"], changed["steps"], changed["valid_from"]) == (2, ["opened", "closed"], "2020-01-01T00:00:00.000Z")
    assert ok(await desk.get(f"/v1/procedures/{name}")) == changed
    assert name in [each["name"] for each in ok(await desk.get("/v1/procedures?limit=200"))["items"]]
    for steps in ([], ["flown"]):
        assert (await desk.put(f"/v1/procedures/{name}", body | {"steps": steps})).status_code == 422
    assert (await desk.get("/v1/procedures/unheard-of")).status_code == 404
