"""Does a machine come in by its key, as far as its entry says, and not a second longer than it stands in the file?"""

import json
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from crm_chassis.service_keys import LOOK, ServiceKeys, fresh
from crm_chassis.settings import ServiceSettings, load
from desk.living import KEY, alive, client
from desk.service import desk
from problem_asserts import keyed, problem


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    path.write_text('{"keys": []}')
    return path


def entered(file: Path, *entries: dict[str, object]) -> None:
    file.write_text(json.dumps({"keys": entries}))


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def test_a_machine_does_what_its_entry_says_and_is_told_by_name(desk_url: str, desk_settings: Callable[..., ServiceSettings], file: Path) -> None:
    key, entry = fresh("importer", "contacts:write", None)
    entered(file, entry)
    async with alive(desk(desk_settings(desk_url, service_keys=file))) as app, client(app) as http:
        made = await http.post("/v1/jars", json={"text": "چای"}, headers=bearer(key) | keyed())
        assert made.status_code == 201, made.text
        assert made.json()["redacted"] == ["last"], "personal text is for those who may see it"
        problem(await http.get("/v1/jars", headers=bearer(key)), 403, "forbidden")
        problem(await http.get("/v1/jars", headers=bearer(key + "x")), 401, "unauthenticated")
        row = await app.state.store.pool.fetchrow("select metadata from events where stream_id = $1", made.json()["id"])
    assert json.loads(row["metadata"])["actor"] == "service:importer"


async def test_without_a_file_no_key_is_good(http: httpx2.AsyncClient) -> None:
    problem(await http.get("/v1/jars", headers=bearer(fresh("importer", "contacts:read", None)[0])), 401, "unauthenticated")


def test_keys_overlap_end_and_are_taken_out_without_a_restart(file: Path) -> None:
    clock = Clock()
    (old, first), (new, second), (ended, third) = (
        fresh("desk", "contacts:read", None),
        fresh("desk", "contacts:read ops:read", 1),
        fresh("gone", "ops:read", -1),
    )
    entered(file, first, second, third)
    keys = ServiceKeys(file, clock=clock)
    assert keys.of(old) and keys.of(new) and not keys.of(ended)
    entered(file, second)
    assert keys.of(old), "the file is looked at once a second"
    clock.now += LOOK
    assert not keys.of(old)
    assert (found := keys.of(new)) and found.scopes == "contacts:read ops:read"
    file.write_text("{")
    clock.now += LOOK
    assert keys.of(new), "a slip of the pen locks nobody out"
    entered(file)
    clock.now += LOOK
    assert not keys.of(new)


@pytest.mark.parametrize(
    "content",
    [
        "{",
        '{"keys": [{"name": "a"}]}',
        '{"keys": [{"name": "a", "sha256": "abc", "scopes": "ops:read"}]}',
        json.dumps({"keys": [{"name": "a", "sha256": "0" * 64, "scopes": "self"}]}),
        json.dumps({"keys": [{"name": "a", "sha256": "0" * 64, "scopes": "contacts:everything"}]}),
        json.dumps({"keys": [{"name": "ann@example.org", "sha256": "0" * 64, "scopes": "ops:read"}]}),
    ],
)
def test_a_file_that_does_not_fit_is_no_start(file: Path, content: str, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(content)
    with pytest.raises(SystemExit) as ended:
        load(ServiceSettings, database_url="postgresql://x", index_key=KEY, auth_jwks="x", service_keys=file)
    assert "SERVICE_KEYS" in str(ended.value)
    assert "ann@example.org" not in str(ended.value)


def test_the_file_itself_may_be_missing_only_later(file: Path) -> None:
    key, entry = fresh("desk", "ops:read", 0.5)
    entered(file, entry)
    keys = ServiceKeys(file, clock=time.monotonic)
    file.unlink()
    assert keys.of(key)
    with pytest.raises(ValueError, match="cannot be read"):
        ServiceKeys(file)


@pytest.mark.parametrize(("name", "scopes"), [("ann@example.org", "ops:read"), ("", "ops:read"), ("desk", "self"), ("desk", "everything")])
def test_no_key_is_made_that_would_not_be_taken(name: str, scopes: str) -> None:
    with pytest.raises(ValueError, match=r"name|scope"):
        fresh(name, scopes, None)
