"""What would each verdict of a ticket be under the policies and hours known today? Read beside the one that was given."""

from datetime import date
from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.body import Instant, Resource
from crm_chassis.operations import query
from crm_events.language.sla import CalendarDefined, Holiday
from fastapi import APIRouter

from crm_tickets.access import Read
from crm_tickets.answers import HolidayAnswer
from crm_tickets.judging import Correction, Judgement, Verdict, corrections, judged_again
from crm_tickets.tickets_api import found

router = APIRouter(tags=["promises"])


class JudgementAnswer(Resource):
    """`outcome`: met, breached, cancelled, running or paused. `business_minutes`: whole ones used when it was judged, else until now."""

    outcome: str
    target_minutes: int
    business_minutes: int
    due_at: Instant
    policy: str | None
    policy_version: int | None
    calendar: str | None
    calendar_version: int | None


class VerdictAnswer(Resource):
    """A clock judged twice. `then`: as it was told, `null` if no such clock was; `now`: by what is known today. `changed`: they end differently."""

    metric: str
    instance: int
    then: JudgementAnswer | None
    now: JudgementAnswer | None
    changed: bool


class CorrectionAnswer(Resource):
    """What became known of a policy and its hours after they were applied here. `targets`: minutes then and now, of the metrics that differ."""

    policy: str
    policy_versions: list[int]
    calendar: str
    calendar_versions: list[int]
    holidays_added: list[HolidayAnswer]
    holidays_removed: list[HolidayAnswer]
    hours_changed: bool
    targets: dict[str, list[int | None]]


class VerdictsAnswer(Resource):
    """Every clock of the ticket in both judgements, and what makes the difference."""

    ticket_id: UUID
    version: int
    judged_at: Instant
    verdicts: list[VerdictAnswer]
    because: list[CorrectionAnswer]


@router.get("/v1/tickets/{ticket_id}/verdicts", **query(VerdictsAnswer))
async def judge_again(ticket_id: UUID, call: Read) -> Answer:
    """Each verdict as it was given, and as it would be given today; nothing is changed by asking.

    They differ where a calendar or a policy was corrected with effect from before the ticket's promises were made. Reports go by the verdict given then.
    """
    part, promises = await found(call, ticket_id), await call.state.desk.current(call.store)
    return await call.show(
        VerdictsAnswer(
            ticket_id=ticket_id, version=part.version, judged_at=call.now,
            verdicts=[_verdict(each) for each in judged_again(part.state, promises, call.now)],
            because=[_correction(each) for each in corrections(part.state, promises)],
        ),
        version=part.version,
    )  # fmt: skip


def _verdict(verdict: Verdict) -> VerdictAnswer:
    return VerdictAnswer(
        metric=verdict.metric, instance=verdict.instance, then=_judgement(verdict.then), now=_judgement(verdict.now), changed=verdict.changed
    )  # fmt: skip


def _judgement(judged: Judgement | None) -> JudgementAnswer | None:
    if judged is None:
        return None
    return JudgementAnswer(
        outcome=judged.outcome, target_minutes=judged.target_minutes, business_minutes=judged.business_seconds // 60, due_at=judged.due_at,
        policy=judged.policy, policy_version=judged.policy_version, calendar=judged.calendar, calendar_version=judged.calendar_version,
    )  # fmt: skip


def _correction(correction: Correction) -> CorrectionAnswer:
    then, now = correction.then, correction.now
    if then.policy is None or now.policy is None or then.calendar is None or now.calendar is None:
        raise AssertionError("only a policy is corrected")
    metrics = [metric for metric in {**then.policy.targets, **now.policy.targets} if then.target(metric) != now.target(metric)]
    return CorrectionAnswer(
        policy=then.policy.name, policy_versions=[then.policy.version, now.policy.version],
        calendar=now.calendar.name, calendar_versions=[then.calendar.version, now.calendar.version],
        holidays_added=_holidays(now.calendar, then.calendar), holidays_removed=_holidays(then.calendar, now.calendar),
        hours_changed=(then.calendar.time_zone, then.calendar.week) != (now.calendar.time_zone, now.calendar.week),
        targets={metric: [then.target(metric), now.target(metric)] for metric in metrics},
    )  # fmt: skip


def _holidays(of: CalendarDefined, but: CalendarDefined) -> list[HolidayAnswer]:
    known: set[date] = {each.date for each in but.holidays}
    return [_holiday(each) for each in of.holidays if each.date not in known]


def _holiday(holiday: Holiday) -> HolidayAnswer:
    return HolidayAnswer(date=holiday.date.isoformat(), name=holiday.name)
