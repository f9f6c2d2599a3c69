"""Is what is read of the events right whatever the page, the filter and the moment, and never told without a row in the audit?"""

import asyncio
import json
import uuid
from datetime import timedelta
from typing import Any

import asyncpg
import httpx2
import pytest
from contacts_client import Api, problem
from crm_events.language.contacts import ContactDetailsChanged
from crm_events.language.reference import TargetSet
from crm_reporting import events_page
from reporting_story import Story
from telling import START

NAME = "مریم رضایی"


def lines(answer: httpx2.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


async def all_of(api: Api, asked: str = "", *, limit: int = 500, after: int = 0) -> list[dict[str, Any]]:
    """Page by page, as a subscriber reads, until the journal's end."""
    told: list[dict[str, Any]] = []
    while True:
        answer = await api.get(f"/v1/events?after={after}&limit={limit}{asked}")
        told += lines(answer)
        moved, end = int(answer.headers["Next-After"]), int(answer.headers["Journal-End"])
        assert moved > after or moved == end
        after = moved
        if after == end:
            return told


async def test_every_event_comes_once_and_in_order_whatever_the_page(api: Api, story: Story) -> None:
    people = [await story.person() for _ in range(3)]
    for _ in range(4):
        for person in people:
            await story.call(person)
    for limit in (1, 4, 500):
        told = await all_of(api, limit=limit)
        assert [line["id"] for line in told] == [str(record.event_id) for record in story.teller.told]
        assert [line["journalid"] for line in told] == list(range(1, 16))
    assert [line["journalid"] for line in await all_of(api, after=13)] == [14, 15]


async def test_a_line_is_the_cloudevent_that_is_on_the_topic(api: Api, story: Story) -> None:
    person = await story.person()
    await story.tell(ContactDetailsChanged(language="fa"), person)
    record, line = story.teller.told[-1], (await all_of(api))[-1]
    headers = {name.removeprefix("ce_"): value.decode() for name, value in record.headers.items() if name.startswith("ce_")}
    told = {name: str(value) for name, value in line.items() if name not in ("data", "journalid", "datacontenttype")}
    del headers["previous"]  # of the log, not of the event
    assert told.pop("dataschema").rpartition("/schemas/")[2] == headers.pop("dataschema").rpartition("/schemas/")[2]
    assert told == headers
    assert line["data"] == {"language": "fa"}


async def test_plain_text_is_for_those_who_may_see_and_all_of_it_is_on_record(api: Api, story: Story, connection: asyncpg.Connection) -> None:
    person = await story.person(NAME)
    await story.tell(ContactDetailsChanged(language="fa"), person)
    (opened, _), (shut, plain) = await all_of(api), await all_of(api.by("reporting:read"))
    assert opened["data"]["name"] == NAME and "redacted" not in opened
    assert (shut["data"]["name"], shut["redacted"]) == (None, ["data.name"])
    assert plain["data"] == {"language": "fa"} and "redacted" not in plain
    rows = await connection.fetch("select actor, customer_id, operation, opened, request_id is not null as asked from access order by at")
    assert [(row["customer_id"], row["operation"], row["opened"], row["asked"]) for row in rows] == [
        (person, "listEvents", True, True), (person, "listEvents", False, True),
    ]  # fmt: skip


async def test_nothing_is_told_that_cannot_be_put_on_record(api: Api, story: Story, connection: asyncpg.Connection) -> None:
    await story.person(NAME)
    await connection.execute("alter table access add constraint full_disk check (operation <> 'listEvents')")
    answer = await api.get("/v1/events")
    assert answer.status_code >= 500 and NAME not in answer.text
    await connection.execute("alter table access drop constraint full_disk")
    assert (await all_of(api))[0]["data"]["name"] == NAME


async def test_what_cannot_be_read_or_is_not_sealed_is_withheld_from_everybody(api: Api, story: Story) -> None:
    person = await story.person()
    for type_, payload in (
        ("contact.danced", b'{"with": "a secret"}'),
        ("contact.registered", b'{"kind": "a secret"}'),
        ("note.added", b'{"text": "a secret"}'),
    ):
        await story.project([story.teller.record(type_, payload, person, source="contacts")])
    told = await all_of(api)
    assert "a secret" not in json.dumps(told)
    assert [(line["data"], "withheld" in line) for line in told[1:]] == [(None, True)] * 3
    assert "withheld" not in told[0]


async def test_filters_leave_out_what_is_not_asked_for_and_the_position_moves_on_all_the_same(api: Api, story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_page, "WINDOW", 2)
    monkeypatch.setattr(events_page, "LOOKED_AT", 4)  # one request looks at four rows
    sara, reza = await story.person(), await story.person()
    await story.call(sara)
    await story.tell(TargetSet(name="csat", version=1, kpi="csat", value="90", unit="percent", scope="company", valid_from=START), None)
    await story.buy(reza, 1200)
    await story.merge(sara, reza)

    async def types(asked: str) -> list[str]:
        return [line["type"] for line in await all_of(api, asked)]

    assert await types("&types=contact.*,target.set") == ["contact.registered"] * 2 + ["target.set", "contact.merged", "contact.absorbed"]
    assert await types("&types=member.*") == ["member.enrolled"]
    assert await types("&source=loyalty,reporting") == ["target.set", "member.enrolled", "transaction.recorded"]
    everything_of_both = ["contact.registered"] * 2 + ["interaction.recorded", "member.enrolled", "transaction.recorded", "contact.merged", "contact.absorbed"]
    assert await types(f"&customer_id={sara}") == await types(f"&customer_id={reza}") == everything_of_both
    assert await types(f"&customer_id={uuid.uuid4()}") == []
    first = await api.get("/v1/events?types=contact.absorbed")
    assert (lines(first), first.headers["Next-After"], first.headers["Journal-End"]) == ([], "4", "8")


async def test_a_range_of_time_is_what_was_recorded_in_it(api: Api, story: Story, connection: asyncpg.Connection) -> None:
    person = await story.person()
    for _ in range(6):
        await story.call(person)
    recorded = [START + timedelta(seconds=number) for number in range(1, 8)]  # contacts' own clock: a second an event
    await connection.execute("update journal set applied_at = recorded_at + interval '1 second' + interval '20 minutes' * id")
    asked = f"&from={_text(recorded[2])}&to={_text(recorded[5])}"
    assert [line["journalid"] for line in await all_of(api, asked)] == [3, 4, 5]
    begun = await api.get(f"/v1/events?from={_text(recorded[6] + timedelta(hours=1, minutes=30))}")
    assert (lines(begun), begun.headers["Next-After"]) == ([], "7")


def _text(moment: Any) -> str:
    return moment.isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    "asked", ["after=-1", "after=x", "limit=0", "limit=1001", "types=ticket.*,contact.danced", "source=moon", "customer_id=7", "from=noon"]
)
async def test_what_is_asked_wrongly_is_refused_with_the_parameter_named(api: Api, asked: str) -> None:
    refused = problem(await api.get(f"/v1/events?{asked}"), 422, "invalid-request")
    assert [error["parameter"] for error in refused["errors"]] == [asked.partition("=")[0]]


async def test_who_reads_while_others_write_misses_nothing(api: Api, story: Story) -> None:
    """The next position is that of the last row seen, and rows appear in the order of their ids."""
    person = await story.person()
    seen: list[str] = []

    async def read() -> None:
        after = 0
        while len(seen) < 41:
            answer = await api.get(f"/v1/events?after={after}&limit=3")
            seen.extend(line["id"] for line in lines(answer))
            after = int(answer.headers["Next-After"])

    reading = asyncio.create_task(read())
    for _ in range(40):
        await story.call(person)
    await asyncio.wait_for(reading, 60)
    assert seen == [str(record.event_id) for record in story.teller.told]


async def test_a_page_of_large_events_ends_early_and_goes_on(api: Api, story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    person = await story.person()
    for _ in range(5):
        await story.call(person)
    monkeypatch.setattr(events_page, "MOST_BYTES", 500)
    first = await api.get("/v1/events")
    assert 0 < len(lines(first)) < 6
    assert len(await all_of(api)) == 6
