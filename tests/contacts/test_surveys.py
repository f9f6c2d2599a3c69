"""Is a customer asked only where they allow it, and does what they answered last count, however late the rest is told?"""

import asyncio
import json
import uuid
from typing import Any

from contacts_client import Api, ok, problem
from crm_events.store.store import EventStore
from crm_events.store.verify import verify


def said(score: int, **more: Any) -> dict[str, Any]:
    return {"question": "توصیه می‌کنید؟", "kind": "nps", "score": score, "scale_min": 0, "scale_max": 10} | more


async def asked(api: Api, **body: Any) -> tuple[str, str]:
    """Of whom, and where the survey is."""
    customer = str((await api.person(occurred_at="2026-01-01T00:00:00Z"))["id"])
    sent = await api.post(f"/v1/contacts/{customer}/surveys", {"survey": "پاییز", "channel": "web", "occurred_at": "2026-02-01T00:00:00Z"} | body)
    ok(sent, 201)
    return customer, sent.headers["Location"]


async def test_the_last_answer_counts_and_one_told_late_overwrites_nothing(api: Api, store: EventStore) -> None:
    _, path = await asked(api)
    quality = {"question": "کیفیت", "kind": "perceived", "dimension": "delivery", "score": 4, "scale_min": 1, "scale_max": 5}
    body = {"answers": [said(9), quality], "comment": "خوب بود", "agent_id": "agent-7", "occurred_at": "2026-02-05T00:00:00Z"}
    first = ok(await api.post(f"{path}/answers", body))
    assert (first["answers"][0]["score"], first["comment"], first["revision"], first["answered_at"]) == (9, "خوب بود", 1, "2026-02-05T00:00:00.000Z")
    assert ok(await api.post(f"{path}/answers", body))["version"] == first["version"], "the same again is nothing new"
    late = ok(await api.post(f"{path}/answers", {"answers": [said(2)], "occurred_at": "2026-02-03T00:00:00Z"}))
    assert ({name: late[name] for name in ("answers", "comment", "agent_id", "answered_at")}, late["revision"]) == (
        {name: first[name] for name in ("answers", "comment", "agent_id", "answered_at")}, 3,
    )  # fmt: skip
    newer = ok(await api.post(f"{path}/answers", {"answers": [said(7)], "occurred_at": "2026-02-06T00:00:00Z"}))
    assert ([each["score"] for each in newer["answers"]], newer["comment"], newer["revision"]) == ([7], None, 4)
    assert ok(await api.get(path)) == newer
    rows = await store.pool.fetch("select payload from events where stream_id = $1 and type = 'survey.answered' order by version", uuid.UUID(first["id"]))
    told = [json.loads(row["payload"]) for row in rows]
    assert [(each["revision"], each["answers"][0]["score"]) for each in told] == [(1, 9), (2, 2), (3, 9), (4, 7)], "figures take the highest revision"
    assert told[0]["comment"].startswith("s1.")
    assert told[2]["comment"].startswith("s1.")
    assert (await verify(store)).whole


async def test_who_does_not_allow_surveys_is_not_asked_over_that_channel(api: Api) -> None:
    customer, twin = [(await api.person())["id"] for _ in range(2)]
    body = {"survey": "nps", "channel": "sms"}
    path = f"/v1/contacts/{customer}/surveys"
    refused = problem(await api.post(path, body), 409, "rejected")
    assert (refused["rule"], refused["because"]) == ("consent-missing", [])
    ok(await api.put(f"/v1/contacts/{customer}/consents/survey/sms", {"status": "granted", "text_version": "1"}))
    ok(await api.post(path, body), 201)
    problem(await api.post(path, body | {"channel": "email"}), 409, "rejected")
    ok(await api.put(f"/v1/contacts/{twin}/consents/survey/any", {"status": "denied", "text_version": "1"}))
    ok(await api.merge(customer, twin), 201)
    assert len(problem(await api.post(path, body), 409, "rejected")["because"]) == 1, "what any contact of the customer said holds for all"
    ok(await api.post(path, body | {"channel": "in_person"}), 201)
    ok(await api.post(path, body | {"occurred_at": "2020-01-01T00:00:00Z", "channel": "web"}), 201)


async def test_a_survey_of_the_past_is_judged_by_what_was_allowed_then(api: Api) -> None:
    customer = (await api.person(occurred_at="2026-01-01T00:00:00Z"))["id"]
    for status, day in (("granted", 1), ("withdrawn", 9)):
        said_so = {"status": status, "text_version": "1", "occurred_at": f"2026-03-0{day}T00:00:00Z"}
        ok(await api.put(f"/v1/contacts/{customer}/consents/survey/email", said_so))
    path, body = f"/v1/contacts/{customer}/surveys", {"survey": "nps", "channel": "email"}
    ok(await api.post(path, body | {"occurred_at": "2026-03-05T00:00:00Z"}), 201)
    problem(await api.post(path, body | {"occurred_at": "2026-02-05T00:00:00Z"}), 409, "rejected")
    problem(await api.post(path, body), 409, "rejected")


async def test_an_answer_that_is_none_is_refused(api: Api) -> None:
    customer, path = await asked(api)
    wrong = [
        [], [said(11)], [said(3, scale_max=5)], [said(3, kind="need", scale_min=3, scale_max=3)], [said(3, kind="mood")], [said(3), said(4)],
    ]  # fmt: skip
    for answers in wrong:
        problem(await api.post(f"{path}/answers", {"answers": answers}), 422, "invalid-request")
    problem(await api.post(f"{path}/answers", {"answers": [said(3)], "occurred_at": "2026-01-15T00:00:00Z"}), 422, "invalid-request")
    problem(await api.post(f"/v1/contacts/{customer}/surveys/{uuid.uuid4()}/answers", {"answers": [said(3)]}), 404, "not-found")
    stranger = (await api.person())["id"]
    problem(await api.get(path.replace(customer, stranger)), 404, "not-found")
    problem(await api.post(f"/v1/contacts/{uuid.uuid4()}/surveys", {"survey": "s", "channel": "web"}), 404, "not-found")
    taken = {"survey": "s", "channel": "web", "id": path.rpartition("/")[2]}
    problem(await api.post(f"/v1/contacts/{customer}/surveys", taken), 409, "already-exists")
    ok(await api.post("/v1/privacy/erasures", {"customer_id": customer}), 201)
    problem(await api.post(f"{path}/answers", {"answers": [said(3)]}), 410, "gone")
    problem(await api.post(f"/v1/contacts/{customer}/surveys", {"survey": "s", "channel": "web"}), 410, "gone")


async def test_answers_at_once_are_told_one_after_another_and_a_merged_customer_has_all_surveys(api: Api, store: EventStore) -> None:
    customer, path = await asked(api)
    answers = await asyncio.gather(*(api.post(f"{path}/answers", {"answers": [said(score)]}) for score in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    rows = await store.pool.fetch("select payload::json ->> 'revision' as n from events where stream_id = $1 and type = 'survey.answered' order by version",
                                  uuid.UUID(path.rpartition("/")[2]))  # fmt: skip
    assert len(rows) >= 5
    assert [int(row["n"]) for row in rows] == list(range(1, len(rows) + 1)), "no two answers have one number"
    twin, other = await asked(api, occurred_at="2026-02-02T00:00:00Z")
    ok(await api.merge(customer, twin), 201)
    shown = ok(await api.get(f"/v1/contacts/{customer}/surveys?limit=1"))
    rest = ok(await api.get(f"/v1/contacts/{customer}/surveys?limit=1&cursor={shown['next']}"))
    assert [each["id"] for each in (*shown["items"], *rest["items"])] == [other.rpartition("/")[2], path.rpartition("/")[2]]
