"""Are a file's contacts registered as it describes them?"""

import gzip
from pathlib import Path
from typing import Any

import orjson
import pytest
from crm_importers import contacts_file
from crm_importers.command import Command
from crm_importers.contacts_file import COLUMNS, read
from crm_importers.sending import Stopped
from sample_files import written

CSV = (
    "key,name,roles,emails,phones,birthday,consent_marketing_email,consent_text_version,occurred_at\n"
    '7,"رضایی، مریم",buyer|consumer,maryam@example.com,۰۹۹۹ ۰۰۰ ۰۰۰۱|+44 7700 900123,1980-04-01,granted,2024-1,2020-01-01T10:00:00Z\n'
    "8,Tom,,,,,,,\n"
)


def bodies(commands: list[Command]) -> list[tuple[str, dict[str, Any]]]:
    return [(command.operation, dict(command.body or {})) for command in commands]


def of_csv(tmp_path: Path, text: str) -> list[Command]:
    (tmp_path / "contacts.csv").write_text(text)
    commands, refused = read(tmp_path / "contacts.csv", "old-crm")
    assert refused == []
    return commands


def test_a_row_becomes_a_contact_its_details_and_its_consents(tmp_path: Path) -> None:
    (one, registered), (two, changed), (three, consent), (four, other) = bodies(of_csv(tmp_path, CSV))
    assert (one, two, three, four) == ("registerContact", "changeContact", "setConsent", "registerContact")
    assert (registered["name"], registered["roles"], registered["kind"]) == ("رضایی، مریم", ["buyer", "consumer"], "person")
    assert registered["identifiers"] == [
        {"kind": "external", "system": "old-crm", "value": "7"},
        {"kind": "email", "value": "maryam@example.com"},
        {"kind": "phone", "value": "۰۹۹۹ ۰۰۰ ۰۰۰۱"},
        {"kind": "phone", "value": "+44 7700 900123"},
    ]
    assert changed == {"birthday": "1980-04-01", "occurred_at": "2020-01-01T10:00:00Z"}
    assert consent == {"status": "granted", "text_version": "2024-1", "occurred_at": "2020-01-01T10:00:00Z"}
    assert set(other) == {"id", "kind", "name", "identifiers", "source"}


def test_csv_and_ndjson_packed_or_not_say_the_same(tmp_path: Path) -> None:
    rows = [
        {"key": 7, "name": "رضایی، مریم", "roles": ["buyer", "consumer"], "emails": ["maryam@example.com"], "phones": ["۰۹۹۹ ۰۰۰ ۰۰۰۱", "+44 7700 900123"],
         "birthday": "1980-04-01", "consent_marketing_email": "granted", "consent_text_version": "2024-1", "occurred_at": "2020-01-01T10:00:00Z"},
        {"key": "8", "name": "Tom", "emails": None},
    ]  # fmt: skip
    with gzip.open(tmp_path / "contacts.ndjson.gz", "wb") as file:
        file.write(b"\n".join(map(orjson.dumps, rows)))
    commands, refused = read(tmp_path / "contacts.ndjson.gz", "old-crm")
    assert refused == []
    assert [command.encoded() for command in commands] == [command.encoded() for command in of_csv(tmp_path, CSV)]


def test_a_spreadsheets_semicolons_and_mark_at_the_beginning_are_read(tmp_path: Path) -> None:
    assert bodies(of_csv(tmp_path, "\ufeffkey;name\n1;Edith\n"))[0][1]["name"] == "Edith"


def test_a_name_over_two_lines_does_not_shift_the_line_numbers(tmp_path: Path) -> None:
    commands = of_csv(tmp_path, 'key,name\n1,"Edith\nReed"\n2,Tom\n')
    assert [command.line for command in commands] == [2, 4]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'{"name": "x"}', "key"),
        (b'{"key": "1", "nmae": "x"}', "nmae"),
        (b'{"key": "1", "emails": "a@example.com"}', "list"),
        (b"[1]", "object"),
        (b"{", "JSON"),
    ],
)
def test_a_line_that_is_no_contact_is_named(tmp_path: Path, line: bytes, why: str) -> None:
    (tmp_path / "contacts.ndjson").write_bytes(b'{"key": "0"}\n' + line + b'\n{"key": "2"}\n')
    commands, refused = read(tmp_path / "contacts.ndjson", "s")
    assert [command.line for command in commands] == [1, 3]
    assert refused[0].line == 2
    assert why in refused[0].detail


def test_a_key_told_twice_is_named(tmp_path: Path) -> None:
    _, refused = read(written(tmp_path / "c.csv", ["key,name", "1,Edith", "1,Tom"]), "s")
    assert [(refusal.line, refusal.detail) for refusal in refused] == [(3, "this `key` stands in an earlier line.")]


def test_a_column_nobody_knows_stops_the_import(tmp_path: Path) -> None:
    with pytest.raises(Stopped, match="fax"):
        read(written(tmp_path / "c.csv", ["key,fax", "1,2"]), "s")


def test_the_page_names_every_column() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "importing.md").read_text()
    named = [column for column in COLUMNS if column not in contacts_file.CONSENTS]
    assert [column for column in named if f"`{column}`" not in page] == []
    assert "`consent_<purpose>_<channel>`" in page
