"""Do the reads answer what was projected: now, then, listed, found, streamed, and only to those who may see it?"""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

import asyncpg
from contacts_client import Api, ok, problem
from crm_events import token
from crm_events.event import utc_text
from crm_events.language.contacts import PrivacyErasureRequested
from crm_events.language.tickets import TicketOpened
from crm_events.topics import partition_of
from crm_reporting.reading import Reader
from fastapi import FastAPI
from reporting_story import Story
from telling import START

NOW = START + timedelta(days=1)


async def test_the_view_joins_what_three_services_told(api: Api, story: Story) -> None:
    customer = await story.person()
    await story.call(customer)
    await story.call(customer, "outbound")
    await story.buy(customer, 1500)
    opened = TicketOpened(
        kind="complaint", channel="web", priority="high", subject=await story.sealed(customer, "دیر", "subject"), text="s1.x", author_kind="customer"
    )
    await story.tell(opened, customer, stream=uuid.uuid4())
    view = ok(await api.get(f"/v1/customers/{customer}"))
    assert (view["profile"]["name"], view["service"]["tickets"][0]["subject"]) == ("مریم رضایی", "دیر")
    assert (view["contact"]["interactions"], view["contact"]["two_way_ratio"], view["service"]["complaints"]) == (2, 0.5, 1)
    assert view["purchases"]["spend"] == [{"amount": 1500, "currency": "EUR"}]
    assert len(view["scores"]["rfm"]) == 3
    assert set(view["freshness"]) == {"contacts", "tickets", "loyalty"}
    some = ok(await api.get(f"/v1/customers/{customer}?fields=profile,purchases"))
    assert "contact" not in some and some["purchases"] == view["purchases"]
    problem(await api.get(f"/v1/customers/{customer}?fields=profile,shoes"), 422, "invalid-request")
    problem(await api.get(f"/v1/customers/{uuid.uuid4()}"), 404, "not-found")


async def test_a_view_is_of_the_snapshot_its_customer_was_read_in(app: FastAPI, story: Story) -> None:
    customer = await story.person()
    await story.call(customer)
    reader: Reader = app.state.reader
    known = await reader.now(customer, datetime.now(UTC), two_way=True)
    await story.call(customer, "outbound")
    contact = (await reader.shown(known, ()))["contact"]
    assert (contact["interactions"], contact["two_way_ratio"]) == (1, 0.0), "a stream tells a view with the id of its last event: nothing later is in it"
    there = await reader.now(customer, datetime.now(UTC), two_way=True)
    assert (await reader.shown(there, ()))["contact"]["two_way_ratio"] == 1.0


async def test_who_may_not_see_personal_data_sees_nulls_and_which(api: Api, story: Story) -> None:
    customer = await story.person()
    seen = ok(await api.by("reporting:read").get(f"/v1/customers/{customer}"))
    assert seen["profile"]["name"] is None and "profile.name" in seen["redacted"]
    herself = api.by("self", customer=str(customer))
    assert ok(await herself.get(f"/v1/customers/{customer}"))["profile"]["name"] == "مریم رضایی"
    problem(await herself.get(f"/v1/customers/{await story.person()}"), 404, "not-found")
    problem(await herself.get("/v1/customers"), 403, "forbidden")
    problem(await api.by("contacts:read").get(f"/v1/customers/{customer}"), 403, "forbidden")


async def test_a_read_waits_for_its_token_and_says_when_it_waited_in_vain(api: Api, story: Story) -> None:
    customer = await story.person()
    partition, source = partition_of(customer), "contacts"
    ahead = token.encode(source, {partition: story.teller.positions[source] + 1})
    reading = asyncio.create_task(api.send("GET", f"/v1/customers/{customer}", Consistency_Token=ahead, Prefer="wait=10"))
    await story.call(customer)
    answer = await reading
    assert answer.headers["View-State"] == "current" and ok(answer)["contact"]["interactions"] == 1
    beyond = token.encode(source, {partition: 999})
    assert (await api.send("GET", f"/v1/customers/{customer}", Consistency_Token=beyond, Prefer="wait=0")).headers["View-State"] == "stale"
    problem(await api.send("GET", f"/v1/customers/{customer}", Consistency_Token=beyond, Prefer="wait=0, handling=strict"), 503, "not-yet-visible")
    problem(await api.send("GET", f"/v1/customers/{customer}", Consistency_Token="nonsense"), 400, "malformed")


async def test_what_had_happened_and_what_was_known_are_told_apart(api: Api, story: Story) -> None:
    customer = await story.person(at=START - timedelta(days=100))
    await story.call(customer, at=START - timedelta(days=50))
    known = story.teller.told[-1].headers["ce_recordedtime"].decode()
    await story.call(customer, at=START - timedelta(days=80))
    path, then = f"/v1/customers/{customer}", utc_text(START - timedelta(days=60))
    count = lambda answer: ok(answer)["contact"]["interactions"]  # noqa: E731
    assert count(await api.get(path)) == 2
    assert count(await api.get(f"{path}?as_of={then}")) == 1
    assert count(await api.get(f"{path}?known_at={known}")) == 1
    assert count(await api.get(f"{path}?as_of={then}&known_at={known}")) == 0
    problem(await api.get(f"{path}?as_of={utc_text(START - timedelta(days=200))}"), 404, "not-found")
    problem(await api.get(f"{path}?as_of=2999-01-01T00:00:00Z"), 422, "invalid-request")


async def test_a_merged_customer_is_read_whole_under_either_id_and_then_as_they_stood(api: Api, story: Story) -> None:
    one, two = await story.person("A"), await story.person("B")
    await story.call(one)
    await story.call(two)
    before = story.teller.told[-1].headers["ce_recordedtime"].decode()
    await story.merge(one, two)
    answer = await api.get(f"/v1/customers/{two}")
    view = ok(answer)
    assert (view["customer_id"], view["canonical_id"], view["member_ids"]) == (str(two), str(one), [str(one), str(two)])
    assert view["contact"]["interactions"] == 2 and f'</v1/customers/{one}>; rel="canonical"' in answer.headers["Link"]
    assert ok(await api.get(f"/v1/customers/{two}?known_at={before}"))["canonical_id"] == str(two)
    assert len(ok(await api.get(f"/v1/customers/{one}/timeline?types=interaction.recorded"))["items"]) == 2


async def test_the_same_view_is_not_sent_twice(api: Api, story: Story) -> None:
    customer = await story.person()
    etag = (await api.get(f"/v1/customers/{customer}")).headers["ETag"]
    assert (await api.send("GET", f"/v1/customers/{customer}", If_None_Match=etag)).status_code == 304
    assert (await api.by("reporting:read").send("GET", f"/v1/customers/{customer}", If_None_Match=etag)).status_code == 200
    await story.call(customer)
    assert (await api.send("GET", f"/v1/customers/{customer}", If_None_Match=etag)).status_code == 200


async def test_a_page_of_the_timeline_goes_on_where_the_last_one_ended(api: Api, story: Story) -> None:
    customer = await story.person()
    for day in range(9):
        await story.call(customer, at=START - timedelta(days=day % 4))
    seen, path = [], f"/v1/customers/{customer}/timeline?limit=2&types=interaction.recorded"
    following = path
    while following:
        page = ok(await api.get(following))
        seen += page["items"]
        following = f"{path}&cursor={page['next']}" if page["next"] else None
        if len(seen) == 4:
            await story.call(customer, at=START + timedelta(days=1))  # newer than all: no place behind the cursor moves
    assert len({row["event_id"] for row in seen}) == len(seen) == 9
    assert [row["occurred_at"] for row in seen] == sorted((row["occurred_at"] for row in seen), reverse=True)
    assert {row["data"]["text"] for row in seen} == {"راز"}
    later = ok(await api.get(f"/v1/customers/{customer}/timeline?from={utc_text(START)}&source=contacts&channel=phone"))["items"]
    assert all(row["occurred_at"] >= utc_text(START) for row in later) and later
    problem(await api.get(f"{path}&cursor=nonsense"), 400, "bad-cursor")


async def test_an_erased_customer_is_gone_from_every_read(api: Api, story: Story) -> None:
    customer = await story.person("Erased Person")
    await story.composed()
    await story.tell(PrivacyErasureRequested(request_id=uuid.uuid4()), customer)
    await story.composed()
    problem(await api.get(f"/v1/customers/{customer}"), 410, "gone")
    problem(await api.get(f"/v1/customers/{customer}/timeline"), 410, "gone")
    assert str(customer) not in [item["customer_id"] for item in ok(await api.get("/v1/customers?limit=200"))["items"]]
    assert ok(await api.post("/v1/customers/lookup", {"name": "Erased"}))["items"] == []


async def test_customers_are_listed_filtered_sorted_and_found(api: Api, story: Story) -> None:
    people = [await story.person(f"علي نیک{number}") for number in range(5)]
    for number, customer in enumerate(people[:4]):
        await story.buy(customer, 100 * (number + 1))
    await story.composed()
    spend = ok(await api.get("/v1/customers?sort=-spend&limit=2"))
    assert [item["customer_id"] for item in spend["items"]] == [str(people[3]), str(people[2])]
    rest = ok(await api.get(f"/v1/customers?sort=-spend&limit=2&cursor={spend['next']}"))
    last = ok(await api.get(f"/v1/customers?sort=-spend&limit=2&cursor={rest['next']}"))
    assert [item["customer_id"] for item in rest["items"] + last["items"]] == [str(people[1]), str(people[0]), str(people[4])]
    assert last["next"] is None and spend["items"][0]["name"] == "علي نیک3"
    assert len(ok(await api.get("/v1/customers?segment=buyers"))["items"]) == 4
    assert ok(await api.get("/v1/customers?segment=repeat_buyers"))["items"] == []
    found = ok(await api.post("/v1/customers/lookup", {"name": "علی نيک۲"}))["items"]
    assert [item["customer_id"] for item in found] == [str(people[2])]
    assert len(ok(await api.post("/v1/customers/lookup", {"name": "نیک"}))["items"]) == 5
    for wrong in ("sort=shoes", "segment=shoes", "sla_state=shoes", "limit=0", "colour=red"):
        problem(await api.get(f"/v1/customers?{wrong}"), 422, "invalid-request")
    problem(await api.get(f"/v1/customers?cursor={spend['next']}"), 400, "bad-cursor")


async def test_figures_and_their_evidence_are_asked_for_by_name(api: Api, story: Story) -> None:
    for _ in range(3):
        await story.buy(await story.person(), 500)
    catalogue = ok(await api.get("/v1/kpis"))["items"]
    assert [item["number"] for item in catalogue][:3] == ["K1", "K8", "K9"] and len(catalogue) == 17
    told = ok(await api.get(f"/v1/kpis/new_customers?from={utc_text(START - timedelta(days=1))}&to={utc_text(NOW)}"))
    assert (told["value"], told["input_event_count"], told["unit"]) == (3, 3, "customers")
    proof = ok(await api.get(f"/v1/kpis/new_customers/evidence?from={utc_text(START - timedelta(days=1))}&to={utc_text(NOW)}&limit=2"))
    assert len(proof["items"]) == 2 and proof["next"]
    problem(await api.get("/v1/kpis/shoes"), 404, "not-found")
    for wrong in ("by=shoes", "definition_version=2", "segment=shoes", "from=2024-01-01T00:00:00Z&to=2023-01-01T00:00:00Z", "from=yesterday"):
        problem(await api.get(f"/v1/kpis/csat?{wrong}"), 422, "invalid-request")


async def test_an_input_is_set_once_for_the_same_words(api: Api) -> None:
    rate = {"activity": "service", "driver": "minute", "amount": {"amount": 75, "currency": "EUR"}, "valid_from": "2026-01-01T00:00:00Z"}
    first = await api.put("/v1/cost-rates/agent-minute", rate)
    again = await api.put("/v1/cost-rates/agent-minute", rate)
    assert (ok(first)["version"], ok(again)["version"], again.headers["ETag"]) == (1, 1, '"1"')
    assert ok(await api.put("/v1/cost-rates/agent-minute", rate | {"per": 10}))["version"] == 2
    assert ok(await api.get("/v1/cost-rates/agent-minute"))["per"] == 10
    assert ok(await api.put("/v1/targets/csat-2026", {"value": "90", "unit": "percent", "scope": "company", "kpi": "csat"}))["value"] == "90"
    assert [item["name"] for item in ok(await api.get("/v1/targets"))["items"]] == ["csat-2026"]
    problem(await api.put("/v1/cost-rates/x", rate | {"valid_to": "2025-01-01T00:00:00Z"}), 422, "invalid-request")
    problem(await api.get("/v1/cost-rates/nothing"), 404, "not-found")
    problem(await api.by("reporting:read").put("/v1/cost-rates/agent-minute", rate), 403, "forbidden")


async def test_reads_of_a_person_leave_a_trace(api: Api, story: Story, connection: asyncpg.Connection) -> None:
    customer = await story.person()
    ok(await api.get(f"/v1/customers/{customer}"))
    async with asyncio.timeout(10):
        while (row := await connection.fetchrow("select * from access where customer_id = $1", customer)) is None:
            await asyncio.sleep(0)
    assert (row["operation"], row["opened"]) == ("getCustomer", True)
