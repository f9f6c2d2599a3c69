"""Can what was written years ago be read today?"""

import json
from typing import Any

import pytest
from crm_events.event import Code, Event
from crm_events.language.tickets import TicketClosed
from crm_events.registry import REGISTRY, Kind, UnknownType, Unreadable, read
from crm_events.topics import SOURCES


class ParcelSent(Event):
    """A made-up event at its third version: `to` was split, then `carrier` became known."""

    type = "parcel.sent"
    schema_version = 3
    street: Code
    city: Code
    carrier: Code


def split(told: dict[str, Any]) -> dict[str, Any]:
    street, city = told["to"].split(", ")
    return {"street": street, "city": city}


def carry(told: dict[str, Any]) -> dict[str, Any]:
    return told | {"carrier": "post"}


PARCELS = {"parcel.sent": Kind(ParcelSent, "tickets", {1: split, 2: carry})}


@pytest.mark.parametrize(
    ("version", "told"),
    [(1, {"to": "Main St 1, Berlin"}), (2, {"street": "Main St 1", "city": "Berlin"}), (3, {"street": "Main St 1", "city": "Berlin", "carrier": "post"})],
)
def test_every_version_is_read_as_the_newest(version: int, told: dict[str, Any]) -> None:
    assert read("parcel.sent", version, json.dumps(told).encode(), PARCELS) == ParcelSent(street="Main St 1", city="Berlin", carrier="post")


@pytest.mark.parametrize("told", [b'{"away": "Berlin"}', b"[]", b"not json"])
def test_an_old_payload_that_cannot_be_lifted_is_unreadable(told: bytes) -> None:
    with pytest.raises(Unreadable):
        read("parcel.sent", 1, told, PARCELS)


def test_a_version_without_a_way_up_is_refused_when_the_catalogue_is_made() -> None:
    with pytest.raises(ValueError, match="upcaster"):
        Kind(ParcelSent, "tickets", {1: split})


@pytest.mark.parametrize(("type_", "version"), [("parcel.lost", 1), ("ticket.closed", 2)])
def test_what_only_a_newer_build_knows_is_told_apart_from_what_is_broken(type_: str, version: int) -> None:
    with pytest.raises(UnknownType, match=f"{type_}/{version}"):
        read(type_, version, b"{}")


@pytest.mark.parametrize("payload", [b'{"cause": "secret whim"}', b"{}", b"{", b"null"])
def test_a_broken_payload_is_unreadable_and_its_values_stay_out_of_the_message(payload: bytes) -> None:
    with pytest.raises(Unreadable, match=r"ticket\.closed/1") as refusal:
        read("ticket.closed", 1, payload)
    assert "secret" not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_an_event_read_is_of_its_own_class() -> None:
    assert read("ticket.closed", 1, b'{"cause":"agent"}') == TicketClosed(cause="agent")


def test_every_type_has_one_owner_and_goes_to_its_topic() -> None:
    assert {kind.owner for kind in REGISTRY.values()} == set(SOURCES)
    assert all(kind.topic == SOURCES[kind.owner] and kind.type == type_ for type_, kind in REGISTRY.items())
    assert REGISTRY["sla.clock_breached"].topic == "crm.tickets.v1"
    assert REGISTRY["consent.granted"].topic == "crm.contacts.v1"
    assert REGISTRY["tier.qualified"].topic == "crm.loyalty.v1"
    assert REGISTRY["target.set"].topic == "crm.reference.v1"
