"""Do the commands a person types say what they do, and say plainly what is missing?"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jwt
import pytest
from click.testing import Result
from crm_local.cli import app
from crm_local.jars import pinned
from crm_local.parts import KAFKA_PORT, PARTS, POSTGRES_PORT
from crm_local.telling import FOR_ALL
from typer.testing import CliRunner

ROOT = Path(__file__).resolve().parents[2]
CLI = Path(sys.executable).parent / "crm-local"


def run(*words: str | Path, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=cwd, env=os.environ | environment, capture_output=True, text=True)


def typed(*words: str | Path) -> Result:
    """The same program in this process: its start takes a second that a test need not wait."""
    return CliRunner().invoke(app, [str(word) for word in words])


def test_make_alone_lists_every_command_with_a_line_each() -> None:
    shown = run("make", "--no-print-directory").stdout
    targets = set(re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE).group(1).split())
    assert {line.split()[1] for line in shown.splitlines()} == targets
    assert all(len(line.split()) > 3 for line in shown.splitlines())


def test_an_import_without_a_file_says_how_to_name_one() -> None:
    told = run("make", "--no-print-directory", "-o", ".venv/.installed", "import")
    assert (told.returncode, "make import HELPDESK=" in told.stderr) == (2, True)


def test_a_machine_without_a_suitable_python_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    shutil.copy(ROOT / "deploy" / "setup.sh", tmp_path / "deploy")
    told = run(tmp_path / "deploy" / "setup.sh", cwd=tmp_path, PYTHON="/bin/false")
    assert (told.returncode, "not a Python 3.11 or newer" in told.stderr) == (1, True)


def test_a_token_is_all_that_is_printed(tmp_path: Path) -> None:
    told = run(CLI, "token", "--data", tmp_path, "--scopes", "self", "--customer", "0190a6f2-0000-7000-8000-000000000001", "--days", "2")
    claims = jwt.decode(told.stdout.strip(), options={"verify_signature": False})
    assert claims["scope"] == "self"
    assert claims["customer_id"] == "0190a6f2-0000-7000-8000-000000000001"
    assert claims["exp"] - claims["iat"] == 2 * 86_400
    assert told.stderr == ""


def test_a_token_without_wishes_has_every_scope_but_self(tmp_path: Path) -> None:
    claims = jwt.decode(typed("token", "--data", tmp_path).stdout.strip(), options={"verify_signature": False})
    assert {"contacts:write", "reporting:admin", "personal:read", "ops:write"} <= set(claims["scope"].split())
    assert "self" not in claims["scope"].split()


@pytest.mark.parametrize("words", [("--scopes", "tickets:wirte"), ("--scopes", "self"), ("--customer", "nobody")])
def test_a_token_that_cannot_be_is_refused_in_one_line(tmp_path: Path, words: tuple[str, str]) -> None:
    told = typed("token", "--data", tmp_path, *words)
    assert (told.exit_code, told.stdout, len(told.stderr.splitlines())) == (1, "", 1)


def test_a_stack_that_is_down_is_shown_as_down(tmp_path: Path) -> None:
    told = typed("status", "--data", tmp_path)
    assert (told.exit_code, told.stdout.count("does not run")) == (1, len(PARTS))


def test_the_page_about_the_local_stack_names_what_there_is() -> None:
    page = (ROOT / "docs" / "local-stack.md").read_text()
    for part in PARTS:
        assert f"{part.name} " in page
        assert f":{part.port} " in page
    assert f"127.0.0.1:{POSTGRES_PORT} " in page
    assert f"127.0.0.1:{KAFKA_PORT} " in page
    assert f"Kafka's {len(pinned())} archives" in page
    assert set(FOR_ALL) == set(re.findall(r"`([A-Z_]+)`", page[page.index("* `LOG_LEVEL`") : page.index("are passed on")]))
    fixtures = {word for row in re.findall(r"^\| (`.*?) \|", page, re.MULTILINE) for word in re.findall(r"`(\w+)`", row)}
    written = set(re.findall(r"@pytest\.fixture.*\n(?:async )?def (\w+)", (ROOT / "tests" / "conftest.py").read_text()))
    assert fixtures <= written
