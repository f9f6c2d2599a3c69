"""Does a verdict stay as it was given, and is it shown beside it what it would be today, and why?"""

import uuid
from typing import Any

from crm_events.language.sla import Holiday
from crm_tickets.judging import corrections, judged_again
from crm_tickets.promises import Promises
from ticket_story import WORKDAY, Story, Tell, berlin, policy
from tickets_client import CALENDAR, Desk, ok

NOWRUZ = Holiday(date="2024-03-04", name="نوروز زودرس")


def known(told: Story, *, policies: Any = None, hours: Any = None) -> Promises:
    """What is known today: the same, and versions that were entered late."""
    return Promises({**told.promises.policies, **(policies or {})}, {**told.promises.calendars, **(hours or {})})


def with_holiday(told: Story) -> Promises:
    first = told.promises.calendars["hours"][0]
    return known(told, hours={"hours": (first, first.model_copy(update={"version": 2, "holidays": (*first.holidays, NOWRUZ)}))})


def ends(told: Story, promises: Promises, metric: str = "first_reply", at: str = "2024-03-08T09:00") -> tuple[Any, Any]:
    [verdict] = [each for each in judged_again(told.ticket, promises, berlin(at)) if each.metric == metric]
    assert verdict.then and verdict.now
    return (
        (verdict.then.outcome, verdict.then.business_seconds, verdict.then.calendar_version),
        (verdict.now.outcome, verdict.now.business_seconds, verdict.now.calendar_version),
    )


def broken_on_monday(story: Tell) -> Story:
    told = story(WORKDAY)
    told.open("2024-03-04T09:00")
    told.wait("2024-03-04T12:00")
    told.say("2024-03-05T09:20")
    return told


def test_n9_a_holiday_entered_late_leaves_the_verdict_and_shows_what_it_would_be(story: Tell) -> None:
    told = broken_on_monday(story)
    before, state = list(told.events), told.ticket
    assert ends(told, with_holiday(told)) == (("breached", 3600, 1), ("met", 20 * 60, 2))
    assert ends(told, told.promises) == (("breached", 3600, 1), ("breached", 3600, 1)), "what nobody corrected ends as it ended"
    [made] = corrections(told.ticket, with_holiday(told))
    assert (made.then.calendar and made.then.calendar.version, made.now.calendar and made.now.calendar.version) == (1, 2)
    assert corrections(told.ticket, told.promises) == []
    assert (told.events, told.ticket) == (before, state), "asking changes nothing"


def test_what_is_told_after_a_correction_is_still_judged_by_what_was_promised(story: Tell) -> None:
    told = broken_on_monday(story)
    told.promises = with_holiday(told)
    told.resolve("2024-03-06T10:00")
    assert told.clock("first_reply").state == "breached" and told.clock("resolution").calendar_version == 1
    assert ends(told, told.promises, "resolution")[1][2] == 2


def test_a_target_corrected_from_before_judges_otherwise_and_a_later_version_does_not(story: Tell) -> None:
    told = broken_on_monday(story)
    longer = {"targets": {"first_reply": 600, "next_reply": 30, "resolution": 480}, "version": 2}
    at_once = WORKDAY.model_copy(update=longer)
    assert ends(told, known(told, policies={WORKDAY.name: (WORKDAY, at_once)})) == (("breached", 3600, 1), ("met", 440 * 60, 1))
    later = WORKDAY.model_copy(update=longer | {"valid_from": berlin("2024-03-04T10:00")})
    assert ends(told, known(told, policies={WORKDAY.name: (WORKDAY, later)}))[1] == ("breached", 3600, 1), "in force after the promise was made"
    assert corrections(told.ticket, known(told, policies={WORKDAY.name: (WORKDAY, later)})) == []


def test_a_promise_that_is_taken_out_has_no_verdict_now_and_one_put_in_has_none_of_then(story: Tell) -> None:
    told = broken_on_monday(story)
    other = WORKDAY.model_copy(update={"targets": {"update": 240}, "version": 2})
    again = {each.metric: each for each in judged_again(told.ticket, known(told, policies={WORKDAY.name: (WORKDAY, other)}), berlin("2024-03-08T09:00"))}
    assert again["first_reply"].now is None and again["first_reply"].then is not None and again["first_reply"].changed
    assert again["update"].then is None and again["update"].now is not None and (again["update"].instance, again["update"].now.outcome) == (1, "breached")


def test_a_clock_that_runs_is_shown_as_far_as_it_has_run(story: Tell) -> None:
    told = story(policy(targets={"resolution": 480}))
    told.open("2024-03-04T09:00")
    assert ends(told, with_holiday(told), "resolution", at="2024-03-05T10:00") == (("running", 8 * 3600, 1), ("running", 3600, 2))


async def test_over_http_both_verdicts_are_read_with_the_holiday_that_makes_the_difference(desk: Desk) -> None:
    category = await desk.category()
    ticket = await desk.opened(category=category, kind="complaint", occurred_at="2024-03-04T09:00:00+01:00")
    ok(await desk.say(ticket, occurred_at="2024-03-05T09:20:00+01:00"), 201)
    path = f"/v1/tickets/{ticket['id']}/verdicts"
    plain = ok(await desk.get(path))
    assert plain["because"] == [] and not any(each["changed"] for each in plain["verdicts"])
    ok(await desk.put(f"/v1/calendars/{category}", CALENDAR | {"holidays": [*CALENDAR["holidays"], {"date": "2024-03-04", "name": "نوروز زودرس"}]}))
    told = ok(await desk.get(path))
    first = next(each for each in told["verdicts"] if each["metric"] == "first_reply")
    assert (first["then"]["outcome"], first["now"]["outcome"], first["changed"]) == ("breached", "met", True)
    assert (first["then"]["business_minutes"], first["now"]["business_minutes"], first["now"]["due_at"]) == (60, 20, "2024-03-05T09:00:00.000Z")
    [why] = told["because"]
    assert (why["calendar"], why["calendar_versions"], why["hours_changed"], why["targets"]) == (category, [1, 2], False, {})
    assert (why["holidays_added"], why["holidays_removed"]) == ([{"date": "2024-03-04", "name": "نوروز زودرس"}], [])
    assert (await desk.clock(ticket, "first_reply"))["state"] == "breached", "reports go by the verdict given then"
    assert (await desk.get(f"/v1/tickets/{uuid.uuid4()}/verdicts")).status_code == 404
    assert (await desk.by("self", customer=ticket["customer_id"]).get(path)).status_code == 403
