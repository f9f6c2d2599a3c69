"""Which promise holds for a ticket at a moment? The policies and calendars as one process knows them; a ticket's rules look at this value only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from crm_events.business_time import ALWAYS, Calendar, hours_of
from crm_events.language.sla import CalendarDefined, SlaConditions, SlaPolicyDefined
from crm_events.language.ticket_words import Metric, Priority, StatusSet, TicketKind
from crm_events.language.words import Channel
from crm_events.refusals import Unavailable

from crm_tickets.policy import in_force

# Where a policy does not say what pauses a metric, the desk's convention holds: who waits for the customer does not wait for us.
USUAL_PAUSES: Mapping[Metric, tuple[StatusSet, ...]] = {"update": ("pending",), "requester_wait": ("pending",), "agent_work": ("pending", "on_hold")}


@dataclass(frozen=True, slots=True)
class Subject:
    """What a policy's conditions look at."""

    kind: TicketKind
    channel: Channel
    product: str | None
    priority: Priority
    category: str | None


@dataclass(frozen=True, slots=True)
class Terms:
    """One version of a policy with one version of its calendar. `policy` None: no policy, every second counts and nothing is promised."""

    policy: SlaPolicyDefined | None = None
    calendar: CalendarDefined | None = None
    hours: Calendar = ALWAYS

    def target(self, metric: Metric) -> int | None:
        """Business minutes promised, if any."""
        return self.policy.targets.get(metric) if self.policy else None

    def pauses(self, metric: Metric) -> tuple[StatusSet, ...]:
        """The statuses in which the metric's clock stands still."""
        usual = USUAL_PAUSES.get(metric, ())
        return self.policy.pauses.get(metric, usual) if self.policy else usual


NO_TERMS = Terms()


@dataclass(frozen=True)
class Promises:
    """Every version of every policy and calendar, by name. A version once defined never changes, so what is looked up by version is a constant."""

    policies: Mapping[str, tuple[SlaPolicyDefined, ...]] = field(default_factory=dict)
    calendars: Mapping[str, tuple[CalendarDefined, ...]] = field(default_factory=dict)
    _terms: dict[tuple[str, int, str, int], Terms] = field(default_factory=dict, compare=False, repr=False)

    def applying(self, subject: Subject, at: datetime) -> Terms:
        """The terms of the policy that applies: enabled, conditions met; lowest rank, then more conditions, then name. NO_TERMS if none does."""
        found = [policy for versions in self.policies.values() if (policy := in_force(versions, at)) and policy.enabled and fits(policy.when, subject)]
        if not found:
            return NO_TERMS
        policy = min(found, key=lambda each: (each.rank, -_conditions(each.when), each.name))
        hours = self.calendars[policy.calendar]
        calendar = in_force(hours, at) or hours[0]  # a calendar younger than the policy: its first version, rather than none
        return self.terms(policy.name, policy.version, calendar.name, calendar.version)

    def terms(self, policy: str, policy_version: int, calendar: str, calendar_version: int) -> Terms:
        """These versions. Unavailable if another process defined them a moment ago and this one has not heard of it yet."""
        key = (policy, policy_version, calendar, calendar_version)
        if key not in self._terms:
            try:
                hours = self.calendars[calendar][calendar_version - 1]
                self._terms[key] = Terms(self.policies[policy][policy_version - 1], hours, hours_of(hours))
            except (KeyError, IndexError) as unheard:
                raise Unavailable("The policy of this ticket was defined a moment ago. Send the command again.") from unheard
        return self._terms[key]

    def disabled_since(self, policy: str, after: datetime) -> datetime | None:
        """The first moment from `after` on at which the policy stands disabled."""
        versions = self.policies.get(policy, ())
        moments = [after, *sorted(version.valid_from for version in versions if version.valid_from > after)]
        return next((at for at in moments if (version := in_force(versions, at)) and not version.enabled), None)


def fits(when: SlaConditions, subject: Subject) -> bool:
    """Does the ticket meet every condition? An empty list asks nothing."""
    return (
        (not when.kinds or subject.kind in when.kinds)
        and (not when.priorities or subject.priority in when.priorities)
        and (not when.categories or subject.category in when.categories)
        and (not when.channels or subject.channel in when.channels)
        and (not when.products or subject.product in when.products)
    )


def _conditions(when: SlaConditions) -> int:
    return sum(bool(asked) for asked in (when.kinds, when.priorities, when.categories, when.channels, when.products))
