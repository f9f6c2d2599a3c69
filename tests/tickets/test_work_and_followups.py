"""Is time worked kept as it was told, and is a follow-up done once, missed by time alone, and done late all the same?"""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from crm_events.command import Command
from crm_events.deciding import At, Fact
from crm_events.language.service_work import FollowupDone, FollowupMissed, FollowupScheduled
from crm_events.refusals import Invalid
from crm_events.store.store import EventStore
from crm_tickets import followup
from crm_tickets.followup import FOLLOWUPS, Followup
from tickets_client import Desk, ok

WORK: dict[str, Any] = {"agent_id": "agent-7", "role": "support", "activity": "پیگیری تلفنی", "goal": "service", "seconds": 900, "customer_facing": True}
DUE = datetime(2026, 3, 1, 9, tzinfo=UTC)


async def promised(desk: Desk, **fields: Any) -> dict[str, Any]:
    told = {"customer_id": str(uuid.uuid4()), "about_id": str(uuid.uuid4()), "due_at": (datetime.now(UTC) + timedelta(days=3)).isoformat()}
    return ok(await desk.post("/v1/followups", told | fields), 201)


async def kinds(store: EventStore, one: dict[str, Any]) -> list[str]:
    return [row["type"] for row in await store.pool.fetch("select type from events where stream_id = $1 order by version", uuid.UUID(one["id"]))]


# -- work


async def test_work_on_a_ticket_is_its_customers_and_other_work_is_nobodys(desk: Desk, store: EventStore) -> None:
    ticket = await desk.opened()
    on_it = ok(await desk.post("/v1/work", WORK | {"ticket_id": ticket["id"], "occurred_at": "2026-03-01T08:00:00Z"}), 201)
    beside = ok(await desk.post("/v1/work", {name: value for name, value in WORK.items() if name != "goal"} | {"agent_id": "agent-9"}), 201)
    assert {name: on_it[name] for name in WORK} == WORK and on_it["occurred_at"] == "2026-03-01T08:00:00.000Z"
    assert (on_it["customer_id"], beside["customer_id"], beside["goal"]) == (ticket["customer_id"], None, None)
    keys = {row["stream_id"]: row["customer_id"] for row in await store.pool.fetch("select stream_id, customer_id from events where type = 'work.logged'")}
    assert keys[uuid.UUID(on_it["id"])] == uuid.UUID(ticket["customer_id"]) and keys[uuid.UUID(beside["id"])] == uuid.UUID(beside["id"])
    for asked, found in ((f"ticket_id={ticket['id']}", [on_it]), (f"customer_id={ticket['customer_id']}", [on_it]), ("agent_id=agent-9", [beside])):
        assert ok(await desk.get(f"/v1/work?{asked}"))["items"] == found
    assert ok(await desk.get(f"/v1/work/{beside['id']}")) == beside


async def test_work_that_makes_no_sense_is_refused(desk: Desk, store: EventStore) -> None:
    forgotten = await desk.opened()
    await store.pool.execute("insert into customer_edge (customer_id, position, erased) values ($1, 1, true)", uuid.UUID(forgotten["customer_id"]))
    for body in ({"seconds": 0}, {"seconds": 86_401}, {"ticket_id": str(uuid.uuid4())}, {"goal": "fun"}, {"occurred_at": "2999-01-01T00:00:00Z"}):
        assert (await desk.post("/v1/work", WORK | body)).status_code == 422, body
    assert (await desk.post("/v1/work", WORK | {"ticket_id": forgotten["id"]})).status_code == 410
    of_somebody = await desk.opened()
    answer = await desk.post("/v1/work", WORK | {"ticket_id": of_somebody["id"], "id": of_somebody["customer_id"]})
    assert answer.status_code == 422 and answer.json()["errors"][0]["code"] == "the-customers", "it would look like nobody's"
    known = ok(await desk.post("/v1/work", WORK), 201)
    taken = await desk.post("/v1/work", WORK | {"id": known["id"]})
    assert (taken.status_code, taken.json()["type"]) == (409, "/problems/already-exists")


# -- follow-ups: the rule alone


def story(*events: Any) -> Followup:
    state = Followup()
    for event, at in events:
        state = followup.evolve(state, Fact(event, uuid.uuid4(), at))
    return state


def scheduled(at: datetime = DUE - timedelta(days=2)) -> tuple[FollowupScheduled, datetime]:
    return FollowupScheduled(followup_id=uuid.uuid4(), about_id=uuid.uuid4(), due_at=DUE, agent_id="agent-7"), at


def test_it_is_missed_as_of_the_moment_it_was_due_and_only_once_that_is_over() -> None:
    known = story(scheduled())
    assert followup.advance(known, DUE) == [], "in the last moment it is still in time"
    [missed] = followup.advance(known, DUE + timedelta(days=9))
    assert isinstance(missed, At) and isinstance(missed.event, FollowupMissed) and missed.occurred_at == DUE
    assert followup.advance(followup.evolve(known, Fact(missed.event, uuid.uuid4(), DUE)), DUE + timedelta(days=9)) == [], "once"


@pytest.mark.parametrize(
    ("after", "late"), [(timedelta(hours=-1), 0), (timedelta(), 0), (timedelta(milliseconds=1), 1), (timedelta(seconds=90), 90), (timedelta(days=2), 172_800)]
)
def test_how_late_it_was_done_is_told_by_when_it_happened(after: timedelta, late: int) -> None:
    known = story(scheduled())
    known = story(scheduled(), (FollowupMissed(followup_id=known.followup_id, about_id=known.about_id, due_at=DUE), DUE))
    [done] = followup.complete(known, agent_id="agent-9", at=DUE + after)
    assert isinstance(done, FollowupDone) and (done.late_seconds, done.agent_id) == (late, "agent-9")
    with pytest.raises(Invalid):
        followup.complete(known, agent_id=None, at=DUE - timedelta(days=3))


# -- follow-ups: over HTTP


async def test_time_alone_misses_it_and_it_is_done_late(desk: Desk, store: EventStore) -> None:
    one = await promised(desk, due_at=DUE.isoformat(), occurred_at="2026-02-27T09:00:00Z", agent_id="agent-7")
    assert ok(await desk.get(f"/v1/followups/{one['id']}"))["state"] == "missed", "shown so before the event is written"
    await asyncio.gather(*(store.advance(FOLLOWUPS, uuid.UUID(one["id"]), Command(uuid.uuid4(), b"t", "timer")) for _ in range(2)))
    assert await kinds(store, one) == ["followup.scheduled", "followup.missed"]
    done = ok(await desk.post(f"/v1/followups/{one['id']}/completion", {"occurred_at": (DUE + timedelta(hours=1)).isoformat()}))
    assert (done["state"], done["late_seconds"], done["agent_id"]) == ("done", 3600, "agent-7")
    assert await kinds(store, one) == ["followup.scheduled", "followup.missed", "followup.done"]


async def test_of_two_at_once_one_has_done_it(desk: Desk, second_process: Desk, store: EventStore) -> None:
    one = await promised(desk)
    path = f"/v1/followups/{one['id']}/completion"
    answers = await asyncio.gather(*(at.post(path, {"agent_id": f"agent-{number}"}) for number, at in enumerate((desk, second_process, desk))))
    assert len({ok(answer)["agent_id"] for answer in answers}) == 1, "all are told who did it"
    assert await kinds(store, one) == ["followup.scheduled", "followup.done"]


async def test_what_is_due_soonest_is_listed_first(desk: Desk, store: EventStore) -> None:
    customer, now = str(uuid.uuid4()), datetime.now(UTC)
    told = {"customer_id": customer, "occurred_at": (now - timedelta(days=9)).isoformat()}
    made = [await promised(desk, due_at=(now + timedelta(days=days)).isoformat(), **told) for days in (5, -2, 1)]
    ok(await desk.post(f"/v1/followups/{made[0]['id']}/completion", {}))

    async def listed(asked: str) -> list[Any]:
        return [one["id"] for one in ok(await desk.get(f"/v1/followups?customer_id={customer}&{asked}"))["items"]]

    soonest = [made[number]["id"] for number in (1, 2, 0)]
    soon = (now + timedelta(days=2)).isoformat().replace("+00:00", "Z")
    cases = (("", soonest), ("state=open", soonest[:2]), ("state=missed", soonest[:1]), ("state=scheduled", soonest[1:2]), ("state=done", soonest[2:]),
             (f"due_before={soon}", soonest[:2]))  # fmt: skip
    for asked, found in cases:
        assert await listed(asked) == found, asked
    survivor = str(uuid.uuid4())
    await store.pool.execute("insert into customer_edge (customer_id, merged_into, position) values ($1, $2, 1)", uuid.UUID(customer), uuid.UUID(survivor))
    assert [one["id"] for one in ok(await desk.get(f"/v1/followups?customer_id={survivor}"))["items"]] == soonest, "found under the survivor"
    await store.pool.execute("update customer_edge set erased = true where customer_id = $1", uuid.UUID(customer))
    assert await listed("state=open") == [], "nobody calls a customer who was forgotten"


async def test_a_followup_that_makes_no_sense_is_refused(desk: Desk) -> None:
    ticket = await desk.opened()
    told = {"customer_id": str(uuid.uuid4()), "about_id": ticket["id"], "due_at": "2026-03-01T09:00:00Z"}
    for body in ({}, {"customer_id": ticket["customer_id"]}, {"about_id": "x"}):  # another's ticket; due before it was promised; no id
        assert (await desk.post("/v1/followups", told | body)).status_code == 422, body
    assert (await desk.post(f"/v1/followups/{uuid.uuid4()}/completion", {})).status_code == 404
    one = await promised(desk)
    assert (await desk.post("/v1/followups", told | {"about_id": str(uuid.uuid4()), "id": one["id"], "due_at": one["due_at"]})).status_code == 409
    assert (await desk.by("self", customer=one["customer_id"]).get(f"/v1/followups/{one['id']}")).status_code == 403
