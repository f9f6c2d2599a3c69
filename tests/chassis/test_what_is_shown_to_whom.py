"""Who sees personal text, whose things may a customer touch, and where does a page go on?"""

import uuid

import httpx2
import pytest
from crm_chassis.answer import rendered, to_json
from crm_chassis.body import Resource
from crm_chassis.paging import Cursors
from crm_chassis.problems import Problem
from crm_events.event import Instant
from problem_asserts import keyed, problem

ONE, TWO, THREE = (uuid.UUID(int=number) for number in (1, 2, 3))


async def made(http: httpx2.AsyncClient, who: dict[str, str], **told: object) -> str:
    answer = await http.post("/v1/jars", json={"text": "راز"} | told, headers=who | keyed())
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"]


async def test_personal_text_is_for_those_who_may_see_it(http: httpx2.AsyncClient, staff: dict[str, str], as_) -> None:
    path = await made(http, staff)
    seen, hidden = [(await http.get(path, headers=who)).json() for who in (staff, as_("contacts:read"))]
    assert (seen["last"], seen["redacted"]) == ("راز", [])
    assert (hidden["last"], hidden["redacted"]) == (None, ["last"])
    written = await http.post("/v1/jars", json={"text": "راز"}, headers=as_("contacts:write") | keyed())
    assert (written.json()["last"], written.json()["redacted"]) == (None, ["last"])
    page = (await http.get("/v1/jars", headers=as_("contacts:read"))).json()
    assert "redacted" not in page and all(item["last"] is None and item["redacted"] == ["last"] for item in page["items"])


async def test_a_customer_sees_and_writes_what_is_hers_and_her_merged_ids(http: httpx2.AsyncClient, staff: dict[str, str], as_) -> None:
    herself, stranger = as_("self", customer=ONE), as_("self", customer=THREE)
    for owner in (ONE, TWO):
        path = await made(http, staff, customer_id=str(owner))
        assert (await http.get(path, headers=herself)).json()["last"] == "راز", "her own, opened"
        assert (await http.post(f"{path}/notes", json={"text": "b"}, headers=herself | keyed())).json()["notes"] == 2
        problem(await http.get(path, headers=stranger), 404, "not-found")
        problem(await http.post(f"{path}/notes", json={"text": "b"}, headers=stranger | keyed()), 404, "not-found")
        problem(await http.delete(f"{path}/label", headers=stranger), 404, "not-found")
    problem(await http.post("/v1/jars", json={"text": "a", "customer_id": str(ONE)}, headers=stranger | keyed()), 404, "not-found")
    problem(await http.put(f"{path}/owner", json={"agent_id": "a"}, headers=herself), 403, "forbidden")


async def test_what_a_customer_does_is_told_as_hers(http: httpx2.AsyncClient, as_, desk_app) -> None:
    path = await made(http, as_("self", customer=ONE, actor="agent:somebody"), customer_id=str(ONE))
    actor = await desk_app.state.store.pool.fetchval("select metadata->>'actor' from events where stream_id = $1", uuid.UUID(path.rpartition("/")[2]))
    assert actor == f"customer:{ONE}"


async def test_a_token_of_staff_that_is_also_a_customers_acts_as_staff(http: httpx2.AsyncClient, staff: dict[str, str], as_) -> None:
    path = await made(http, staff, customer_id=str(THREE))
    both = as_("self", "contacts:read", customer=ONE)
    assert (await http.get(path, headers=both)).json()["redacted"] == ["last"]
    problem(await http.delete(f"{path}/label", headers=both), 404, "not-found")


async def test_pages_hold_everything_once_and_only_their_own_cursor(http: httpx2.AsyncClient, staff: dict[str, str]) -> None:
    for _ in range(7):
        await made(http, staff)
    seen, path, last = [], "/v1/jars?sort=version&limit=3", ""
    while path:
        answer = await http.get(path, headers=staff)
        page = answer.json()
        seen += [item["id"] for item in page["items"]]
        assert ("Link" in answer.headers) == (page["next"] is not None)
        path = answer.links["next"]["url"] if page["next"] else None
        last = page["next"] or last
    assert len(seen) == len(set(seen)) >= 7 and seen == sorted(seen)
    assert (await http.get(f"/v1/jars?sort=version&limit=5&cursor={last}", headers=staff)).status_code == 200, "the size of a page may change"
    others = [f"sort=-version&cursor={last}", f"cursor={last}"]
    broken = [f"sort=version&cursor={cursor}" for cursor in ("nonsense", "", "é", last[:-2] + "AA", "A" * 400)]
    for bad in others + broken:
        problem(await http.get(f"/v1/jars?{bad}", headers=staff), 400, "bad-cursor")


def test_a_cursor_of_another_key_or_listing_is_none() -> None:
    ours = Cursors(b"k" * 32)
    cursor = ours.write(b"/v1/jars?", ("a", 1, None))
    assert ours.read(b"/v1/jars?", cursor) == ("a", 1, None)
    for reader, listing in ((Cursors(b"x" * 32), b"/v1/jars?"), (ours, b"/v1/jugs?")):
        with pytest.raises(Problem):
            reader.read(listing, cursor)


async def test_times_are_written_in_utc_whatever_holds_them() -> None:
    from datetime import datetime, timedelta, timezone

    class At(Resource):
        at: Instant

    moment = datetime(2026, 3, 1, 9, 30, 0, 123456, tzinfo=timezone(timedelta(hours=3, minutes=30)))
    assert (
        to_json({"x": [moment], "y": At(at=moment), "z": {ONE}})
        == b'{"x":["2026-03-01T06:00:00.123Z"],"y":{"at":"2026-03-01T06:00:00.123Z"},"z":["00000000-0000-0000-0000-000000000001"]}'
    )
    assert await rendered(At(at=moment), vault=None, may_see=False) == b'{"at":"2026-03-01T06:00:00.123Z"}'
