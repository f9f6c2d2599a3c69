"""Does an import's report say of each contact whether it is somebody known already?"""

import json
import os
import random
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from crm_importers.command import Command
from crm_importers.duplicates import Duplicates
from front_end import Client

IMPORT = Path(sys.executable).parent / "crm-import"


def registration(line: int, key: str) -> Command:
    contact = str(uuid.uuid5(uuid.NAMESPACE_URL, key))
    return Command("contacts", "registerContact", contact, key, None, {"id": contact, "source": {"system": "old", "reference": key}}, line)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ({"status": 201, "body": {}}, "registered"),
        ({"status": 201, "body": {}, "replayed": True}, "there_before"),
        ({"status": 409, "problem": {"type": "/problems/identifier-taken", "conflicting_contact_id": "c", "merge": "/v1/merges"}}, "same_as"),
        ({"status": 409, "problem": {"type": "/problems/already-exists", "existing_id": "another"}}, "refused"),
        ({"status": 422, "problem": {"type": "/problems/identifier-blocked", "detail": "nobody"}}, "refused"),
    ],
)
def test_each_answer_has_its_word(tmp_path: Path, answer: dict[str, Any], outcome: str) -> None:
    found = Duplicates("old")
    found.answered(registration(2, "7"), answer)
    found.write(tmp_path / "r", [])
    [told] = map(json.loads, (tmp_path / "r").read_text().splitlines())
    assert (told["outcome"], told["key"], told["line"], told["system"]) == (outcome, "7", 2, "old")
    assert told.get("same_as") == ("c" if outcome == "same_as" else None)


def test_a_file_of_contacts_is_told_who_is_the_same_who_may_be_and_who_was_refused(stack: dict[str, str], tmp_path: Path) -> None:
    client, mark = Client(stack), uuid.uuid4().hex
    day = f"19{random.randint(10, 99)}-0{random.randint(1, 9)}-1{random.randint(0, 9)}"
    known = client.post("contacts", "/v1/contacts", {"kind": "person", "identifiers": [{"kind": "email", "value": f"{mark}@example.org"}]}).json()["id"]
    twin = client.post("contacts", "/v1/contacts", {"kind": "person", "name": f"مریم {mark}"}).json()["id"]
    client.send("contacts", "PATCH", f"/v1/contacts/{twin}", {"birthday": day})
    rows = [
        "key,name,emails,birthday",
        f"1,Somebody,{mark}@Example.org,",
        f"2,مریم {mark},,{day}",
        "3,Nobody,info@example.org,",
        "1,twice,,",
        f"4,New {mark},,",
    ]
    (tmp_path / "people.csv").write_text("\n".join(rows) + "\n")

    def report() -> dict[int, Any]:
        words = ["contacts", tmp_path / "people.csv", "--system", f"old-{mark}", "--report", tmp_path / "report.ndjson"]
        flags = [f"--{name.lower().replace('_', '-')}={value}" for name, value in stack.items() if name.endswith("_URL")]
        done = subprocess.run([str(IMPORT), *flags, *map(str, words)], env=os.environ | {"TOKEN": stack["TOKEN"]}, capture_output=True, text=True)
        assert done.returncode == 1, done.stderr
        return {told["line"]: told for told in map(json.loads, (tmp_path / "report.ndjson").read_text().splitlines())}

    first = report()
    assert {line: told["outcome"] for line, told in first.items()} == {2: "same_as", 3: "registered", 4: "refused", 5: "unreadable", 6: "registered"}
    assert (first[2]["same_as"], first[2]["merge"], first[4]["problem"]) == (known, "/v1/merges", "identifier-blocked")
    assert client.until("contacts", f"/v1/matches?customer_id={twin}", lambda page: bool(page["items"]))
    again = report()
    assert {line: told["outcome"] for line, told in again.items()} == {2: "same_as", 3: "there_before", 4: "refused", 5: "unreadable", 6: "there_before"}
    assert [(each["other_id"], each["rule"]) for each in again[3]["suggested"]] == [(twin, "name-and-birthday")]
    assert again[6]["suggested"] == []
    assert mark not in (tmp_path / "report.ndjson").read_text().replace(f"old-{mark}", ""), "no value of the file but the key"
    client.close()
