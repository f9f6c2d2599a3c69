"""Does a live stream tell everything once, in order, through merges, erasures and lost connections, and does it end when it should?"""

import asyncio
import os
import signal
import socket
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx2
import pytest
import uvicorn
from contacts_client import Api, ok, problem
from crm_chassis.issuer import EVERYTHING, Issuer
from crm_chassis.serving import GRACE
from crm_events.language.contacts import ContactAbsorbed, ContactMerged, PrivacyErasureRequested
from crm_reporting.settings import ReportingSettings
from crm_reporting.stream_api import BATCH
from fastapi import FastAPI
from fastapi.sse import _PING_INTERVAL
from reporting_story import Story

SOON = 12.0  # seconds after which a test gives up: less than the stream takes to look of its own accord


@pytest.fixture
async def server(app: FastAPI) -> AsyncIterator[str]:
    """The address of the API on a real socket."""
    listening = socket.create_server(("127.0.0.1", 0))
    made = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, timeout_graceful_shutdown=5))
    serving = asyncio.create_task(made.serve([listening]))
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    made.should_exit = True
    await serving


class Heard:
    """One open stream, read event by event."""

    def __init__(self, events: Any) -> None:
        self.events = events

    async def next(self) -> Any:
        async with asyncio.timeout(SOON):
            return await anext(self.events)

    async def until_view(self) -> list[tuple[str, int]]:
        """(event, id) up to and with the next view."""
        seen: list[tuple[str, int]] = []
        async with asyncio.timeout(SOON):  # for all of them: a stream that says the same again and again never comes to a view
            while not seen or seen[-1][0] != "view":
                event = await self.next()
                seen.append((event.event, int(event.id)))
                self.view = event.json()
        return seen

    async def ended(self) -> bool:
        async with asyncio.timeout(SOON):
            return [event async for event in self.events] == []


class Listener:
    """A front-end that follows customers."""

    def __init__(self, url: str, issuer: Issuer) -> None:
        self.url, self.issuer = url, issuer

    @asynccontextmanager
    async def follow(self, whom: uuid.UUID, last: int | None = None, **fields: Any) -> AsyncIterator[Heard]:
        bearer = self.issuer.token(fields.pop("scopes", EVERYTHING), **fields)
        headers = {"Authorization": f"Bearer {bearer}"} | ({} if last is None else {"Last-Event-ID": str(last)})
        async with (
            httpx2.AsyncClient(base_url=self.url, timeout=SOON, trust_env=False) as http,
            http.sse(f"/v1/customers/{whom}/stream", headers=headers) as stream,
        ):
            yield Heard(aiter(stream))


@pytest.fixture
def listener(server: str, issuer: Issuer) -> Listener:
    return Listener(server, issuer)


async def journal(connection: asyncpg.Connection, *customers: uuid.UUID) -> list[int]:
    return [row["id"] for row in await connection.fetch("select id from journal where customer_id = any($1) order by id", customers)]


async def alone(app: FastAPI) -> None:
    """Until nobody is subscribed any more."""
    async with asyncio.timeout(SOON):
        while app.state.applied.subscribers:
            await asyncio.sleep(0.01)


async def test_a_new_stream_opens_with_the_view_and_tells_each_event_with_the_view_after_it(listener: Listener, story: Story, connection) -> None:
    customer = await story.person()
    await story.call(customer)
    async with listener.follow(customer) as heard:
        assert await heard.until_view() == [("view", (await journal(connection, customer))[-1])]
        assert (heard.view["contact"]["interactions"], heard.view["customer_id"]) == (1, str(customer))
        await story.call(await story.person())  # somebody else's
        await story.call(customer, "outbound")
        last = (await journal(connection, customer))[-1]
        assert await heard.until_view() == [("interaction.recorded", last), ("view", last)]
        assert heard.view["contact"]["interactions"] == 2 and heard.view["profile"]["name"] == "مریم رضایی"


async def test_a_stream_that_comes_back_is_told_all_it_missed_then_the_view(listener: Listener, story: Story, connection, api: Api) -> None:
    customer = await story.person()
    for _ in range(BATCH + 3):  # more than are read at once
        await story.call(customer)
    ids = await journal(connection, customer)
    async with listener.follow(customer, last=ids[1]) as heard:
        seen = await heard.until_view()
    assert seen == [*(("interaction.recorded", number) for number in ids[2:]), ("view", ids[-1])]
    assert heard.view["etag"] == (await api.get(f"/v1/customers/{customer}")).headers["ETag"].strip('"'), "the view is the one that a read answers"
    async with listener.follow(customer, last=ids[-1]) as heard:
        assert await heard.until_view() == [("view", ids[-1])], "nothing was missed, and the view comes all the same"


async def test_an_id_beyond_the_end_goes_on_from_the_end(listener: Listener, story: Story, connection) -> None:
    customer = await story.person()
    async with listener.follow(customer, last=10**17) as heard:
        await heard.until_view()
        await story.call(customer)
        last = (await journal(connection, customer))[-1]
        assert await heard.until_view() == [("interaction.recorded", last), ("view", last)]


async def test_what_is_no_position_is_refused_before_the_stream_opens(api: Api, story: Story) -> None:
    customer = await story.person()
    for wrong in (b"-1", b"1.5", b"abc", b"9" * 19, b"\xb2"):  # the last is ² in a header
        async with asyncio.timeout(SOON):  # a stream that opened would not end
            answer = await api.http.get(
                f"/v1/customers/{customer}/stream", headers=[(b"authorization", f"Bearer {api.token}".encode()), (b"last-event-id", wrong)]
            )
        problem(answer, 400, "malformed")
    problem(await api.get(f"/v1/customers/{uuid.uuid4()}/stream"), 404, "not-found")
    problem(await api.by("contacts:read").get(f"/v1/customers/{customer}/stream"), 403, "forbidden")
    problem(await api.by("self", customer=str(uuid.uuid4())).get(f"/v1/customers/{customer}/stream"), 404, "not-found")


async def test_a_merge_brings_the_other_ones_events_into_the_stream_and_its_reversal_takes_them_out(listener: Listener, story: Story, connection) -> None:
    one, two = await story.person("A"), await story.person("B")
    await story.call(two)
    async with listener.follow(one) as heard:
        [(_, first)] = await heard.until_view()
        merge = await story.merge(one, two)
        told: list[tuple[str, int]] = []
        while not told or len(heard.view["member_ids"]) != 2:
            told += await heard.until_view()
        await story.call(two)
        while heard.view["contact"]["interactions"] < 2:
            told += await heard.until_view()
        after = [number for number in await journal(connection, one, two) if number > first]
        assert [number for event, number in told if event != "view"] == after, "each once, in order, as one who came back with that id is told them"
        await story.part(merge, one, two)
        while len(heard.view["member_ids"]) != 1:
            await heard.until_view()
        await story.call(two)
        await story.call(one)
        assert await heard.until_view() == [(event, (await journal(connection, one))[-1]) for event in ("interaction.recorded", "view")]


async def test_a_merge_is_noticed_though_only_the_other_ones_event_tells_it(listener: Listener, story: Story) -> None:
    one, two = await story.person("A"), await story.person("B")
    async with listener.follow(one) as heard:
        await heard.until_view()
        merge = uuid.uuid4()
        await story.tell(ContactAbsorbed(merge_id=merge, absorbed_id=two), one)
        await heard.until_view()
        await story.tell(ContactMerged(merge_id=merge, survivor_id=one, cause="manual", evidence=()), two)  # the edge, last: another partition lagged
        await heard.until_view()
        assert heard.view["member_ids"] == [str(one), str(two)]


async def test_a_customer_whose_merge_is_taken_back_is_told_no_more_of_the_other(listener: Listener, story: Story) -> None:
    one, two = await story.person("A"), await story.person("B")
    merge = await story.merge(one, two)
    async with listener.follow(two, scopes=("self",), customer=str(one)) as heard:
        await heard.until_view()
        await story.part(merge, one, two)
        await story.call(two)
        assert await heard.ended()


async def test_an_erased_customer_is_told_as_such_and_the_stream_ends(listener: Listener, story: Story, app: FastAPI, api: Api) -> None:
    customer = await story.person()
    async with listener.follow(customer) as heard:
        await heard.until_view()
        await story.tell(PrivacyErasureRequested(request_id=uuid.uuid4()), customer)
        event = await heard.next()
        assert (event.event, event.data) == ("erased", "{}")
        assert await heard.ended()
    await alone(app)
    problem(await api.get(f"/v1/customers/{customer}/stream"), 410, "gone")


async def test_a_client_that_goes_away_leaves_nothing_behind(listener: Listener, story: Story, app: FastAPI) -> None:
    customer = await story.person()
    async with listener.follow(customer) as heard:
        await heard.until_view()
        assert app.state.applied.subscribers == 1
    await alone(app)


async def test_a_lost_database_ends_the_stream_and_coming_back_leaves_no_gap(
    listener: Listener, story: Story, connection: asyncpg.Connection, app: FastAPI, databases
) -> None:
    customer = await story.person()
    async with listener.follow(customer) as heard:
        [(_, last)] = await heard.until_view()
        mine = await connection.fetchval("select pg_backend_pid()")
        ended = await databases.admin.fetchval(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = $1 and pid <> $2", connection._params.database, mine
        )  # as a restart would: every connection of the service at once
        assert ended >= 2
        await story.call(customer)
        ids = (await journal(connection, customer))[1:]
        async with asyncio.timeout(SOON):  # it ends, or was not asking just then and goes on
            try:
                seen = await heard.until_view()
            except (StopAsyncIteration, httpx2.HTTPError):
                seen = []
    if not seen:
        async with listener.follow(customer, last=last) as heard:
            seen = await heard.until_view()
    assert seen == [("interaction.recorded", ids[0]), ("view", ids[0])]
    async with asyncio.timeout(SOON):
        while not app.state.applied.alive:
            await asyncio.sleep(0.01)
    async with listener.follow(customer) as heard:
        await heard.until_view()
        await story.call(customer)  # news are heard of on the connection made again
        assert len(await heard.until_view()) == 2


async def test_a_service_that_is_asked_to_end_ends_its_streams_first(settings: ReportingSettings, story: Story, issuer: Issuer) -> None:
    customer = await story.person()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    told = {name.upper(): str(getattr(settings, name)) for name in ("database_url", "vault_database_url", "auth_jwks", "relay", "timer", "follow")}
    keys = {"MASTER_KEY": settings.master_key.get_secret_value(), "INDEX_KEY": settings.index_key.get_secret_value(), "PORT": str(port)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from crm_reporting.cli import app; app()", "api", env={**os.environ, **told, **keys}, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=SOON, trust_env=False) as http, asyncio.timeout(60):
            while True:
                assert process.returncode is None
                try:
                    if (await http.get("/readyz")).status_code == 200:
                        break
                except httpx2.ConnectError:
                    await asyncio.sleep(0.05)
        async with Listener(f"http://127.0.0.1:{port}", issuer).follow(customer) as heard:
            await heard.until_view()
            process.send_signal(signal.SIGTERM)
            assert await heard.ended(), "properly, not broken off"
            await asyncio.wait_for(process.wait(), GRACE / 2)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_more_streams_than_a_process_can_hold_are_refused(api: Api, app: FastAPI, story: Story) -> None:
    customer = await story.person()
    kept = [app.state.applied.subscribe(frozenset()) for _ in range(400)]
    async with asyncio.timeout(SOON):  # a stream that opened would not end
        problem(await api.get(f"/v1/customers/{customer}/stream"), 503, "overloaded")
    for each in kept:
        app.state.applied.unsubscribe(each)


def test_a_silent_stream_is_kept_open_by_a_comment_every_15_seconds() -> None:
    assert _PING_INTERVAL == 15.0  # the framework's; the contract says so, and a proxy's patience is longer


async def test_the_stream_is_described(api: Api) -> None:
    described = ok(await api.get("/openapi.json"))["paths"]["/v1/customers/{customer_id}/stream"]["get"]
    assert "text/event-stream" in described["responses"]["200"]["content"]
