"""Is every odd question answered with what is wrong with it, and does no odd event in the journal break a read?"""

import asyncio
import uuid
from datetime import timedelta

import asyncpg
import pytest
from contacts_client import Api, ok, problem
from crm_events.event import utc_text
from crm_events.language.consent import ConsentGranted
from crm_events.language.contacts import ContactRegistered, PrivacyErasureRequested
from crm_reporting import builds
from crm_reporting.reading import Reader, etag
from crm_reporting.rebuilding import rebuild
from fastapi import FastAPI
from reporting_story import Story
from telling import START

EDGES = ("0001-01-01T00:00:00%2B14:00", "0001-01-01T00:00:00Z", "0800-01-01T00:00:00Z", "9999-12-31T23:59:59.999999-14:00", "9999-12-31T23:59:59Z")
NONSENSE = ("", "yesterday", "2024-13-01T00:00:00Z", "2024-01-01", "2024-01-01T00:00:00", "1e400", "%F0%9F%90%99", "%ED%A0%80", "9" * 400)


async def test_moments_at_the_edges_of_the_calendar_are_answered_or_refused(api: Api, story: Story) -> None:
    customer = await story.person()
    for moment in EDGES:
        for name in ("as_of", "known_at"):
            assert (await api.get(f"/v1/customers/{customer}?{name}={moment}")).status_code in (404, 422), moment
        for name in ("from", "to"):
            assert (await api.get(f"/v1/customers/{customer}/timeline?{name}={moment}")).status_code in (200, 422), moment
            for figure in ("retention_rate", "new_customers", "rfm", "interactions_per_customer"):
                assert (await api.get(f"/v1/kpis/{figure}?{name}={moment}")).status_code in (200, 422), (figure, moment)
    whole = ok(await api.get("/v1/kpis/repeat_purchase_rate?from=1900-01-01T00:00:00Z&to=9999-12-31T23:59:59Z"))
    assert whole["from"] == "1900-01-01T00:00:00.000Z"


async def test_nonsense_is_refused_by_the_name_of_its_parameter(api: Api, story: Story) -> None:
    customer = await story.person()
    for wrong in NONSENSE:
        for path, name in ((f"/v1/customers/{customer}", "as_of"), (f"/v1/customers/{customer}/timeline", "from"), ("/v1/kpis/csat", "to")):
            told = problem(await api.get(f"{path}?{name}={wrong}"), 422, "invalid-request")
            assert told["errors"][0]["parameter"] == name
    for wrong in ("limit=99999999999999999999", "limit=-1", "limit=1.5", "source=shoes", "types=" + "a" * 3000, "cursor=" + "A" * 2001, "shoes=1"):
        problem(await api.get(f"/v1/customers/{customer}/timeline?{wrong}"), 422, "invalid-request")
    for wrong in ("open_tickets=99999999999999999999", "open_tickets=-1", "sort=-", "sort=spend;drop", "type=robot", "sla_state=met"):
        problem(await api.get(f"/v1/customers?{wrong}"), 422, "invalid-request")
    for wrong in ("%00", "%2500", "x' or 1=1"):
        assert (await api.get(f"/v1/customers?tier={wrong}")).status_code in (200, 400)
    for wrong in ("AAAA", "%F0%9F%90%99", "=", "eyJhIjoxfQ"):
        problem(await api.get(f"/v1/customers?cursor={wrong}"), 400, "bad-cursor")


async def test_an_id_is_read_in_any_of_its_spellings_and_nothing_else_is_one(api: Api, story: Story) -> None:
    customer = await story.person()
    for spelling in (str(customer).upper(), customer.hex, f"urn:uuid:{customer}", f"{{{customer}}}"):
        assert ok(await api.get(f"/v1/customers/{spelling}"))["customer_id"] == str(customer)
    for wrong in ("1", "x" * 36, str(customer)[:-1], "0" * 33, "%F0%9F%90%99"):
        for path in ("", "/timeline", "/stream"):
            problem(await api.get(f"/v1/customers/{wrong}{path}"), 422, "invalid-request")
    problem(await api.get(f"/v1/customers/{uuid.UUID(int=0)}"), 404, "not-found")


async def test_odd_lookups_find_nobody_or_are_refused(api: Api, story: Story) -> None:
    await story.person()
    await story.composed()
    for name in ("!!", "م", "s1.a.b", "a" * 400, "‌" * 5):
        assert ok(await api.post("/v1/customers/lookup", {"name": name}))["items"] == []
    for body in ({}, {"name": ""}, {"name": "a\x00b"}, {"name": 5}, {"name": "a", "identifier": {"kind": "email", "value": "a@b.c"}}, [], {"identifier": {}}):
        problem(await api.post("/v1/customers/lookup", body), 422, "invalid-request")


async def test_the_past_of_an_erased_customer_is_gone_too(api: Api, story: Story) -> None:
    customer = await story.person(at=START - timedelta(days=10))
    before = utc_text(START - timedelta(days=5))
    ok(await api.get(f"/v1/customers/{customer}?as_of={before}"))
    await story.tell(PrivacyErasureRequested(request_id=uuid.uuid4()), customer)
    problem(await api.get(f"/v1/customers/{customer}?as_of={before}"), 410, "gone")
    problem(await api.get(f"/v1/customers/{customer}?known_at={utc_text(START + timedelta(seconds=1))}"), 410, "gone")


async def test_an_erasure_holds_though_the_customer_is_parked(api: Api, story: Story, project) -> None:
    customer = await story.person()
    await project([story.teller.record("contact.details_changed", b'{"name": 7}', customer, source="contacts")])
    await story.tell(PrivacyErasureRequested(request_id=uuid.uuid4()), customer)
    problem(await api.get(f"/v1/customers/{customer}"), 410, "gone")


@pytest.mark.parametrize("payload", [b"[]", b"3", b'"x"', b'{"channel": "\\u0000"}', b'{"channel": ["a"], "kind": "s1.x"}'])
async def test_what_is_no_payload_of_ours_breaks_no_read(api: Api, story: Story, project, payload: bytes) -> None:
    customer = await story.person()
    await project([story.teller.record("contact.details_changed", payload, customer, source="contacts")])
    await project([story.teller.record("contact.was_unheard_of", payload, customer, source="contacts")])
    await story.call(customer)
    path = f"/v1/customers/{customer}"
    assert ok(await api.get(path))["freshness"]["contacts"]["parked"]
    assert ok(await api.get(f"{path}?as_of={utc_text(START + timedelta(days=1))}"))["freshness"]["contacts"]["parked"]
    assert len(ok(await api.get(f"{path}/timeline"))["items"]) == 4
    assert len(ok(await api.get(f"{path}/timeline?channel=phone"))["items"]) == 1


async def test_reads_go_over_to_another_build_and_outlive_the_old_one(api: Api, story: Story, connection: asyncpg.Connection) -> None:
    customer = await story.person()
    await story.composed()
    paths = (f"/v1/customers/{customer}", "/v1/customers", "/v1/kpis/csat", f"/v1/customers/{customer}?as_of={utc_text(START + timedelta(days=1))}")
    for path in paths:
        ok(await api.get(path))
    assert (await rebuild(connection)).switched
    for path in paths:
        ok(await api.get(path))
    await builds.drop(connection, "b1")  # as after 24 hours
    ok(await api.get("/readyz"))  # looks again
    for path in paths:
        ok(await api.get(path))


async def test_a_build_of_another_release_does_not_fail_the_reads_of_this_one(api: Api, story: Story, connection: asyncpg.Connection) -> None:
    customer = await story.person()
    ok(await api.get(f"/v1/customers/{customer}"))
    await rebuild(connection)
    await connection.execute("update builds set definition = 'another' where build = 'b2'")
    answer = await api.get(f"/v1/customers/{customer}")
    assert ok(answer) and answer.headers["View-State"] == "current"
    await connection.execute("update builds set state = 'retired' where build = 'b1'")
    problem(await api.get(f"/v1/customers/{customer}"), 503, "dependency-unavailable")


async def test_the_etag_moves_with_what_time_alone_makes_true(app: FastAPI, story: Story) -> None:
    """A consent that ended a moment ago must not be answered with 304."""
    customer = await story.person(at=START - timedelta(days=10))
    ends = START + timedelta(seconds=1)
    granted = ConsentGranted(purpose="marketing", channel="sms", text_version="1", effective_from=START, effective_to=ends)
    await story.tell(granted, customer, at=START - timedelta(days=9))
    reader: Reader = app.state.reader
    tags = [etag(await reader.shown(await reader.now(customer, ends + timedelta(milliseconds=ms)), ())) for ms in (-9, -1, 0, 9)]
    assert tags[0] == tags[1] != tags[2] == tags[3]


async def test_each_row_of_a_list_with_names_leaves_a_trace(api: Api, story: Story, connection: asyncpg.Connection) -> None:
    people = {await story.person() for _ in range(2)}
    await story.composed()
    ok(await api.by("reporting:read").get("/v1/customers"))
    ok(await api.get("/v1/customers"))
    rows: list[asyncpg.Record] = []
    async with asyncio.timeout(20):
        while len(rows) < 2:
            rows = await connection.fetch("select customer_id, operation from access")
    assert {(row["customer_id"], row["operation"]) for row in rows} == {(customer, "listCustomers") for customer in people} and len(rows) == 2


async def test_an_event_of_long_ago_is_written_with_a_whole_year(story: Story, api: Api) -> None:
    customer = uuid.uuid4()
    at = START.replace(year=800)
    await story.tell(ContactRegistered(kind="person", contact_type="external_actual", roles=("buyer",)), customer, at=at)
    assert ok(await api.get(f"/v1/customers/{customer}/timeline"))["items"][0]["occurred_at"] == "0800-01-01T09:00:00.000Z"
    assert ok(await api.get(f"/v1/customers/{customer}?as_of=0900-01-01T00:00:00Z"))["profile"]["kind"] == "person"
