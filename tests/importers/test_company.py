"""Is the made-up company the same for the same seed, and could it have happened?"""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from crm_events.identifiers import recognise
from crm_importers.command import Command, instant
from crm_importers.company import contacts, loyalty
from crm_importers.company.person import Company, person
from crm_importers.company.phases import phases
from crm_importers.jalali import gregorian, jalali

END = datetime(2026, 11, 22, tzinfo=UTC)


def told(seed: int = 1, customers: int = 40, end: datetime = END) -> list[Command]:
    return [command for phase in phases(Company(seed, customers, end), {}) for command in phase.commands]


def body(command: Command) -> dict[str, Any]:
    return dict(command.body or {})


def test_a_seed_tells_one_company() -> None:
    assert [command.encoded() for command in told(seed=3)] == [command.encoded() for command in told(seed=3)]
    assert {command.key for command in told(seed=3)}.isdisjoint({command.key for command in told(seed=4)})


def test_a_larger_company_holds_the_smaller_one() -> None:
    small, large = {command.key: command.encoded() for command in told(customers=25)}, {command.key: command.encoded() for command in told(customers=40)}
    assert small.items() <= large.items()


def test_no_two_commands_have_a_key_in_common() -> None:
    assert [key for key, times in Counter(command.key for command in told(customers=200)).items() if times > 1] == []


def test_nothing_happens_before_the_company_or_after_its_end() -> None:
    moments = [body(command)["occurred_at"] for command in told(customers=200) if "occurred_at" in body(command)]
    assert instant(Company(1, 1, END).founded) <= min(moments)
    assert max(moments) <= instant(END)


def test_every_kind_of_fact_is_in_it() -> None:
    operations = Counter(command.operation for command in told(customers=200))
    assert set(operations) >= {
        "registerContact", "changeContact", "assignOwner", "setConsent", "setPreferences", "recordInteraction", "recordNeed", "openTicket", "addMessage",
        "assignTicket", "resolveTicket", "rateTicket", "closeTicket", "enrolMember", "recordTransaction", "recordReturn", "reserveRedemption",
        "linkRelationship", "mergeContacts", "publishProgramme", "defineCalendar", "defineSlaPolicy",
    }  # fmt: skip
    assert {body(command)["status"] for command in told(customers=200) if command.operation == "setConsent"} == {"granted", "denied", "withdrawn"}


@pytest.mark.parametrize("seed", [0, 1, 999])
def test_every_identifier_is_readable_and_one_customers_own(seed: int) -> None:
    found = [
        recognise(item["kind"], item["value"]).normalised
        for index in range(300)
        for item in body(next(iter(contacts.contact(Company(seed, 300, END), person(Company(seed, 300, END), index)))))["identifiers"]
    ]
    assert len(found) == len(set(found)) == 600


def test_steps_of_a_ticket_come_in_the_order_of_time() -> None:
    last: dict[str, str] = {}
    for command in told(customers=200):
        if command.service == "tickets" and "occurred_at" in body(command):
            assert last.get(command.chain, "") <= body(command)["occurred_at"]
            last[command.chain] = body(command)["occurred_at"]


def test_a_redemption_is_confirmed_by_the_id_that_was_answered() -> None:
    company = Company(1, 1, END)
    reserved = loyalty.reservation(company, person(company, 0))
    assert reserved is not None
    made = [command for phase in phases(company, {reserved.key: {"id": "r-1"}}) for command in phase.commands]
    assert [command.path["redemption_id"] for command in made if command.operation == "confirmRedemption"] == ["r-1"]


def test_jalali_days_are_the_calendars() -> None:
    assert jalali(END.date()) == "1405/09/01"
    assert jalali(gregorian(1404, 1, 1)) == "1404/01/01"
    assert gregorian(1404, 1, 1).isoformat() == "2025-03-21"
