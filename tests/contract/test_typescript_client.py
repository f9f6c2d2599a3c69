"""Does the TypeScript client compile under strict settings, refuse wrong use at compile time, and carry a front-end through a day on the running stack?"""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NODE = ROOT / "deploy" / "node"
JOURNEY = Path(__file__).with_name("journey.ts")
STRICT = {"exactOptionalPropertyTypes": True, "types": ["node"], "typeRoots": [str(NODE / "node_modules" / "@types")], "skipLibCheck": True}
HEAD = 'import { connect, contacts, reporting, tickets } from "crm-client";\nconst client = connect({} as never);\n'
KEY = 'headers: { "Idempotency-Key": "k" }'
ASKED = 'customer_id: "x", kind: "question", channel: "web", subject: "s", text: "t"'


@pytest.fixture(scope="module")
def page(session_folder: Path) -> Path:
    """A front-end's folder, in which the client is installed as it was just made."""
    folder = session_folder / "page"
    client = folder / "node_modules" / "crm-client"
    made = subprocess.run([NODE / "client.sh", client], capture_output=True, text=True)
    assert made.returncode == 0, made.stdout + made.stderr
    (folder / "package.json").write_text('{"type": "module"}')
    return folder


def compiled(page: Path, name: str, text: str) -> list[str]:
    """What the compiler says of a program that uses the client; it is at `out/<name>.js` then."""
    folder = page / name
    folder.mkdir()
    (folder / f"{name}.ts").write_text(text)
    options = STRICT | {"rootDir": ".", "outDir": "out", "declaration": False}
    config = {"extends": str(page / "node_modules" / "crm-client" / "tsconfig.json"), "compilerOptions": options, "include": [f"{name}.ts"]}
    (folder / "tsconfig.json").write_text(json.dumps(config))
    ran = subprocess.run([NODE / "node_modules" / ".bin" / "tsc", "--project", folder, "--pretty", "false"], capture_output=True, text=True, env=with_node())
    assert (ran.returncode == 0) == (ran.stdout == ""), ran.stdout + ran.stderr
    return ran.stdout.splitlines()


def with_node(**more: str) -> dict[str, str]:
    return {**os.environ, "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}", **more}


def test_a_page_registers_asks_buys_reads_its_writes_and_follows_across_a_cut(page: Path, stack: Mapping[str, str]) -> None:
    assert compiled(page, "journey", JOURNEY.read_text()) == []
    ran = subprocess.run(["node", page / "journey" / "out" / "journey.js"], capture_output=True, text=True, env=with_node(**stack), timeout=240)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    told = json.loads(ran.stdout)
    assert told["reconnects"] >= 1
    assert {"ticket.message_added", "ticket.resolved", "transaction.recorded", "points.earned"} <= set(told["events"])


WRONG = {
    f"await tickets.openTicket({{ client: client.tickets, body: {{ {ASKED}, priority: 'low' }} }});": "Property 'headers' is missing",
    f"await tickets.openTicket({{ client: client.tickets, {KEY}, body: {{ {ASKED}, priority: 'asap' }} }});": '"asap"\' is not assignable',
    f"await tickets.openTicket({{ client: client.tickets, {KEY}, body: {{ {ASKED} }} }});": "Property 'priority' is missing",
    f"await contacts.registerContact({{ client: client.contacts, {KEY}, body: {{ kind: 'person', nick: 'x' }} }});": "'nick' does not exist",
    "await reporting.getCustomer({ client: client.reporting, path: {} });": "Property 'customer_id' is missing",
    "(await contacts.getContact({ client: client.contacts, path: { contact_id: 'x' } })).data?.name.length;": "possibly 'null'",
}


def test_wrong_use_does_not_compile(page: Path) -> None:
    right = f"await tickets.openTicket({{ client: client.tickets, {KEY}, body: {{ {ASKED}, priority: 'low' }} }});"
    found = compiled(page, "uses", "\n".join([HEAD.rstrip(), right, *WRONG]))
    first = HEAD.count("\n") + 2
    by_line = {int(line.partition("(")[2].partition(",")[0]): line for line in reversed(found) if line.startswith("uses") or "uses.ts(" in line}
    text = "\n".join(found)
    assert first - 1 not in by_line, text
    assert [use for number, use in enumerate(WRONG, first) if number not in by_line] == []
    assert [told for told in WRONG.values() if told not in text] == [], text
