"""Does the program start, serve, stop and tell what it lacks, as an operator meets it?"""

import asyncio
import json
import signal
from pathlib import Path

import asyncpg
import pytest
from crm_chassis import cli
from crm_chassis.budget import CannotStart, check_budget
from crm_chassis.issuer import Issuer
from crm_chassis.migrating import upgrade, upgrade_vault
from crm_chassis.serving import GRACE
from crm_chassis.settings import ServiceSettings, load
from desk.living import KEY, alive, client
from desk.program import environment_of, served, told
from desk.service import DeskSettings, desk
from jars import JARS
from problem_asserts import keyed, problem
from pydantic import ValidationError


@pytest.fixture
def environment(database: str, issuer: Issuer) -> dict[str, str]:
    return environment_of(database, issuer)


async def test_a_service_migrates_serves_and_ends_when_asked(environment: dict[str, str], issuer: Issuer) -> None:
    assert await told(environment, "migrate") == (0, "contacts: the tables are up to date; 0 rows refolded.\n")
    staff = {"Authorization": f"Bearer {issuer.token()}"}
    async with served(environment) as (http, process):
        assert (await http.get("/readyz")).status_code == 200
        made = await http.post("/v1/jars", json={"text": "راز ann@example.org"}, headers=staff | keyed())
        assert made.status_code == 201 and (await http.get(made.headers["Location"], headers=staff)).json() == made.json()
        problem(await http.post("/v1/jars", content=b'{"text":"' + b"x" * (4 << 20) + b'"}', headers=staff | keyed()), 413, "body-too-large")
        assert (await http.get("/v1/jars?limit=1", headers=staff)).status_code == 200, "the connection goes on after the refusal"
        problem(await http.post("/v1/fails/bug", headers=staff), 500, "internal-error")
        async with http.stream("GET", "/v1/ticks", headers=staff) as ticks:
            lines = ticks.aiter_lines()
            assert await anext(lines) == ": begin"
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(GRACE * 0.9):
                assert [line async for line in lines] == [""], "the stream is ended, and ended properly"
        output = (await asyncio.wait_for(process.communicate(), GRACE * 3))[0].decode()
    lines = [json.loads(line) for line in output.splitlines()]
    assert process.returncode in (0, -signal.SIGTERM), output
    assert {"connection_budget", "unexpected_error"} <= {line["event"] for line in lines}
    assert all(line["service"] == "contacts" and line["at"] for line in lines)
    assert "example.org" not in output and "limit=1" not in output


async def test_without_tables_it_says_what_to_do(database: str, desk_settings) -> None:
    with pytest.raises(CannotStart, match="Run: contacts migrate"):
        async with alive(desk(desk_settings(database))):
            pass


async def test_two_processes_that_migrate_at_once_do_it_once(database: str) -> None:
    await asyncio.gather(*(upgrade("desk", database) for _ in range(2)), *(upgrade_vault(database) for _ in range(2)))
    connection = await asyncpg.connect(database)
    assert await connection.fetch("select version_num from alembic_version") == [("0001",)]
    await connection.close()


async def test_verify_names_a_row_that_is_not_its_fold(fresh_desk: str, desk_settings, staff: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    settings = desk_settings(fresh_desk)
    async with alive(desk(settings)) as app, client(app) as http:
        made = await http.post("/v1/jars", json={"text": "a"}, headers=staff | keyed())
    assert await cli._verify("contacts", settings, [JARS]) == 0
    assert "contacts: 1 streams, 1 events, equal to their folds.\n" in capsys.readouterr().out
    connection = await asyncpg.connect(fresh_desk)
    await connection.execute("update streams set state = jsonb_set(state, '{notes}', '7')")
    await connection.close()
    assert await cli._verify("contacts", settings, [JARS]) == 1
    assert made.json()["id"] in capsys.readouterr().out


async def test_a_database_that_goes_away_is_a_503_until_it_is_back(fresh_desk: str, desk_settings, staff: dict[str, str], databases) -> None:
    name = fresh_desk.rpartition("/")[2]
    async with alive(desk(desk_settings(fresh_desk))) as app, client(app) as http:
        made = await http.post("/v1/jars", json={"text": "a"}, headers=staff | keyed())
        await databases.admin.execute(f"alter database {name} allow_connections false")
        await databases.admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
        key = keyed()
        problem(await http.post("/v1/jars", json={"text": "b"}, headers=staff | key), 503, "dependency-unavailable")
        read = await http.get(made.headers["Location"], headers=staff)
        assert problem(read, 503, "dependency-unavailable") and read.headers["Retry-After"]
        assert (await http.get("/readyz")).status_code == 503 and (await http.get("/healthz")).status_code == 200
        await databases.admin.execute(f"alter database {name} allow_connections true")
        async with asyncio.timeout(10):
            while (await http.get("/readyz")).status_code != 200:
                await asyncio.sleep(0.02)
        again = await http.post("/v1/jars", json={"text": "b"}, headers=staff | key)
        assert again.status_code == 201 and (await http.get(made.headers["Location"], headers=staff)).status_code == 200


def test_settings_that_do_not_fit_are_named_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    for name, value in {"INDEX_KEY": "not-a-key", "PORT": "x", "AUTH_JWKS": "x"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        load(DeskSettings)
    assert {"DATABASE_URL", "INDEX_KEY", "PORT"} <= set(str(ended.value).replace(":", " ").split())
    assert "not-a-key" not in str(ended.value)


async def test_a_program_that_finds_no_database_ends_with_one_line(desk_settings) -> None:
    settings = desk_settings("postgresql://127.0.0.1:1/x")
    with pytest.raises(SystemExit, match="Check DATABASE_URL"):
        await asyncio.to_thread(cli.run, cli._verify("contacts", settings, [JARS]))


def test_production_is_not_started_with_the_development_issuer() -> None:
    with pytest.raises(ValidationError, match="AUTH_ISSUER"):
        ServiceSettings(database_url="x", index_key=KEY, auth_jwks="x", environment="production")
    assert (
        ServiceSettings(database_url="x", index_key=KEY, auth_jwks="x", environment="production", auth_issuer="https://id.example").environment == "production"
    )


async def test_more_connections_than_the_role_may_have_are_refused_at_the_start(database: str, databases) -> None:
    name = f"r_{database.rpartition('_')[2]}"
    await databases.admin.execute(f"create role {name} login connection limit 5")
    connection = await asyncpg.connect(database.replace("postgres@", f"{name}@"))
    try:
        await check_budget(connection, {"read": 4, "append": 1})
        with pytest.raises(CannotStart, match=f"6 database connections.*{name} may have 5"):
            await check_budget(connection, {"read": 4, "append": 2})
    finally:
        await connection.close()
        await databases.admin.execute(f"drop role {name}")


async def test_a_failed_migration_leaves_nothing_behind(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = tmp_path / "halfway" / "migrations" / "versions"
    versions.mkdir(parents=True)
    (tmp_path / "halfway" / "__init__.py").touch()
    twice = "    op.execute('create table a ()')\n" * 2
    (versions / "0001.py").write_text(f"from alembic import op\nrevision = '1'\ndown_revision = None\ndef upgrade():\n{twice}")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(Exception, match="already exists"):
        await upgrade("halfway", database)
    connection = await asyncpg.connect(database)
    assert await connection.fetchval("select count(*) from pg_tables where schemaname = 'public'") == 0
    await connection.close()
