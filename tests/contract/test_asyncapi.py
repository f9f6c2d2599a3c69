"""Is what programs are told of the events true, whole and valid by AsyncAPI's own parser, and does its page need nobody?"""

import copy
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest
from browser import shown
from crm_contract.event_files import ASYNCAPI, event_files
from crm_events.examples import example
from crm_events.registry import REGISTRY, read
from crm_events.schemas import of_model
from crm_events.sealing import is_sealed
from crm_events.topics import DECLARED
from jsonschema import Draft202012Validator

CHECK = Path(__file__).resolve().parents[2] / "deploy" / "node" / "asyncapi.sh"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    told: dict[str, Any] = json.loads(event_files()[ASYNCAPI])
    return told


def judged(*files: Path) -> tuple[int, str]:
    ran = subprocess.run([CHECK, "check", *files], capture_output=True, text=True)
    return ran.returncode, ran.stdout + ran.stderr


def test_every_type_is_on_the_channel_of_its_owner_and_every_topic_is_told_as_it_is_declared(document: Mapping[str, Any]) -> None:
    told = {(channel["address"], name) for channel in document["channels"].values() for name in channel["messages"]}
    assert told == {(kind.topic, kind.type) for kind in REGISTRY.values()} | {("crm.customers.v1", "customer.changed")}
    bindings = {channel["address"]: channel["bindings"]["kafka"] for channel in document["channels"].values()}
    for topic in DECLARED:
        binding, configs = bindings[topic.name], topic.configs
        assert (binding["partitions"], binding["topicConfiguration"]["cleanup.policy"]) == (topic.partitions, [configs["cleanup.policy"]])
        assert str(binding["topicConfiguration"]["retention.ms"]) == configs["retention.ms"]


@pytest.mark.parametrize("type_", sorted(REGISTRY))
def test_the_example_of_an_event_is_one_that_a_reader_reads(type_: str) -> None:
    told, kind = example(type_, "https://crm.example"), REGISTRY[type_]
    Draft202012Validator(of_model(kind.model), format_checker=Draft202012Validator.FORMAT_CHECKER).validate(told.data)
    assert json.loads(read(type_, kind.schema_version, json.dumps(told.data).encode()).payload()) == told.data, "nothing in it that the type does not have"
    personal = [told.data[name] for name in kind.personal if told.data.get(name) is not None]
    assert all(is_sealed(each) for value in personal for each in (value if isinstance(value, list) else [value]))
    assert told.headers["ce_dataschema"] == f"https://crm.example/schemas/{type_}/{kind.schema_version}"
    assert ("ce_subject" in told.headers) == (not kind.keyed_by_stream) or kind.model.may_be_about_nobody
    assert told.headers["ce_partitionkey"] == told.headers.get("ce_subject", told.headers["ce_streamid"])


def test_asyncapis_own_parser_finds_nothing_wrong_and_counts_every_message() -> None:
    code, said = judged()
    assert code == 0, said
    assert f"5 channels, {len(REGISTRY) + 1} messages" in said


def broken(document: dict[str, Any]) -> None:
    del document["channels"]["tickets"]["address"]
    document["channels"]["tickets"]["addresses"] = "crm.tickets.v1"
    document["components"]["messages"]["ticket.opened"]["payload"] = {"$ref": "#/components/schemas/nowhere"}


@pytest.mark.parametrize("place", ["/channels/tickets", "/components/messages/ticket.opened/payload"])
def test_the_parser_names_what_is_wrong(document: Mapping[str, Any], tmp_path: Path, place: str) -> None:
    changed, parts = copy.deepcopy(dict(document)), place.split("/")
    whole: dict[str, Any] = copy.deepcopy(dict(document))
    broken(changed)
    target, source = whole, changed
    for part in parts[1:-1]:
        target, source = (each[int(part)] if isinstance(each, list) else each[part] for each in (target, source))
    target[parts[-1]] = source[parts[-1]]
    (tmp_path / "wrong.json").write_text(json.dumps(whole))
    code, said = judged(tmp_path / "wrong.json")
    assert code == 1 and place in said, said


def test_each_service_serves_its_own_part(stack: Mapping[str, str], tmp_path: Path) -> None:
    files, counted = list[Path](), 0
    for service in ("contacts", "tickets", "loyalty", "reporting"):
        told = httpx2.get(f"{stack[f'{service.upper()}_URL']}/asyncapi.json").raise_for_status().json()
        assert set(told["channels"]) == {service} | ({"customers"} if service == "reporting" else set())
        counted += len(told["components"]["messages"])
        files.append(tmp_path / f"{service}.json")
        files[-1].write_text(json.dumps(told))
    code, said = judged(*files)
    assert code == 0, said
    assert counted == len(REGISTRY) + 1


def test_a_browser_draws_the_page_from_the_disk_and_asks_nobody(tmp_path: Path) -> None:
    page = tmp_path / "asyncapi.html"
    made = subprocess.run([CHECK, "page", page], capture_output=True, text=True)
    assert made.returncode == 0, made.stdout + made.stderr
    seen = shown(f"file://{page}", tmp_path)
    assert "crm.tickets.v1" in seen.dom and "ticket.opened" in seen.dom
    assert not seen.asked
