"""Does the catalogue of events say what the code does: every event, who reads it, its example, and samples that run?"""

import re
from typing import Any

import pytest
from crm_contract.catalogue import PLACE, anchor, pages
from crm_contract.consumed import FOLLOWED, consumers
from crm_contract.event_files import event_files
from crm_events.consuming.record import Record
from crm_events.examples import example
from crm_events.registry import REGISTRY, read
from crm_events.schemas import of_model
from crm_events.store.store import EventStore
from crm_events.told import Told
from crm_loyalty.app import follower_of
from crm_loyalty.settings import LoyaltySettings
from prometheus_client import CollectorRegistry

SECTION = re.compile(r"^## (\S+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def sections() -> dict[str, str]:
    """The kept pages, by event."""
    return {name: text for file in pages() if file.stem != "index" for name, text in SECTION.findall(file.read_text())}


def test_the_kept_pages_are_the_codes() -> None:
    differ = [file.name for file, text in event_files().items() if not file.exists() or file.read_text() != text]
    assert differ == [], "make contract"


def test_every_event_has_its_place_with_meaning_owner_version_example_and_personal_fields() -> None:
    told = sections()
    assert set(told) == set(REGISTRY)
    index = (PLACE / "index.md").read_text()
    for name, kind in REGISTRY.items():
        text = told[name]
        assert of_model(kind.model)["description"] in text
        assert f"| Owner | {kind.owner}, `{kind.topic}`" in text and f"| Version | {kind.schema_version}," in text
        personal = re.search(r"\| Personal \| (.*) \|", text)
        assert personal and set(re.findall(r"`(\w+)`", personal[1])) == kind.personal
        assert f"({kind.owner}.md#{anchor(name)})" in index


def record_of(type_: str) -> Record:
    told, kind = example(type_, "https://crm.example"), REGISTRY[type_]
    headers = {name: value.encode() for name, value in told.headers.items()}
    payload = read(type_, kind.schema_version, _json(told.data)).payload()
    return Record(kind.owner, kind.topic, 0, 0, 0, int(told.headers["ce_position"]), int(told.headers["ce_previous"]), headers, payload)


def _json(data: Any) -> bytes:
    import orjson

    return orjson.dumps(data)


@pytest.mark.parametrize("type_", sorted(REGISTRY))
def test_the_sample_of_an_event_runs_and_prints_it_and_no_other(type_: str, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", sections()[type_], re.DOTALL)
    importing = re.search(r"# (from \S+ import \w+)", code)
    assert importing
    for other in (type_, "note.added" if type_ != "note.added" else "need.recorded"):
        exec(f"{importing[1]}\n{code}", {"told": Told.of(record_of(other), live=True)})
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 1
    assert printed[0].split(" ")[0] == example(type_, "").headers["ce_partitionkey"]


def test_who_reads_an_event_is_what_the_readers_follow() -> None:
    settings: Any = {"database_url": "postgresql://nowhere", "index_key": "A" * 43 + "=", "auth_jwks": "/nowhere"}
    assert set(follower_of(LoyaltySettings(**settings), CollectorRegistry(), object.__new__(EventStore))._handlers) == FOLLOWED["loyalty"]
    assert [who.split(":")[0] for who in consumers("contact.merged")][:2] == ["tickets", "loyalty"]
    assert [who.split(":")[0] for who in consumers("privacy.erased")][:2] == ["tickets", "loyalty"]
    assert [who.split(":")[0] for who in consumers("tickets_erasure.obeyed")][:1] == ["contacts"]
    assert not any("loyalty" in who for who in consumers("ticket.opened"))
    assert not any("inputs of figures" in who for who in consumers("reporting_erasure.obeyed"))
    unread = [type_ for type_ in REGISTRY if len(consumers(type_)) == 1]
    kept = {
        "offer.created",
        "price_change.announced",
        "privacy.restricted",
        "privacy.access_requested",
        "privacy.exported",
        "privacy.refused",
        "privacy.acknowledged",
        "privacy.certified",
        "work.logged",
        "idea.proposed",
        "idea.status_changed",
    }
    assert set(unread) <= kept | {"contact.absorbed", "contact.released", "discount.granted", "sla.policy_applied"}, unread
