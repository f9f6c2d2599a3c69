"""Does the report that CI prints name who would break, against the commit before, and does the change log know of every schema as it is?"""

import copy
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from crm_contract.schema_report import compared, kept, kept_at, now, report
from crm_events import changes, export
from crm_events.registry import REGISTRY
from crm_events.schemas import PUBLISHED, text

Changed = dict[tuple[str, int], Any]


def after(change: Any) -> str:
    """The report of a change to the schema of ticket.closed, or of all."""
    told: Changed = copy.deepcopy(dict(now()))
    change(told)
    return report(compared(now(), told), "yesterday")


CLOSED = ("ticket.closed", 1)
CASES = {
    "an optional field": (lambda told: told[CLOSED]["properties"].update(note_id={"type": "string"}), "ticket.closed/1: `note_id` is new. Breaks nobody."),
    "a field less": (
        lambda told: (told[CLOSED]["properties"].pop("cause"), told[CLOSED]["required"].remove("cause")),
        "An old reader cannot read what will be written.",
    ),
    "a narrower word": (lambda told: told[CLOSED]["properties"]["cause"]["enum"].pop(), "A new reader cannot read what was already written."),
    "a version more": (lambda told: told.update({("ticket.closed", 2): told[CLOSED]}), "ticket.closed/2: new. Breaks nobody."),
    "a type less": (lambda told: told.pop(CLOSED), "ticket.closed/1: gone. What was written can no longer be read."),
}


@pytest.mark.parametrize("case", CASES)
def test_the_report_says_of_a_change_whom_it_breaks(case: str) -> None:
    change, said = CASES[case]
    told = after(change)
    assert said in told
    assert ("0 break readers" in told.splitlines()[0]) == said.endswith("Breaks nobody.")
    assert len(told.splitlines()) == 2, "what did not change is counted only"


def test_an_earlier_commit_is_read_from_the_repository_and_one_that_is_not_there_is_told(tmp_path: Path) -> None:
    place = tmp_path / "libs" / "events" / "schemas"
    export.export(place)
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "-qm", "as it was"]):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    file = place / "ticket.closed" / "1.json"
    told = json.loads(file.read_text())
    told["properties"]["cause"]["enum"].append("boredom")
    file.write_bytes(text(told))
    before = kept_at("HEAD", tmp_path)
    assert before == now() != kept(place)
    assert "ticket.closed/1: `cause` is told otherwise. An old reader cannot read what will be written." in report(compared(before, kept(place)), "HEAD")
    assert kept_at("no-such-commit", tmp_path) is None


def test_the_log_knows_every_schema_as_it_is() -> None:
    newest = {(change.type, change.version): change.digest for change in changes.log()}
    assert newest == {(file.parent.name, int(file.stem)): changes.digest(file.read_bytes()) for file in PUBLISHED.glob("*/*.json")}
    assert len(newest) >= len(REGISTRY)
    assert [change.date for change in changes.log()] == sorted(change.date for change in changes.log())


def test_an_export_is_noted_with_what_changed_and_only_then(tmp_path: Path) -> None:
    export.export(tmp_path)
    first = len(changes.log(tmp_path))
    export.export(tmp_path)
    assert len(changes.log(tmp_path)) == first == len(REGISTRY)
    file = tmp_path / "ticket.categorised" / "1.json"
    older = json.loads(file.read_text())
    del older["properties"]["previous"]
    file.write_bytes(text(older))
    assert export.export(tmp_path) == []
    added = changes.log(tmp_path)[first:]
    assert [(change.type, change.version, change.what) for change in added] == [("ticket.categorised", 1, "`previous` is new")]
    assert added[0].digest == changes.digest(file.read_bytes())
    assert f"| {added[0].date} | `previous` is new | ticket.categorised/1 |" in changes.page(tmp_path)
