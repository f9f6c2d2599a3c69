"""Does a reader see the writes its tokens name, wait no longer than it asked, and hold up nobody?"""

import asyncio
import time
from typing import Any

import asyncpg
import pytest
from contacts_client import Api, ok, problem
from crm_events import token
from crm_events.language.contacts import ContactDetailsChanged
from crm_events.topics import partition_of
from crm_reporting.applied import WAITERS
from fastapi import FastAPI
from reporting_story import Story


def ahead(story: Story, customer, more: int = 1) -> str:
    """A token of an event of this customer that is yet to be told."""
    return token.encode("contacts", {partition_of(customer): story.teller.positions["contacts"] + more})


async def waiting(app: FastAPI, number: int) -> None:
    async with asyncio.timeout(20):
        while app.state.applied.waiting != number:
            await asyncio.sleep(0.01)


async def test_several_tokens_are_all_waited_for(api: Api, app: FastAPI, story: Story) -> None:
    one, two = await story.person(), await story.person()
    first, both = ahead(story, one), f"{ahead(story, one)},{ahead(story, two, 2)}"
    reading = asyncio.create_task(api.send("GET", f"/v1/customers/{one}", Consistency_Token=both, Prefer="wait=10"))
    await waiting(app, 1)
    await story.call(one)
    assert (await api.send("GET", f"/v1/customers/{one}", Consistency_Token=first, Prefer="wait=10")).headers["View-State"] == "current"
    assert not reading.done(), "the second is not there yet"
    await story.call(two)
    assert (await reading).headers["View-State"] == "current"


async def test_a_reader_waits_as_long_as_it_asked_and_ten_seconds_at_most(api: Api, story: Story, app: FastAPI) -> None:
    customer = await story.person()
    began = time.monotonic()
    assert (await api.send("GET", f"/v1/customers/{customer}", Consistency_Token=ahead(story, customer), Prefer="wait=1")).headers["View-State"] == "stale"
    assert time.monotonic() - began >= 0.99
    asked: list[float] = []
    applied = app.state.applied
    app.state.applied = Asked(asked)
    for prefer in ("wait=9999", "respond-async, wait=3", 'wait="7"', "handling=lenient", "await=5", "wait=-1"):
        await api.send("GET", f"/v1/customers/{customer}", Consistency_Token=ahead(story, customer), Prefer=prefer)
    app.state.applied = applied
    assert asked == [10, 3, 7, 2, 2, 2]


class Asked:
    """Notes how long it was asked to wait."""

    def __init__(self, asked: list[float]) -> None:
        self._asked = asked

    async def reached(self, _: object, seconds: float) -> bool:
        self._asked.append(seconds)
        return False


async def test_five_hundred_wait_at_once_and_the_next_is_told_at_once(app: FastAPI, api: Api, story: Story) -> None:
    customer = await story.person()
    goal = {("contacts", partition_of(customer)): story.teller.positions["contacts"] + 1}
    crowd = [asyncio.create_task(app.state.applied.reached(goal, 30)) for _ in range(WAITERS)]
    await waiting(app, WAITERS)
    answer = await api.send("GET", f"/v1/customers/{customer}", Consistency_Token=ahead(story, customer), Prefer="wait=10")
    assert answer.headers["View-State"] == "stale" and app.state.applied.waiting == WAITERS
    await story.call(customer)
    assert all(await asyncio.gather(*crowd)), "one look wakes them all"
    assert app.state.applied.waiting == 0


async def test_a_reader_that_gives_up_is_forgotten(app: FastAPI, story: Story) -> None:
    customer = await story.person()
    reading = asyncio.create_task(app.state.applied.reached({("contacts", partition_of(customer)): 999}, 30))
    await waiting(app, 1)
    reading.cancel()
    await waiting(app, 0)


async def test_waiting_goes_on_over_a_lost_connection(app: FastAPI, api: Api, story: Story, connection: asyncpg.Connection, databases) -> None:
    customer = await story.person()
    reading = asyncio.create_task(app.state.applied.reached({("contacts", partition_of(customer)): story.teller.positions["contacts"] + 1}, 30))
    await waiting(app, 1)
    killed = await databases.admin.fetchval(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity"
        " where datname = $1 and (query like '%to_index%' or query like 'select id, customer_id%')",
        connection._params.database,
    )
    listening = await databases.admin.fetchval(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = $1 and pid <> $2",
        connection._params.database, await connection.fetchval("select pg_backend_pid()"),
    )  # fmt: skip
    assert killed + listening
    await story.call(customer)
    assert await reading


async def test_what_no_write_ever_answered_is_no_token(api: Api, story: Story) -> None:
    customer = await story.person()
    for wrong in ("", "shoes.1.5", "contacts.12.5", "contacts.1", "contacts.1.5;", "contacts.-1.5", "contacts.1." + "9" * 19):
        problem(await api.send("GET", f"/v1/customers/{customer}", Consistency_Token=wrong), 400, "malformed")


async def test_a_parked_customer_is_shown_as_such_and_never_to_the_strict(api: Api, story: Story, project) -> None:
    customer = await story.person()
    poison = story.teller.record("contact.details_changed", b'{"name": 7}', customer, source="contacts")
    await project([poison])
    told = await story.tell(ContactDetailsChanged(language="fa"), customer)
    path = f"/v1/customers/{customer}"
    answer = await api.send("GET", path, Consistency_Token=told)
    assert answer.headers["View-State"] == "parked" and ok(answer)["freshness"]["contacts"]["parked"]
    assert (await api.get(path)).headers["View-State"] == "parked", "without a token too"
    problem(await api.send("GET", path, Consistency_Token=told, Prefer="handling=strict"), 503, "not-yet-visible")
    elsewhere = token.encode("tickets", {0: 0})
    assert (await api.send("GET", path, Consistency_Token=elsewhere, Prefer="handling=strict")).headers["View-State"] == "parked"
    then = await api.get(f"{path}?known_at={story.teller.told[-1].headers['ce_recordedtime'].decode()}")
    assert then.headers["View-State"] == "parked" and ok(then)["profile"]["language"] is None
    assert ok(await api.get(f"{path}/timeline?limit=1"))["items"][0]["data"] == {"language": "fa"}, "the timeline waits for nobody"


@pytest.mark.parametrize("first", ["summed_up", "indexed"])
async def test_a_list_and_a_lookup_show_the_write_of_their_token(api: Api, app: FastAPI, story: Story, first: str) -> None:
    customer = await story.person("Zarathustra")
    told = token.encode("contacts", {partition_of(customer): story.teller.positions["contacts"]})

    def listing(prefer: str) -> Any:
        return api.send("GET", "/v1/customers", Consistency_Token=told, Prefer=prefer)

    def finding(prefer: str) -> Any:
        return api.send("POST", "/v1/customers/lookup", {"name": "zarathustra"}, Consistency_Token=told, Prefer=prefer)

    for request in (listing, finding):
        assert (await request("wait=0")).headers["View-State"] == "stale"
        problem(await request("wait=0, handling=strict"), 503, "not-yet-visible")
    asked = [asyncio.create_task(request("wait=10")) for request in (listing, finding)]
    await waiting(app, 2)
    await getattr(story, first)()
    for request in (listing, finding):
        assert (await request("wait=1")).headers["View-State"] == "stale", "half of it is not enough"
    await story.composed()
    for answer in await asyncio.gather(*asked):
        assert answer.headers["View-State"] == "current"
        assert [item["customer_id"] for item in ok(answer)["items"]] == [str(customer)]
