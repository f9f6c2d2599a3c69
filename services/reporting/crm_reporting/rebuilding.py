"""What does `reporting rebuild` do, from the first row to the switch?"""

from dataclasses import dataclass

import structlog
from crm_events.failpoints import reached
from crm_events.lease import Connection

from crm_reporting import builds
from crm_reporting.comparing import Compared, compare
from crm_reporting.definition import definition
from crm_reporting.rebuild import analyze, before_composing, begin, catch_up, compose_ranges, compose_rootless, fold_ranges
from crm_reporting.sharing import Helpers, share
from crm_reporting.switching import switch

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What came of a rebuild. `compared` None: the active build is of another definition, so that differences mean nothing."""

    build: str
    switched: bool
    was_active: str | None
    compared: Compared | None


async def rebuild(connection: Connection, *, and_switch: bool = True, helpers: Helpers | None = None) -> Rebuilt:
    """Make a build of this code's definition, compare it where it can be compared, and switch to it. Goes on where an earlier one was killed.

    Run it again at any time: reads and writes go on undisturbed. A difference at an unchanged definition is refused: both builds are kept, to look at.
    """
    build = (await begin(connection)).name
    log.info("rebuild.begun", build=build)
    await share(fold_ranges, connection, build, helpers)
    await analyze(connection, build)
    await catch_up(connection, build)
    await before_composing(connection, build)
    await share(compose_ranges, connection, build, helpers)
    await compose_rootless(connection, build)
    reached("rebuild.composed")
    await analyze(connection, build)
    active = await builds.active(connection)
    compared = await compare(connection, active.name, build) if active and active.definition == definition() else None
    if compared is not None and not compared.equal:
        reason = f"{compared.differ} documents and the facts of {list(compared.facts_differ)} differ from {active.name if active else None}"
        await connection.execute("update builds set state = 'refused', reason = $2, ready_at = clock_timestamp() where build = $1", build, reason)
        log.error("rebuild.refused", build=build, reason=reason)
        return Rebuilt(build, False, None, compared)
    await connection.execute("update builds set state = 'ready', ready_at = clock_timestamp() where build = $1", build)
    await catch_up(connection, build)
    reached("rebuild.ready")
    was = await switch(connection, build) if and_switch else None
    log.info("rebuild.done", build=build, switched=and_switch, was_active=was)
    return Rebuilt(build, and_switch, was, compared)
