"""Would the linter find a slip in a document, as it runs over the committed ones in `make lint`?"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINT = ROOT / "deploy" / "node" / "lint.sh"


def test_the_committed_documents_keep_every_rule() -> None:
    ran = subprocess.run([LINT], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (ran.stdout + ran.stderr).count("validated in") == 5


def slipped(document: Any) -> None:
    asked = document["paths"]["/v1/tickets/{ticket_id}"]["get"]
    asked["operationId"] = "listTickets"
    del asked["description"]
    asked["tags"] = ["unheard-of"]
    content = document["paths"]["/v1/tickets"]["get"]["responses"]["200"]["content"]["application/json"]
    content["examples"] = {"wrong": {"value": {"items": "none"}}}


@pytest.mark.parametrize("rule", ["operation-operationId-unique", "operation-description", "operation-tag-defined", "no-invalid-media-type-examples"])
def test_a_slip_is_named_by_its_rule(rule: str, slips: str) -> None:
    assert rule in slips


@pytest.fixture(scope="module")
def slips(tmp_path_factory: pytest.TempPathFactory) -> str:
    document = json.loads((ROOT / "docs" / "api" / "tickets.json").read_text())
    slipped(document)
    file = tmp_path_factory.mktemp("slips") / "tickets.json"
    file.write_text(json.dumps(document))
    ran = subprocess.run([LINT, file], capture_output=True, text=True)
    assert ran.returncode == 1
    return ran.stdout + ran.stderr
