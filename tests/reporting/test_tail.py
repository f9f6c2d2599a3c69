"""Does `crm tail` show what is told, and `crm export` write each event of a range once, whatever happens to the service or the file meanwhile?"""

import asyncio
import json
import os
import socket
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from crm_chassis.issuer import EVERYTHING, Issuer
from crm_events.language.contacts import NoteAdded
from crm_tail.showing import safe, shown
from fastapi import FastAPI
from reporting_story import Story
from telling import START

CRM = Path(sys.executable).with_name("crm")
SOON = 60.0


@asynccontextmanager
async def serving(app: FastAPI, port: int = 0) -> AsyncIterator[int]:
    listening = socket.create_server(("127.0.0.1", port))
    made = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, timeout_graceful_shutdown=1))
    task = asyncio.create_task(made.serve([listening]))
    yield listening.getsockname()[1]
    made.should_exit = True
    await task


@pytest.fixture
async def port(app: FastAPI) -> AsyncIterator[int]:
    async with serving(app) as there:
        yield there


class Crm:
    """The program, run as an operator would."""

    def __init__(self, port: int, token: str) -> None:
        self.known = {**os.environ, "REPORTING_URL": f"http://127.0.0.1:{port}", "TOKEN": token, "PYTHONUNBUFFERED": "1"}

    async def start(self, *words: object) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(CRM, *map(str, words), env=self.known, stdout=pipe, stderr=pipe)

    async def __call__(self, *words: object) -> tuple[int, str, str]:
        process = await self.start(*words)
        out, wrong = await asyncio.wait_for(process.communicate(), SOON)
        assert process.returncode is not None
        return process.returncode, out.decode(), wrong.decode()


@pytest.fixture
def crm(port: int, issuer: Issuer) -> Crm:
    return Crm(port, issuer.token(EVERYTHING))


def ids(text: str) -> list[int]:
    return [json.loads(line)["journalid"] for line in text.splitlines()]


async def test_the_tail_shows_who_what_and_when_open_for_whom_it_may_be(crm: Crm, story: Story, port: int, issuer: Issuer) -> None:
    person = await story.person("مریم رضایی")
    await story.buy(person, 1200)
    code, out, wrong = await crm("tail", "--after", 0, "--most", 3)
    assert (code, wrong) == (0, "")
    assert "\x1b" not in out, "colours are for terminals"
    heads = [line for line in out.splitlines() if not line.startswith(" ")]
    assert [line.split("  ")[1] for line in heads] == ["contact.registered", "member.enrolled", "transaction.recorded"]
    assert heads[0].startswith("2026-01-01 09:00:01.000") and all(f"customer {person}" in line and "by agent:7" in line for line in heads)
    assert "\u2068مریم رضایی\u2069" in out
    shut = await Crm(port, issuer.token(["reporting:read"]))("tail", "--after", 0, "--most", 1, "--colour")
    assert "(sealed)" in shut[1] and "مریم" not in shut[1] and "\x1b[36mcontact.registered" in shut[1]


async def test_the_tail_leaves_out_what_is_not_asked_for(crm: Crm, story: Story) -> None:
    sara, reza = await story.person(), await story.person()
    await story.call(reza)
    await story.buy(sara, 900)
    await story.merge(reza, sara)
    assert ids((await crm("tail", "--json", "--after", 0, "--type", "contact.*", "--type", "member.enrolled", "--most", 5))[1]) == [1, 2, 4, 6, 7]
    assert ids((await crm("tail", "--json", "--after", 0, "--source", "loyalty", "--most", 2))[1]) == [4, 5]
    assert ids((await crm("tail", "--json", "--after", 3, "--customer", reza, "--most", 4))[1]) == [4, 5, 6, 7], "with the id merged into it"
    since = (START + timedelta(seconds=4)).isoformat()
    assert ids((await crm("tail", "--json", "--from", since, "--source", "contacts", "--most", 1))[1]) == [6]


async def test_the_tail_begins_now_and_goes_on_over_a_restart_without_a_gap(app: FastAPI, story: Story, issuer: Issuer) -> None:
    person = await story.person()
    seen: list[int] = []

    async def watch(process: asyncio.subprocess.Process, until: int) -> None:
        assert process.stdout is not None
        async with asyncio.timeout(SOON):
            while not seen or seen[-1] < until:
                seen.append(json.loads(await process.stdout.readline())["journalid"])

    async with serving(app) as port:
        process = await Crm(port, issuer.token(EVERYTHING)).start("tail", "--json")
        watching = asyncio.create_task(watch(process, 2))
        async with asyncio.timeout(SOON):
            while not watching.done():
                await story.call(person)
                await asyncio.sleep(0.05)
        await watching
    for _ in range(20):  # told while nobody answers
        await story.call(person)
    last = len(story.teller.told)
    async with serving(app, port):
        await watch(process, last)
        process.terminate()
        await process.wait()
    assert seen[0] > 1, "what was told before is left out"
    assert seen == list(range(seen[0], last + 1))


async def test_an_export_is_the_range_and_ends_where_the_journal_ended(crm: Crm, story: Story, tmp_path: Path) -> None:
    person = await story.person()
    for _ in range(8):
        await story.call(person)
    code, out, wrong = await crm("export")
    assert (code, wrong) == (0, "9 events, up to position 9\n")
    assert ids(out) == list(range(1, 10))
    assert ids((await crm("export", "--after", 3, "--until", 6))[1]) == [4, 5, 6]
    assert ids((await crm("export", "--until", 0))[1]) == []
    middle = [(START + timedelta(seconds=number)).isoformat() for number in (4, 7)]
    assert ids((await crm("export", "--from", middle[0], "--to", middle[1]))[1]) == [4, 5, 6]
    assert ids((await crm("export", "--from", "1h"))[1]) == []
    file = tmp_path / "all.ndjson"
    assert (await crm("export", "-o", file))[0] == 0
    assert file.read_text() == out
    assert (await crm("export", "-o", file))[0] == 2 and file.read_text() == out, "a file that is there is not written over"


@pytest.mark.parametrize("cut", [0, 1, 700, -1, -40])
async def test_an_export_that_was_cut_off_goes_on_where_the_file_ends(crm: Crm, story: Story, tmp_path: Path, cut: int) -> None:
    person = await story.person()
    for _ in range(5):
        await story.call(person)
    whole, file = (await crm("export"))[1], tmp_path / "all.ndjson"
    file.write_bytes(whole.encode()[: cut or None] if cut else b"")
    assert (await crm("export", "-o", file, "--resume"))[0] == 0
    assert file.read_text() == whole
    assert (await crm("export", "-o", file, "--resume"))[2] == "0 events, up to position 6\n"


async def test_what_is_asked_wrongly_is_said_in_a_line(crm: Crm, port: int, story: Story, tmp_path: Path) -> None:
    await story.person()
    strange = tmp_path / "strange.ndjson"
    strange.write_text("nothing of ours\n")
    cases: list[tuple[Crm, tuple[object, ...], int, str]] = [
        (crm, ("tail", "--type", "contact.danced"), 2, "No service tells of the type"),
        (crm, ("tail", "--from", "noon"), 2, "--from is a moment"),
        (crm, ("tail", "--from", "2026-03-01T12:00"), 2, "--from is a moment with its offset"),
        (crm, ("tail", "--customer", "somebody"), 2, "customer_id"),
        (crm, ("export", "--after", 7), 2, "The journal ends at 1"),
        (crm, ("export", "--resume"), 2, "name it with --output"),
        (crm, ("export", "--resume", "-o", strange), 2, "is no export"),
        (Crm(port, ""), ("tail",), 2, "Set TOKEN"),
        (Crm(port, "nonsense"), ("tail",), 2, "401"),
        (Crm(1, "nonsense"), ("--patience", 0, "export"), 1, "Reporting does not answer"),
    ]
    for program, words, code, said in cases:
        told = await program(*words)
        assert (told[0], said in told[2], told[1]) == (code, True, ""), (words, told)
        assert len(told[2].splitlines()) == 1, told


async def test_what_people_wrote_moves_no_terminal(crm: Crm, story: Story) -> None:
    person = await story.person()
    text = "\x1b[2J\u202eevil\r\nدو\x07"
    await story.tell(NoteAdded(note_id=uuid.uuid4(), text=await story.sealed(person, text, "text")), person)
    out = (await crm("tail", "--after", 1, "--most", 1))[1]
    assert not {"\x1b", "\u202e", "\r", "\x07"} & set(out)
    assert safe(text) == "\u2068�[2J�evil� دو�\u2069"


def test_a_withheld_event_and_one_about_nobody_are_shown_too() -> None:
    line: dict[str, Any] = {
        "type": "target.set", "source": "/reporting", "streamid": "s-1", "time": "2026-03-01T12:00:00.000Z", "position": "3", "journalid": 9, "data": None,
        "withheld": "its payload does not fit its schema",
    }  # fmt: skip
    told = shown(json.dumps(line).encode(), coloured=False)
    assert "stream s-1" in told and told.endswith("withheld                     its payload does not fit its schema")
