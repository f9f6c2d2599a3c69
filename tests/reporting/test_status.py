"""Does the status tell what is late, stuck, lost or slow, each from what really is so, and who leads?"""

import json
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from contacts_client import Api, ok, problem
from crm_events.lease import acquire, release
from crm_events.relaying.checkpoint import lead
from crm_reporting import ailing, status
from crm_reporting.ailing import Ailments
from reporting_story import Story


async def verdict(api: Api, name: str) -> dict[str, Any]:
    return dict(ok(await api.get("/v1/operations/status"))[name])


async def test_nothing_is_wrong_with_what_has_just_begun(api: Api) -> None:
    told = ok(await api.get("/v1/operations/status"))
    assert told["ok"] and [told[name]["ok"] for name in ("late", "stuck", "lost", "slow")] == [True, True, None, True]
    assert told["lost"]["reasons"] == ["it was never compared"]


async def test_parked_customers_broken_partitions_and_failed_builds_are_stuck(api: Api, story: Story, project: Any, connection: asyncpg.Connection) -> None:
    customer = await story.person()
    await project([story.teller.record("contact.details_changed", b'{"name": 7}', customer, source="contacts")])
    assert (await verdict(api, "stuck"))["reasons"] == ["the events of 1 customers are parked"]
    await connection.execute("update offsets set broken = 'chain'")
    await connection.execute("insert into builds (build, definition, state, reason) values ('b9', 'x', 'building', 'its process ended')")
    told = await verdict(api, "stuck")
    assert (told["ok"], told["figure"], len(told["reasons"])) == (False, 3, 3)
    assert "build b9: its process ended" in told["reasons"] and any("stands still" in reason for reason in told["reasons"])
    checks = (await api.get("/readyz")).json()["checks"]
    assert "stand still: contacts/" in checks["partitions"]["reason"] and checks["parked"]["ok"], "one parked customer is no reason yet"


async def test_readiness_tells_of_many_parked_and_of_a_composer_that_is_behind(api: Api, story: Story, connection: asyncpg.Connection) -> None:
    await story.person()
    await connection.execute(
        "insert into b1.parked (source, customer_id, reason, event_id, type, position) "
        "select 'contacts', gen_random_uuid(), 'x', gen_random_uuid(), 'x', n from generate_series(1, $1) n",
        ailing.MANY + 1,
    )
    await connection.execute("update journal set applied_at = applied_at - interval '2 minutes'")
    answer = await api.get("/readyz")
    checks = answer.json()["checks"]
    assert answer.status_code == 200 and checks["parked"]["reason"] == "the events of 101 customers wait for an operator"
    assert checks["composer"]["reason"].startswith("1 events are not composed, the oldest for 12")
    late = await verdict(api, "late")
    assert not late["ok"] and late["figure"] >= 120 and "wait for the composer" in late["reasons"][0]


async def test_what_the_last_comparison_found_is_lost(api: Api, connection: asyncpg.Connection) -> None:
    places = {"store": None, "topic": {"events": 9}, "journal": {"events": 8}}
    one = {"source": "tickets", "equal": False, **places, "missing_in_topic": ["a"], "missing": [], "doubled": ["b", "c"], "strange": []}
    await connection.execute("insert into reconciliation (equal, report) values (false, $1)", json.dumps([one]))
    told = await verdict(api, "lost")
    assert (told["ok"], told["figure"], told["reasons"]) == (False, 3, ["tickets: 1 missing in topic", "tickets: 2 doubled"])
    await connection.execute("insert into reconciliation (equal, report, at) values (true, '[]', now() - interval '3 days')")
    told = await verdict(api, "lost")
    assert (told["ok"], told["figure"], told["reasons"]) == (True, 0, ["compared last 3 days ago"])


async def test_leaders_are_told_with_epoch_and_end_and_one_that_is_gone_is_stuck(api: Api, connection: asyncpg.Connection) -> None:
    assert ok(await api.get("/v1/operations/leaders"))["unknown"] == ["contacts", "loyalty", "tickets"]
    await lead(connection, "reporting", "host:1:abc", seconds=60)
    held = await acquire(connection, "feed", "host:2:def", seconds=60)
    assert held is not None
    told = ok(await api.get("/v1/operations/leaders"))
    rows = [(row["source"], row["task"], row["owner"], row["epoch"], row["leads"]) for row in told["leaders"]]
    assert rows == [("reporting", "feed", "host:2:def", 1, True), ("reporting", "relay", "host:1:abc", 1, True)]
    assert told["readers"] is None and all(datetime.fromisoformat(row["until"]) > datetime.now(UTC) for row in told["leaders"])
    await release(connection, held)
    now_and_then = await acquire(connection, "reconcile", "host:3:ghi", seconds=60)
    assert now_and_then is not None
    await release(connection, now_and_then)
    gone = next(row for row in ok(await api.get("/v1/operations/leaders"))["leaders"] if row["task"] == "feed")
    assert (gone["leads"], gone["until"]) == (False, None)
    assert (await verdict(api, "stuck"))["reasons"] == ["reporting: nobody leads feed"], "what is done now and then needs no leader"


async def test_an_event_no_relay_has_sent_is_late(api: Api, connection: asyncpg.Connection) -> None:
    await lead(connection, "reporting", "host:1:abc", seconds=60)
    ok(await api.put("/v1/targets/t", {"value": "1", "unit": "percent", "scope": "company"}))  # no relay runs
    [relay] = ok(await api.get("/v1/operations/leaders"))["leaders"]
    assert relay["unsent"] == 1 and relay["age_seconds"] >= 0
    await connection.execute("update events set recorded_at = recorded_at - interval '1 hour'")
    told = await verdict(api, "late")
    assert not told["ok"] and told["figure"] >= 3600 and told["reasons"][0].startswith("reporting: 1 events wait for the relay, the oldest for 36")


async def test_only_operators_see_the_status(api: Api) -> None:
    for path in ("status", "leaders"):
        problem(await api.by("reporting:read").get(f"/v1/operations/{path}"), 403, "forbidden")
        problem(await api.get(f"/v1/operations/{path}?fast=yes"), 422, "invalid-request")


def test_a_paused_source_is_not_late_and_a_silent_broker_leaves_it_unknown() -> None:
    behind = {"source": "contacts", "partition": 1, "lag_events": 9, "lag_seconds": 4000.0}
    assert status.late([behind], Ailments(), []).ok is False
    assert status.late([behind], Ailments(paused=("contacts",)), []).ok is True
    assert status.late([behind | {"lag_events": None, "lag_seconds": None}], Ailments(), []).ok is None


@pytest.mark.parametrize(("took", "in_flight", "ok"), [(0.001, 3, True), (0.9, 3, False), (0.001, 512, False)])
def test_slow_is_a_database_that_does_not_answer_and_a_service_that_is_full(took: float, in_flight: int, ok: bool) -> None:
    assert status.slow(took, in_flight, 512).ok is ok
