"""Which commands is a file of contacts? CSV with a heading, or NDJSON with the same names; packed or not.

`key` is the source's own key of the contact, and all that must be there. Lists are JSON lists in NDJSON, and parted by | in CSV.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from crm_importers.command import Command, about_contact, creation, id_of
from crm_importers.reading import opened
from crm_importers.sending import Stopped
from crm_importers.tally import Refusal

PLAIN = ("kind", "name", "type", "language", "time_zone", "occurred_at")  # as registerContact takes them
DETAILS = ("address", "birthday", "organisation_name")  # as changeContact takes them
IDENTIFIERS = {"emails": "email", "phones": "phone", "national_ids": "national_id", "loyalty_cards": "loyalty_card"}
LISTS = ("roles", *IDENTIFIERS)
CONSENT = "consent_"  # consent_marketing_email: granted, denied or withdrawn
TEXT_VERSION = "consent_text_version"
PURPOSES = ("marketing", "service", "survey", "profiling", "sharing")
CHANNELS = ("email", "sms", "phone", "post", "push", "any")
CONSENTS = tuple(f"{CONSENT}{purpose}_{channel}" for purpose in PURPOSES for channel in CHANNELS)
COLUMNS = ("key", *PLAIN, *LISTS, *DETAILS, TEXT_VERSION, *CONSENTS)


def read(file: Path, system: str) -> tuple[list[Command], list[Refusal]]:
    """The commands for each contact in the order of the file, and the lines that are none. `system`: what the source is called. Raises Stopped."""
    commands: list[Command] = []
    refused: list[Refusal] = []
    keys: set[str] = set()
    with opened(file) as text:
        packed = file.name.removesuffix(".gz")
        rows = _lines_of_json(text) if packed.endswith((".ndjson", ".jsonl")) else _rows_of_csv(file, text.read())
        for line, row in rows:
            wrong = row if isinstance(row, str) else _misfit(row, keys)
            if isinstance(row, str) or wrong:
                refused.append(Refusal(line, "row", "unreadable", str(wrong)))
            else:
                keys.add(str(row["key"]))
                commands.extend(commands_of(row, system, line))
    return commands, refused


def commands_of(row: Mapping[str, Any], system: str, line: int = 0) -> Iterator[Command]:
    """Registration; then what registration does not take; then a consent each. Nothing told is nothing sent."""
    key, told = str(row["key"]), {name: value for name, value in row.items() if value not in (None, "", [])}
    contact, when = id_of(system, "contact", key), {"occurred_at": told["occurred_at"]} if "occurred_at" in told else {}
    identifiers: list[dict[str, str]] = [{"kind": "external", "system": system, "value": key}]
    identifiers += [{"kind": kind, "value": value} for name, kind in IDENTIFIERS.items() for value in told.get(name, ())]
    body = {"id": contact, "kind": "person", **{name: told[name] for name in (*PLAIN, "roles") if name in told}}
    body |= {"identifiers": identifiers, "source": {"system": system, "reference": key}}
    yield creation("contacts", "registerContact", body, (system, "registerContact", key), line=line)
    if details := {name: told[name] for name in DETAILS if name in told}:
        yield about_contact(contact, "changeContact", (system, "changeContact", key), {**details, **when}, line=line)
    for name in CONSENTS:
        if name in told:
            _, purpose, channel = name.split("_")
            path = {"contact_id": contact, "purpose": purpose, "channel": channel}
            said = {"status": told[name], "text_version": told.get(TEXT_VERSION, "import"), **when}
            yield Command("contacts", "setConsent", contact, id_of(system, "setConsent", key, purpose, channel), path, said, line)


def _rows_of_csv(file: Path, text: str) -> Iterator[tuple[int, dict[str, Any] | str]]:
    heading = text.partition("\n")[0]
    rows = csv.reader(io.StringIO(text), delimiter=";" if heading.count(";") > heading.count(",") else ",")
    names = [name.strip() for name in next(rows, [])]
    unknown = [name for name in names if name not in COLUMNS]
    if "key" not in names or unknown:
        raise Stopped(f"{file}: {'there is no column key' if 'key' not in names else 'no such columns: ' + ', '.join(unknown)}. See docs/importing.md.")
    started = rows.line_num + 1
    for values in rows:
        line, started = started, rows.line_num + 1
        if len(values) > len(names):
            yield line, "there are more values than columns."
        elif values:
            yield line, {name: _list(value) if name in LISTS else value.strip() for name, value in zip(names, values, strict=False)}


def _list(value: str) -> list[str]:
    return [part.strip() for part in value.split("|") if part.strip()]


def _lines_of_json(lines: Iterable[str]) -> Iterator[tuple[int, dict[str, Any] | str]]:
    for line, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            row = orjson.loads(text)
        except orjson.JSONDecodeError:
            yield line, "this is not JSON."
            continue
        yield line, row if isinstance(row, dict) else "a line is a JSON object."


def _misfit(row: Mapping[str, Any], keys: set[str]) -> str | None:
    key = row.get("key")
    if not isinstance(key, str | int) or not str(key).strip():
        return "`key` is missing: the source's own key of the contact."
    if str(key) in keys:
        return "this `key` stands in an earlier line."
    if unknown := [name for name in row if name not in COLUMNS]:
        return f"there is nothing called {', '.join(unknown)[:100]}."
    if wrong := [name for name in LISTS if row.get(name) is not None and not isinstance(row[name], list)]:
        return f"{', '.join(wrong)}: write a list."
    return None
