"""What can an operator do with reporting from a command line, besides `api`? `reporting projector | composer | webhooks | rebuild | reconcile`."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import typer
from aiokafka.errors import KafkaError
from crm_chassis import logs, tracing
from crm_chassis.app import service_app
from crm_chassis.background import running
from crm_chassis.chassis import Chassis
from crm_chassis.cli import run
from crm_chassis.serving import serve
from crm_chassis.settings import load
from fastapi import FastAPI
from typer import echo as say

from crm_reporting import builds
from crm_reporting.composer_process import ComposerProcess
from crm_reporting.connecting import PATIENCE, UNHURRIED, connect
from crm_reporting.definition import definition
from crm_reporting.projector_process import ProjectorProcess
from crm_reporting.rebuild import catch_up
from crm_reporting.rebuilding import rebuild as make_again
from crm_reporting.reconciling import Reconciled, reconcile
from crm_reporting.settings import ReportingSettings
from crm_reporting.sharing import Helpers, usual
from crm_reporting.switching import switch
from crm_reporting.webhooks.process import WebhooksProcess

Works = Mapping[str, Callable[[asyncio.Event], Awaitable[None]]]


def add_operations(program: typer.Typer) -> None:
    """Give `reporting` its processes and tools."""

    @program.command()
    def projector() -> None:
        """Project every event into journal, documents and facts."""

        def works(settings: ReportingSettings, chassis: Chassis) -> Works:
            process = ProjectorProcess(settings, chassis.registry)
            chassis.health.add("build", _told(lambda: process.waiting_for))
            chassis.health.add("paused", _told(lambda: process.pauses.reason), required=False)
            return {"projector": process.run}

        _process("projector", works)

    @program.command()
    def composer() -> None:
        """Compose summaries, publish the change feed, fill the blind index."""
        _process("composer", lambda settings, chassis: ComposerProcess(settings, chassis.registry).works())

    @program.command()
    def webhooks() -> None:
        """Send events to those who subscribed over HTTP."""
        _process("webhooks", lambda settings, chassis: {"webhooks": WebhooksProcess(settings, chassis.registry).run})

    @program.command()
    def rebuild(
        if_needed: bool = typer.Option(False, "--if-needed", help="do nothing if the active build is of this code's definition"),
        to: str = typer.Option("", "--to", help="only switch (back) to this build, which follows the journal"),
        processes: int = typer.Option(usual(), "--processes", min=1, help="how many share the work"),
    ) -> None:
        """Make a build again from the journal, compare it, switch to it. Reads and writes go on."""
        sys.exit(run(_rebuild(_settings("rebuild"), if_needed=if_needed, to=to, processes=processes)))

    @program.command(name="reconcile")
    def reconcile_command() -> None:
        """Compare store, topic and journal of each source. Exit code 1 names differences."""
        sys.exit(run(_reconcile(_settings("reconcile"))))


def _settings(process: str) -> ReportingSettings:
    found = load(ReportingSettings)
    logs.configure(f"reporting-{process}", found.log_level)
    return found


def _told(reason: Callable[[], str | None]) -> Callable[[], Awaitable[str | None]]:
    async def check() -> str | None:
        return reason()

    return check


def _process(name: str, works: Callable[[ReportingSettings, Chassis], Works]) -> None:
    settings = _settings(name)
    tracing.configure(f"reporting-{name}", settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        async with running(works(settings, app.state.chassis), app.state.chassis.registry):
            yield {}

    app = service_app(name=f"reporting-{name}", title=f"reporting {name}", settings=settings, routers=[], lifespan=lifespan)
    serve(app, host=settings.host, port=settings.metrics_port)


async def _rebuild(settings: ReportingSettings, *, if_needed: bool, to: str, processes: int) -> int:
    connection = await connect(settings.database_url, UNHURRIED)
    try:
        if to:
            await catch_up(connection, to)
            say(f"reporting: {await switch(connection, to) or 'nothing'} was active, {to} is.")
            return 0
        active = await builds.active(connection)
        if if_needed and (active is None or active.definition == definition()):
            say("reporting: the active build is this code's own.")
            return 0
        done = await make_again(connection, helpers=Helpers(settings.database_url, processes - 1, settings.log_level))
    finally:
        await connection.close()
    told = f", {done.compared.documents} documents and {done.compared.facts} facts compared" if done.compared else ""
    say(f"reporting: build {done.build} {'is active' if done.switched else 'was REFUSED: it differs from the active one'}{told}.")
    return 0 if done.switched else 1


async def _reconcile(settings: ReportingSettings) -> int:
    connection = await connect(settings.database_url, PATIENCE)
    try:
        found = await reconcile(connection, settings.kafka_bootstrap_servers, settings.stores)
    except KafkaError as error:
        sys.exit(f"The broker does not answer as it should: {type(error).__name__}. Check KAFKA_BOOTSTRAP_SERVERS, and that the services have started once.")
    finally:
        await connection.close()
    for one in found:
        _print(one)
    return 0 if all(one.equal for one in found) else 1


def _print(one: Reconciled) -> None:
    store = f"store {one.store.events} {one.store.digest}" if one.store else "store not read"
    verdict = "equal" if one.equal else "DIFFERENT"
    say(f"{one.source}: {store}, topic {one.topic.events} {one.topic.digest}, journal {one.journal.events} {one.journal.digest}: {verdict}")
    for kind in ("missing_in_topic", "missing", "doubled", "strange"):
        for event_id in getattr(one, kind):
            say(f"  {kind.replace('_', ' ')}: {event_id}")
