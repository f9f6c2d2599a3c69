"""Does the description for Docker say the same as the local stack, and would Docker accept it?"""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from crm_local.jars import pinned
from crm_local.parts import PARTS, SERVICES, VAULT
from crm_local.postgres import STACK

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
RUN: dict[str, dict[str, Any]] = COMPOSE["services"]


def check(file: Path) -> subprocess.CompletedProcess[str]:
    words = [Path(sys.executable).parent / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", file]
    return subprocess.run(words, capture_output=True, text=True)


def test_docker_would_accept_the_file() -> None:
    checked = check(DEPLOY / "compose.yaml")
    assert checked.returncode == 0, checked.stdout


def test_a_slip_in_the_file_would_be_found(tmp_path: Path) -> None:
    slip = tmp_path / "compose.yaml"
    slip.write_text((DEPLOY / "compose.yaml").read_text().replace("  kafka:\n    image:", "  kafka:\n    imagee:", 1))
    assert check(slip).returncode == 1


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_each_process_of_the_stack_runs_with_docker_too(part) -> None:
    run = RUN[part.name]
    assert run["command"] == [part.role]
    assert run["image"] == f"crm-{part.service}"
    assert run["environment"][part.port_setting] == str(part.port)
    assert f":{part.port}/readyz" in run["healthcheck"]["test"][-1]
    assert run["depends_on"][f"migrate-{part.service}"] == {"condition": "service_completed_successfully"}
    assert run["depends_on"]["kafka"] == {"condition": "service_healthy"}
    assert ("MASTER_KEY" in run["environment"]) is (part.role != "projector")


def test_the_servers_are_the_same_ones() -> None:
    kafka = next(coordinate.rpartition(":")[2] for coordinate in pinned() if coordinate.startswith("org.apache.kafka:kafka_2.13:"))
    assert RUN["kafka"]["image"] == f"apache/kafka:{kafka}"
    told = {word for word in RUN["postgres"]["command"] if "=" in word}
    assert told == {f"{name}={value}" for name, value in STACK.items() if name != "synchronous_commit"}  # on is its default


def test_postgres_keeps_its_data_where_the_image_wants_it() -> None:
    assert "pgdata:/var/lib/postgresql" in RUN["postgres"]["volumes"]


def test_each_service_has_its_own_database_and_limit() -> None:
    script = (DEPLOY / "compose" / "databases.sh").read_text()
    for owner in (*SERVICES, VAULT):
        assert f'make {owner.database} "${owner.name.upper()}_PASSWORD" {owner.connections}\n' in script


def test_every_secret_asked_for_is_in_the_example() -> None:
    asked = {word.split(":")[0].strip("{") for word in (DEPLOY / "compose.yaml").read_text().split("$")[1:]}
    example = {line.partition("=")[0] for line in (DEPLOY / "compose" / "example.env").read_text().splitlines() if "=" in line and not line.startswith("#")}
    assert asked == example


def test_only_the_loopback_address_is_published() -> None:
    published = [port for run in RUN.values() for port in run.get("ports", [])]
    assert published
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []
