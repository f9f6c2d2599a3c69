"""Is each process told what it needs, no more, and nothing where others can read it?"""

from pathlib import Path

import pytest
from crm_local import addresses, sheet
from crm_local.failures import CannotStart
from crm_local.keyring import Keyring
from crm_local.parts import PARTS, RECONCILER, SERVICES, VAULT, Part
from crm_local.telling import Surroundings, environment
from crm_local.watching import lines, logs

RING = Keyring("master", "index", {owner.database: f"secret-of-{owner.name}" for owner in (*SERVICES, VAULT)} | {RECONCILER.role: "secret-of-reconciler"})
AROUND = Surroundings(
    "postgresql://postgres:super@127.0.0.1:15432/postgres",
    "127.0.0.1:19092",
    Path("/keys/jwks.json"),
    RING,
    addresses.Addresses(False, {part.name: part.port for part in PARTS}),
)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_a_process_gets_its_own_database_and_never_the_superuser(part: Part) -> None:
    told = environment(part, AROUND, {})
    assert told["DATABASE_URL"] == f"postgresql://crm_{part.service}:secret-of-{part.service}@127.0.0.1:15432/crm_{part.service}"
    assert "super" not in "".join(told.values())
    assert told[part.port_setting] == str(part.port)


def test_the_projector_cannot_open_personal_data() -> None:
    told = {part.name: environment(part, AROUND, {}) for part in PARTS}
    assert {name for name, values in told.items() if "MASTER_KEY" not in values and "VAULT_DATABASE_URL" not in values} == {"projector"}
    assert {name for name, values in told.items() if "VAULT_DATABASE_URL" not in values} == {"projector", "webhooks"}


def test_only_the_reporting_api_may_read_the_writers_databases() -> None:
    told = {part.name: environment(part, AROUND, {}) for part in PARTS}
    assert {name for name, values in told.items() if "TICKETS_DATABASE_URL" in values} == {"reporting"}
    assert told["reporting"]["TICKETS_DATABASE_URL"] == "postgresql://crm_reconciler:secret-of-reconciler@127.0.0.1:15432/crm_tickets"


def test_the_callers_own_settings_stay_outside_but_for_those_meant_for_the_stack() -> None:
    outside = {"PORT": "1", "DATABASE_URL": "postgresql://elsewhere/x", "HOST": "0.0.0.0", "LOG_LEVEL": "debug"}
    told = environment(PARTS[0], AROUND, outside)
    assert (told["PORT"], told["HOST"], told["LOG_LEVEL"]) == ("8001", "127.0.0.1", "debug")
    assert "elsewhere" not in told["DATABASE_URL"]


def test_ports_stay_from_up_to_down(tmp_path: Path) -> None:
    first = addresses.choose(tmp_path, fresh=True)
    addresses.keep(tmp_path, first)
    assert addresses.choose(tmp_path, fresh=False) == first
    assert len(set(first.ports.values())) == len(first.ports)
    addresses.forget(tmp_path)
    assert addresses.choose(tmp_path, fresh=False).url("tickets") == "http://127.0.0.1:8002"


@pytest.mark.parametrize("fresh", [True, False])
def test_a_part_that_a_newer_release_has_gets_a_port_too(tmp_path: Path, fresh: bool) -> None:
    older = addresses.choose(tmp_path, fresh=fresh)
    addresses.keep(tmp_path, addresses.Addresses(fresh, {name: port for name, port in older.ports.items() if name != "webhooks"}))
    newer = addresses.choose(tmp_path, fresh=not fresh)
    assert newer.ports.keys() == older.ports.keys()
    assert {name: port for name, port in newer.ports.items() if name != "webhooks"}.items() <= older.ports.items()
    assert newer.url("webhooks") != newer.url("reporting")


def test_a_client_finds_addresses_and_a_token_in_one_private_file(tmp_path: Path) -> None:
    sheet.write(tmp_path / "stack", AROUND.addresses, "127.0.0.1:19092", "a.b.c")
    file = tmp_path / "stack.env"
    assert file.read_text().splitlines() == [
        "CONTACTS_URL=http://127.0.0.1:8001",
        "TICKETS_URL=http://127.0.0.1:8002",
        "LOYALTY_URL=http://127.0.0.1:8003",
        "REPORTING_URL=http://127.0.0.1:8004",
        "KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:19092",
        "TOKEN=a.b.c",
    ]
    assert file.stat().st_mode & 0o077 == 0


def test_a_followed_log_shows_new_lines_once_and_whole(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    log = tmp_path / "logs" / "tickets.log"
    log.write_text("before\n")
    shown = lines(logs(tmp_path, "tickets"), follow=True)
    assert next(shown) == "before"
    with log.open("a") as file:
        file.write("after\nhalf")
    assert next(shown) == "after"
    with log.open("a") as file:
        file.write(" and half\n")
    assert next(shown) == "half and half"


def test_a_log_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "tickets.log").touch()
    with pytest.raises(CannotStart, match="no log named ticket; there are: tickets"):
        logs(tmp_path, "ticket")
