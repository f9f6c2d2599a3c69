"""Can somebody without Kafka have events sent, change that, see how it went, and have them sent again?"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import asyncpg
import pytest
from contacts_client import Api, ok, problem
from crm_events.language.contacts import ContactDetailsChanged
from crm_reporting.settings import ReportingSettings
from crm_reporting.webhooks import subscription
from crm_reporting.webhooks.outcomes import ATTEMPTS
from crm_reporting.webhooks.process import WebhooksProcess
from prometheus_client import CollectorRegistry
from receiver import Answering, Receiver
from reporting_story import Story

SOON = 60.0
HOOKS = "/v1/webhooks"
Receiving = Callable[..., Receiver]


@pytest.fixture
def settings(settings: ReportingSettings) -> ReportingSettings:
    return settings.model_copy(update={"webhook_allowed_networks": ("127.0.0.0/8",), "webhook_retry_seconds": 0.05})


@pytest.fixture
async def sending(settings: ReportingSettings) -> AsyncIterator[CollectorRegistry]:
    """What `reporting webhooks` does, at work beside the API; its numbers."""
    stop, registry = asyncio.Event(), CollectorRegistry()
    working = asyncio.create_task(WebhooksProcess(settings, registry).run(stop))
    yield registry
    stop.set()
    await working


@pytest.fixture
def receiving() -> Iterator[Receiving]:
    made: list[Receiver] = []

    def receive(answering: Answering | None = None) -> Receiver:
        made.append(Receiver(answering=answering))
        return made[-1]

    yield receive
    for each in made:
        each.close()


async def subscribe(api: Api, receiver: Receiver, *types: str, **more: Any) -> str:
    told = ok(await api.post(HOOKS, {"url": receiver.url, "types": types or ("*",)} | more), 201)
    receiver.secrets.append(told["secret"])
    return str(told["id"])


async def until(condition: Callable[[], Awaitable[Any] | Any]) -> Any:
    end = time.monotonic() + SOON
    while True:
        found = condition()
        found = await found if asyncio.iscoroutine(found) else found
        if found:
            return found
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


async def tell(story: Story, customer: uuid.UUID, count: int) -> list[str]:
    records = [story.teller.tell(ContactDetailsChanged(language="fa"), customer) for _ in range(count)]
    await story.project(records)
    await story.connection.execute("notify applied")
    return [str(record.event_id) for record in records]


async def log(api: Api, webhook: str, **asked: str) -> list[dict[str, Any]]:
    told = await api.http.get(f"{HOOKS}/{webhook}/deliveries", params=asked, headers={"Authorization": f"Bearer {api.token}"})
    return list(ok(told)["items"])


async def test_a_subscription_lives_its_secret_told_once_and_all_of_it_is_on_record(api: Api, receiving: Receiving, connection: asyncpg.Connection) -> None:
    body = {
        "url": receiving().url,
        "types": ["ticket.*", "contact.registered"],
        "sources": ["tickets"],
        "customer_ids": [str(uuid.uuid4())],
        "description": "انبار",
    }
    made = await api.post(HOOKS, body, key="once")
    told = ok(made, 201)
    assert made.headers["Location"] == f"{HOOKS}/{told['id']}" and told["secret"].startswith("whsec_")
    again = await api.post(HOOKS, body, key="once")
    assert (ok(again)["id"], again.json()["secret"], again.headers["Idempotency-Replayed"]) == (told["id"], told["secret"], "true")
    read = await api.get(f"{HOOKS}/{told['id']}")
    shown = ok(read)
    assert "secret" not in shown and {name: shown[name] for name in body} == body
    assert (shown["enabled"], shown["waiting"], shown["behind"], shown["secrets"], shown["trouble"]) == (True, 0, 0, 1, None)
    kept = "".join(
        [str(dict(row)) for table in ("operation", "webhook_secret", "webhook", "operation_trail") for row in await connection.fetch(f"table {table}")]
    )
    assert told["secret"].removeprefix("whsec_") not in kept and "انبار" in kept
    changed = await api.patch(f"{HOOKS}/{told['id']}", {"types": ["*"], "description": None, "sources": []}, If_Match=read.headers["ETag"])
    assert (ok(changed)["types"], changed.json()["description"], changed.json()["sources"]) == (["*"], None, [])
    problem(await api.patch(f"{HOOKS}/{told['id']}", {"enabled": False}, If_Match=read.headers["ETag"]), 412, "version-conflict")
    assert ok(await api.patch(f"{HOOKS}/{told['id']}", {"enabled": False}))["reason"] == "disabled by hand"
    other = ok(await api.post(HOOKS, body), 201)["id"]
    first = ok(await api.get(f"{HOOKS}?limit=1"))
    rest = ok(await api.get(f"{HOOKS}?limit=1&cursor={first['next']}"))
    assert [each["id"] for each in first["items"] + rest["items"]] == [told["id"], other] and rest["next"] is None
    assert ok(await api.send("DELETE", f"{HOOKS}/{told['id']}")) == {"id": told["id"]}
    problem(await api.get(f"{HOOKS}/{told['id']}"), 404, "not-found")
    problem(await api.send("DELETE", f"{HOOKS}/{told['id']}"), 404, "not-found")
    trail = ok(await api.get("/v1/operations/audit?operation=webhook"))["items"]
    assert [row["outcome"] for row in reversed(trail) if row["subject"] == told["id"]] == [
        "created", "changed", "refused: version-conflict", "disabled", "deleted", "refused: not-found",
    ]  # fmt: skip


WRONG = (
    ({"url": "https://10.0.0.1/"}, "/url"), ({"url": "https://[fe80::1]/"}, "/url"), ({"url": "https://169.254.169.254/latest"}, "/url"),
    ({"url": "https://me:secret@hook.example/"}, "/url"), ({"url": "ftp://hook.example/"}, "/url"), ({"url": "http:///nowhere"}, "/url"),
    ({"url": "https://0177.0.0.1/"}, "/url"), ({"url": "https://hook.example/#part"}, "/url"), ({"url": "https://" + "x" * 2000}, "/url"),
    ({"types": []}, "/types"), ({"types": ["ticket.opend"]}, "/types/0"), ({"types": ["*", "ticket.*; drop"]}, "/types/1"), ({"types": ["%"]}, "/types/0"),
    ({"after": 1}, "/after"), ({"after": -1}, "/after"), ({"sources": ["shoes"]}, "/sources/0"), ({"secret": "whsec_x"}, "/secret"),
)  # fmt: skip


async def test_what_cannot_be_done_is_refused_before_it_is_stored(api: Api, connection: asyncpg.Connection) -> None:
    for wrong, pointer in WRONG:
        answer = await api.post(HOOKS, {"url": "https://127.0.0.1/", "types": ["*"]} | wrong)
        assert problem(answer, 422, "invalid-request")["errors"][0]["pointer"] == pointer
    assert await connection.fetchval("select count(*) from webhook") == 0


async def test_who_may_not_may_not_and_there_is_room_for_so_many(api: Api, receiving: Receiving, connection: asyncpg.Connection) -> None:
    hook = await subscribe(api, receiving())
    watching = api.by("webhooks:read")
    ok(await watching.get(f"{HOOKS}/{hook}"))
    for answer in (
        await watching.post(HOOKS, {"url": "https://hook.example/", "types": ["*"]}), await watching.patch(f"{HOOKS}/{hook}", {"enabled": False}),
        await watching.send("DELETE", f"{HOOKS}/{hook}"), await watching.post(f"{HOOKS}/{hook}/secret", {}),
        await watching.post(f"{HOOKS}/{hook}/replay", {"after": 0}),
        await api.by("reporting:read", "ops:write", "webhooks:write").get(HOOKS), await api.by("self", customer=str(uuid.uuid4())).get(HOOKS),
    ):  # fmt: skip
        problem(answer, 403, "forbidden")
    for path in (f"{HOOKS}/{uuid.uuid4()}", f"{HOOKS}/{uuid.uuid4()}/deliveries", f"{HOOKS}/{hook}/deliveries/1"):
        problem(await api.get(path), 404, "not-found")
    problem(await api.post(f"{HOOKS}/{hook}/deliveries/1/redelivery", None), 404, "not-found")
    await connection.execute(
        "insert into webhook (id, url, types, likes, cursor, created_by) "
        "select gen_random_uuid(), 'https://x', '{*}', '{%}', 0, 'x' from generate_series(2, $1)",
        subscription.MOST,
    )
    refused = problem(await api.post(HOOKS, {"url": "https://127.0.0.1/", "types": ["*"]}), 409, "rejected")
    assert refused["rule"] == "too-many-webhooks"


async def test_a_receiver_that_is_away_gets_it_all_when_it_is_back_and_the_log_tells_each_attempt(
    api: Api, receiving: Receiving, story: Story, sending: CollectorRegistry
) -> None:
    up = asyncio.Event()
    receiver = receiving(lambda event, times: 204 if up.is_set() else 503)
    hook = await subscribe(api, receiver)
    customers = [uuid.uuid4() for _ in range(3)]
    ids = [await tell(story, customer, 4) for customer in customers]
    await until(lambda: receiver.arrived > 5)
    shown = ok(await api.get(f"{HOOKS}/{hook}"))
    assert shown["enabled"] and shown["waiting"] == 12 and shown["failing_since"] and shown["oldest_waiting_at"]
    up.set()
    await until(lambda: len(receiver.taken) == 12)
    for customer, mine in zip(customers, ids, strict=True):
        assert [event["id"] for event in receiver.taken if event["subject"] == str(customer)] == mine
    delivered = await until(lambda: _when(log(api, hook, state="delivered"), lambda rows: len(rows) == 12))
    oldest = ok(await api.get(f"{HOOKS}/{hook}/deliveries/{delivered[-1]['id']}"))
    assert {each["status"] for each in oldest["tries"]} == {503, 204} and oldest["attempts"] == len(oldest["tries"])
    assert oldest["tries"][-1]["outcome"] == "delivered" and oldest["ended_at"] and oldest["next_attempt_at"] is None
    assert [row["event_id"] for row in await log(api, hook, event_id=ids[1][2])] == [ids[1][2]]
    assert ok(await api.get(f"{HOOKS}/{hook}"))["failing_since"] is None
    assert sending.get_sample_value("crm_webhook_attempts_total", {"outcome": "delivered"}) == 12
    assert (sending.get_sample_value("crm_webhook_attempts_total", {"outcome": "status"}) or 0) > 5


async def test_one_message_nobody_takes_holds_up_its_customer_alone_and_is_given_up_in_the_end(
    api: Api, receiving: Receiving, story: Story, sending: CollectorRegistry, connection: asyncpg.Connection
) -> None:
    bad, good = uuid.uuid4(), uuid.uuid4()
    mended = asyncio.Event()
    receiver = receiving(lambda event, times: 500 if (event["subject"], event["sequence"]) == (str(bad), "1") and not mended.is_set() else 204)
    hook = await subscribe(api, receiver)
    poison, behind = await tell(story, bad, 2)
    others = await tell(story, good, 3)
    await until(lambda: receiver.ids() == others)

    async def given_up() -> list[dict[str, Any]]:
        await connection.execute("update webhook_delivery set due_at = clock_timestamp() where state = 'waiting'")
        await connection.execute("update webhook set quiet_until = null")
        await connection.execute("notify webhooks")
        if receiver.seen.get(poison, 0) % 3 == 2:
            await tell(story, good, 1)  # the receiver takes others meanwhile: it is the message, not the receiver
        return await log(api, hook, state="failed")

    failed = await until(given_up)
    assert [(row["event_id"], row["reason"]) for row in failed] == [(poison, "status 500")] and failed[0]["attempts"] >= ATTEMPTS
    await until(lambda: behind in receiver.ids())
    mended.set()
    again = ok(await api.post(f"{HOOKS}/{hook}/deliveries/{failed[0]['id']}/redelivery", None), 201)
    assert again["id"] != failed[0]["id"] and again["asked_by"] == "agent:developer"
    await until(lambda: poison in receiver.ids())


async def test_long_failure_and_410_disable_and_enabling_goes_on_where_it_stopped(
    api: Api, receiving: Receiving, story: Story, sending: CollectorRegistry, connection: asyncpg.Connection
) -> None:
    answers = {"status": 500}
    receiver = receiving(lambda event, times: answers["status"])
    hook = await subscribe(api, receiver)
    ids = await tell(story, uuid.uuid4(), 3)
    await until(lambda: receiver.arrived > 0)
    await connection.execute("update webhook set failing_since = clock_timestamp() - interval '6 days', quiet_until = null")
    await connection.execute("update webhook_delivery set due_at = clock_timestamp()")
    await connection.execute("notify webhooks")
    off = await until(lambda: _when(api.get(f"{HOOKS}/{hook}"), lambda answer: not ok(answer)["enabled"]))
    assert (off.json()["reason"], off.json()["waiting"]) == ("it took nothing for too long", 3)
    ids += await tell(story, uuid.uuid4(), 2)
    answers["status"] = 204
    assert ok(await api.patch(f"{HOOKS}/{hook}", {"enabled": True}))["reason"] is None
    await until(lambda: sorted(receiver.ids()) == sorted(ids))
    answers["status"] = 410
    more = await tell(story, uuid.uuid4(), 1)
    off = await until(lambda: _when(api.get(f"{HOOKS}/{hook}"), lambda answer: not ok(answer)["enabled"]))
    assert off.json()["reason"] == "the receiver answered 410: it wants no more of these"
    answers["status"] = 204
    ok(await api.patch(f"{HOOKS}/{hook}", {"enabled": True}))
    await until(lambda: receiver.ids()[-1:] == more)


async def test_a_secret_is_replaced_without_a_message_that_does_not_verify(api: Api, receiving: Receiving, story: Story, sending: CollectorRegistry) -> None:
    slow, quick = receiving(), receiving()
    hook = await subscribe(api, slow)
    secret = ok(await api.post(f"{HOOKS}/{hook}/secret", {"overlap_hours": 1}))["secret"]
    assert secret != slow.secrets[0]
    await tell(story, uuid.uuid4(), 2)
    await until(lambda: len(slow.taken) == 2)
    assert len(slow.headers[0]["webhook-signature"].split(" ")) == 2
    quick.secrets.append(secret)
    ok(await api.patch(f"{HOOKS}/{hook}", {"url": quick.url}))
    last = ok(await api.post(f"{HOOKS}/{hook}/secret", {"overlap_hours": 0}))["secret"]
    quick.secrets.append(last)
    await tell(story, uuid.uuid4(), 1)
    await until(lambda: len(quick.taken) == 1)
    assert len(quick.headers[0]["webhook-signature"].split(" ")) == 1
    assert (slow.forged, quick.forged) == (0, 0) and ok(await api.get(f"{HOOKS}/{hook}"))["secrets"] == 1


async def test_a_replay_sends_all_again_in_order_and_goes_on_without_a_gap(api: Api, receiving: Receiving, story: Story, sending: CollectorRegistry) -> None:
    first, second = uuid.uuid4(), uuid.uuid4()
    before = await tell(story, first, 3)
    receiver = receiving()
    hook = await subscribe(api, receiver, after=1)
    await until(lambda: receiver.ids() == before[1:])
    later = await tell(story, second, 2)
    await until(lambda: len(receiver.taken) == 4)
    receiver.taken.clear()
    replaying = asyncio.create_task(api.post(f"{HOOKS}/{hook}/replay", {"after": 0}))
    more = await tell(story, first, 20)
    ok(await replaying)
    await until(lambda: len(set(receiver.ids())) == 25 and receiver.ids().count(more[-1]) >= 1)

    def repeated() -> bool:
        firsts = {event["id"]: place for place, event in reversed(list(enumerate(receiver.taken)))}
        return all([each for each in sorted(firsts, key=firsts.__getitem__) if each in set(mine)] == mine for mine in (before, later))

    assert repeated() and receiver.ids().count(before[0]) == 1
    problem(await api.post(f"{HOOKS}/{hook}/replay", {"after": 10_000}), 422, "invalid-request")
    ok(await api.patch(f"{HOOKS}/{hook}", {"enabled": False}))
    asked = await api.post(f"{HOOKS}/{hook}/replay", {"after": 5})
    assert (ok(asked)["position"], asked.json()["behind"]) == (5, 20)
    problem(await api.post(f"{HOOKS}/{hook}/replay", {"after": 6}), 422, "invalid-request")


async def test_a_receiver_says_how_long_it_wants_to_be_left_alone(api: Api, receiving: Receiving, story: Story, sending: CollectorRegistry) -> None:
    receiver = receiving(lambda event, times: (429, {"Retry-After": "600"}))
    hook = await subscribe(api, receiver)
    await tell(story, uuid.uuid4(), 1)
    (waits,) = await until(lambda: _when(log(api, hook, state="waiting"), lambda rows: rows and rows[0]["attempts"] == 1))
    assert waits["next_attempt_at"] > waits["created_at"] and receiver.arrived == 1
    seconds = await story.connection.fetchval("select extract(epoch from due_at - clock_timestamp())::float8 from webhook_delivery")
    assert 500 < seconds <= 600


async def _when(asked: Awaitable[Any], fits: Callable[[Any], Any]) -> Any:
    found = await asked
    return found if fits(found) else None
