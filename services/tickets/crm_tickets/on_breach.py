"""What happens when a promise is broken? The policy that made it says so; heard from our own events, so that whoever breaks it waits for nothing.

The alternative, deciding it in the command that tells the breach, would have to be done in each of them: the timer's, and every one that tells something late.
"""

from datetime import UTC, datetime
from uuid import uuid5

import orjson
from crm_events.command import Command
from crm_events.consuming.record import Record
from crm_events.follower import Handler
from crm_events.lease import Connection
from crm_events.refusals import Gone, Rejected, Unavailable
from crm_events.store.store import EventStore

from crm_tickets.desk import Desk
from crm_tickets.escalating import broken
from crm_tickets.promises import Promises

ACTOR = "service:escalation"
HEARD = "sla.clock_breached"


def by_rule(store: EventStore, desk: Desk) -> dict[str, Handler]:
    """The handler, by type of event. One command for each clock: heard again, or judged again, it is done once."""

    async def breached(_: Connection, record: Record) -> None:
        told = orjson.loads(record.value)
        if "policy" not in told:
            return  # the customer's own requested time: no policy promised it
        promises = await _knowing(store, desk, told)
        policy = promises.policies[told["policy"]][told["policy_version"] - 1]
        done, now = (policy.on_breach or {}).get(told["metric"]), datetime.now(UTC)
        if done is None or promises.disabled_since(policy.name, now) == now:
            return
        command = Command(uuid5(record.stream_id, f"{HEARD}:{told['metric']}:{told['instance']}"), b"follower", ACTOR, causation_id=record.event_id)
        try:
            await store.handle(
                desk.tickets, record.stream_id, command,
                lambda ticket, now: broken(ticket, metric=told["metric"], instance=told["instance"], done=done, at=now, promises=promises),
            )  # fmt: skip
        except (Gone, Rejected):
            return

    return {HEARD: breached}


async def _knowing(store: EventStore, desk: Desk, told: dict[str, object]) -> Promises:
    """The promises, the one that was broken among them: another process may have defined it a moment ago."""
    promises, version = await desk.current(store), told["policy_version"]
    if len(promises.policies.get(str(told["policy"]), ())) < int(str(version)):
        await desk.refresh(store)
        promises = desk.promises
        if len(promises.policies.get(str(told["policy"]), ())) < int(str(version)):
            raise Unavailable("The policy of this clock is not known here yet.")
    return promises
