"""Does each row of the help desk's log become what happened to the ticket?"""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from crm_importers import helpdesk_log, helpdesk_promises
from crm_importers.command import Command
from crm_importers.helpdesk_tickets import commands_of, customer_id, customers_of
from crm_importers.sending import Stopped
from sample_files import HEADING, log, row, written

NINE = datetime(2012, 1, 2, 9)  # in Rome: 08:00 UTC


def case(tmp_path: Path, *steps: str | tuple[str, dict[str, Any]], minutes: int = 60) -> helpdesk_log.Case:
    """A case whose steps lie so many minutes apart, the first at nine."""
    told = [step if isinstance(step, tuple) else (step, {}) for step in steps]
    rows = [row(1, activity, NINE + timedelta(minutes=minutes * place), **more) for place, (activity, more) in enumerate(told)]
    cases, refused = helpdesk_log.read(written(tmp_path / "log.csv", [HEADING, *rows]))
    assert refused == []
    return cases[0]


def told(commands: list[Command]) -> list[tuple[str, str]]:
    return [(command.operation, (command.body or {})["occurred_at"][11:16]) for command in commands]


def test_a_ticket_is_opened_by_its_first_row_whatever_that_is(tmp_path: Path) -> None:
    for activity in helpdesk_log.ACTIVITIES:
        opening = commands_of(case(tmp_path, (activity, {"agent": 7, "customer": 22, "seriousness": 4, "level": 3})))[0]
        body = opening.body or {}
        assert (opening.operation, body["author"], body["customer_id"]) == ("openTicket", {"kind": "agent", "id": "agent-7"}, customer_id("Value 22"))
        assert (body["priority"], body["category"], body["product"], body["occurred_at"]) == (
            "urgent",
            "service-level-3",
            "product-3",
            "2012-01-02T08:00:00.000Z",
        )


@pytest.mark.parametrize(
    ("activities", "expected"),
    [
        (("Insert ticket", "Assign seriousness"), []),
        (("Assign seriousness", "Take in charge ticket"), [("assignTicket", "09:00")]),
        (("Assign seriousness", "Wait"), [("setTicketStatus", "09:00")]),
        (("Assign seriousness", "Schedule intervention"), [("setTicketStatus", "09:00")]),
        (("Assign seriousness", "Require upgrade"), [("setTicketStatus", "09:00")]),
        (("Assign seriousness", "Create SW anomaly", "Resolve SW anomaly"), [("setTicketStatus", "09:00"), ("setTicketStatus", "10:00")]),
        (("Assign seriousness", "Resolve SW anomaly"), []),
        (("Assign seriousness", "Wait", "Wait"), [("setTicketStatus", "09:00")]),
        (("Assign seriousness", "Wait", "Take in charge ticket"), [("setTicketStatus", "09:00"), ("assignTicket", "10:00"), ("setTicketStatus", "10:00")]),
        (("Assign seriousness", "Resolve ticket", "Closed", "Closed"), [("resolveTicket", "09:00"), ("closeTicket", "10:00")]),
        (("Assign seriousness", "Closed"), [("resolveTicket", "08:59"), ("closeTicket", "09:00")]),
        (("Assign seriousness", "Resolve ticket", "Wait"), [("resolveTicket", "09:00"), ("reopenTicket", "10:00"), ("setTicketStatus", "10:00")]),
        (("Assign seriousness", "Resolve ticket", "Resolve ticket"), [("resolveTicket", "09:00"), ("reopenTicket", "09:59"), ("resolveTicket", "10:00")]),
        (("Assign seriousness", "RESOLVED", "INVALID", "VERIFIED", "DUPLICATE"), [("addMessage", f"{hour:02d}:00") for hour in (9, 10, 11, 12)]),
        (
            ("Assign seriousness", "Resolve ticket", "Closed", "VERIFIED"),
            [("resolveTicket", "09:00"), ("closeTicket", "10:00"), ("addNote", "11:00")],
        ),
    ],
    ids=lambda value: " > ".join(value) if value and isinstance(value[0], str) else "",
)
def test_each_activity_is_what_the_page_says(tmp_path: Path, activities: tuple[str, ...], expected: list[tuple[str, str]]) -> None:
    assert told(commands_of(case(tmp_path, *activities)))[1:] == expected


def test_who_waits_for_the_requester_is_pending_and_for_others_on_hold(tmp_path: Path) -> None:
    waits = {"Wait": "pending", "Schedule intervention": "pending", "Require upgrade": "on_hold", "Create SW anomaly": "on_hold"}
    for activity, status in waits.items():
        assert (commands_of(case(tmp_path, "Assign seriousness", activity))[1].body or {})["status"] == status


def test_a_resolution_pressed_twice_is_one(tmp_path: Path) -> None:
    commands = commands_of(case(tmp_path, "Assign seriousness", "Resolve ticket", "Resolve ticket", minutes=1))
    assert [command.operation for command in commands] == ["openTicket", "resolveTicket"]


def test_what_changed_in_a_row_is_told_with_it(tmp_path: Path) -> None:
    later = ("Take in charge ticket", {"agent": 2, "seriousness": 4, "level": 1})
    commands = commands_of(case(tmp_path, ("Assign seriousness", {"seriousness": 2, "level": 2}), later))
    bodies = {command.operation: command.body or {} for command in commands}
    assert bodies["setPriority"]["priority"] == "urgent"
    assert bodies["categoriseTicket"]["category"] == "service-level-1"
    assert (bodies["assignTicket"]["agent_id"], bodies["assignTicket"]["group"]) == ("agent-2", "section-4")


def test_what_the_ticket_waited_for_is_why_it_was_there(tmp_path: Path) -> None:
    resolved = commands_of(case(tmp_path, "Assign seriousness", "Create SW anomaly", "Resolve ticket"))[-1]
    assert (resolved.body or {})["root_cause"] == "software_anomaly"


def test_steps_of_one_second_keep_their_order_in_moments_of_their_own(tmp_path: Path) -> None:
    steps = case(tmp_path, "Assign seriousness", "Take in charge ticket", "Wait", minutes=0).steps
    assert [step.at.microsecond for step in steps] == [0, 1000, 2000]


def test_times_are_romes_in_winter_and_in_summer(tmp_path: Path) -> None:
    rows = [row(1, "Wait", datetime(2012, 1, 2, 9)), row(2, "Wait", datetime(2012, 7, 2, 9))]
    cases, _ = helpdesk_log.read(written(tmp_path / "log.csv", [HEADING, *rows]))
    assert [each.steps[0].at for each in cases] == [datetime(2012, 1, 2, 8, tzinfo=UTC), datetime(2012, 7, 2, 7, tzinfo=UTC)]


def test_every_customer_is_known_from_the_first_row_that_names_them(tmp_path: Path) -> None:
    rows = [row(1, "Wait", NINE + timedelta(days=2), customer=5), row(2, "Wait", NINE, customer=5), row(3, "Wait", NINE, customer=6)]
    cases, _ = helpdesk_log.read(written(tmp_path / "log.csv", [HEADING, *rows]))
    assert {(command.body or {})["name"]: (command.body or {})["occurred_at"] for command in customers_of(cases)} == {
        "Value 5": "2012-01-02T08:00:00.000Z",
        "Value 6": "2012-01-02T08:00:00.000Z",
    }


def test_the_same_log_is_the_same_commands_and_each_has_a_key_of_its_own(tmp_path: Path) -> None:
    cases, _ = helpdesk_log.read(written(tmp_path / "log.csv", log(70)))
    once = [command.encoded() for each in cases for command in commands_of(each)]
    again = [command.encoded() for each in helpdesk_log.read(tmp_path / "log.csv")[0] for command in commands_of(each)]
    assert once == again
    assert len({command.key for each in cases for command in commands_of(each)}) == len(once)


def test_a_row_that_says_nothing_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    broken = [row(1, "Danced", NINE), row(1, "Wait", NINE).replace("2012/01/02", "yesterday"), "Case 1,Wait", row(1, "Wait", NINE)]
    cases, refused = helpdesk_log.read(written(tmp_path / "log.csv", [HEADING, *broken]))
    assert [refusal.line for refusal in refused] == [2, 3, 4]
    assert [step.line for step in cases[0].steps] == [5]


def test_another_kind_of_file_is_told_apart_before_anything_is_sent(tmp_path: Path) -> None:
    with pytest.raises(Stopped, match="Case ID"):
        helpdesk_log.read(written(tmp_path / "log.csv", ["name,phone"]))


def test_promises_are_there_for_every_level_and_priority_before_the_first_row() -> None:
    policies = [command.body or {} for command in helpdesk_promises.policies()]
    assert len({(tuple(policy["when"]["categories"]), tuple(policy["when"]["priorities"])) for policy in policies}) == 16
    assert {policy["valid_from"] for policy in policies} == {(helpdesk_promises.calendar().body or {})["valid_from"]} == {"2010-01-01T00:00:00+01:00"}
    assert all(policy["targets"]["agent_work"] < policy["targets"]["resolution"] for policy in policies)


def test_italys_holidays_move_with_easter() -> None:
    assert [helpdesk_promises.easter(year) for year in (2010, 2011, 2013)] == [date(2010, 4, 4), date(2011, 4, 24), date(2013, 3, 31)]
    assert {"date": "2013-04-01", "name": "Lunedì dell'Angelo"} in helpdesk_promises.holidays()
