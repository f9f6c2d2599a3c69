"""What can be done with a service from a command line? `<service> api | relay | migrate | verify | recover`."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any

import asyncpg
import typer
from aiokafka.errors import KafkaError
from crm_events.deciding import Aggregate
from crm_events.recovering.tail import Forked, Hole
from crm_events.recovery import take_back
from crm_events.store.verify import refold_stale
from crm_events.store.verify import verify as verify_store
from crm_events.topics import SOURCES
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from crm_chassis import logs, tracing
from crm_chassis.app import service_app
from crm_chassis.background import running
from crm_chassis.budget import CannotStart
from crm_chassis.chassis import Chassis
from crm_chassis.collecting import collect_less
from crm_chassis.service_keys import fresh
from crm_chassis.serving import serve
from crm_chassis.settings import S, load
from crm_chassis.writer import late, opened, relay_of


def run(work: Any) -> Any:
    """Run a command's coroutine; ends the process with one line where a database is away or something is missing."""
    collect_less()
    try:
        return asyncio.run(work)
    except CannotStart as error:
        sys.exit(str(error))
    except (OSError, asyncpg.PostgresError) as error:
        sys.exit(f"The database does not answer as it should: {type(error).__name__}. Check DATABASE_URL and VAULT_DATABASE_URL.")


def service_cli(name: str, *, settings: type[S], app: Callable[[S], FastAPI], aggregates: Iterable[Aggregate[Any, Any]], package: str) -> typer.Typer:
    """The program of one writing service. `app(settings)` makes its app; `<package>/migrations/versions` holds its migrations."""
    program = typer.Typer(name=name, help=f"The {name} service.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    kinds = list(aggregates)

    def told(*, quiet: bool = False) -> S:
        found = load(settings)
        logs.configure(name, "warning" if quiet else found.log_level)
        return found

    @program.command()
    def api() -> None:
        """Answer requests; by default also relay, let time pass, follow."""
        found = told()
        tracing.configure(name, found)
        serve(app(found), host=found.host, port=found.port, drain=found.drain_seconds)

    @program.command()
    def key(
        name: Annotated[str, typer.Argument(help="whose it is; events it writes say `service:NAME` did it")],
        scopes: Annotated[str, typer.Option(help="what it may do, as `contacts:read contacts:write`")],
        days: Annotated[float | None, typer.Option(help="until when; default: until it is taken out of the file")] = None,
    ) -> None:
        """Make a key for a machine: printed once, with the entry for the file SERVICE_KEYS names."""
        try:
            made, entry = fresh(name, scopes, days)
        except ValueError as error:
            sys.exit(str(error))
        typer.echo(f"The key, shown only now:  {made}")
        typer.echo(f'Add to "keys" in the file: {json.dumps(entry)}')

    @program.command()
    def relay() -> None:
        """Only send events to Kafka; health and metrics on the service's port."""
        found = told()
        tracing.configure(f"{name}-relay", found)

        @asynccontextmanager
        async def lifespan(made: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
            chassis: Chassis = made.state.chassis
            worker = relay_of(name, found, chassis.registry)
            chassis.health.add("relay", lambda: late(worker))
            async with running({"relay": worker.run}, chassis.registry):
                yield {}

        serve(service_app(name=name, title=f"{name} relay", settings=found, routers=[], lifespan=lifespan), host=found.host, port=found.port)

    @program.command()
    def migrate() -> None:
        """Bring the tables up to date, then the rows that an older fold made."""
        run(_migrate(name, told(quiet=True), kinds, package))

    @program.command()
    def verify() -> None:
        """Prove every row equal to the fold of its events, and the log whole. Exit code 1 names differences."""
        sys.exit(run(_verify(name, told(quiet=True), kinds)))

    @program.command()
    def recover(
        accept_loss: Annotated[bool, typer.Option("--accept-loss", help="Go on although positions are missing that were acknowledged.")] = False,
    ) -> None:
        """Take back from Kafka what a restored database has lost, and open writes. The service does it by itself, but stops at a missing position."""
        found = told(quiet=True)
        sys.exit(run(_recover(name, found, kinds, accept_loss=accept_loss)))

    return program


async def _recover(name: str, settings: Any, aggregates: list[Aggregate[Any, Any]], *, accept_loss: bool) -> int:
    async with opened(name, settings, aggregates, CollectorRegistry()) as store:
        try:
            taken = await take_back(store, topic=SOURCES[name], bootstrap_servers=settings.kafka_bootstrap_servers, accept_loss=accept_loss)
        except (Hole, Forked, asyncpg.IntegrityConstraintViolationError) as found:
            print(f"{name}: writes stay closed: {found}")
            return 1
        except KafkaError as away:
            print(f"{name}: writes stay closed: the broker does not answer as it should ({type(away).__name__}). Check KAFKA_BOOTSTRAP_SERVERS.")
            return 1
    print(f"{name}: {taken.events - taken.lost} events taken back, {taken.lost} lost; writes are open.")
    return 0


async def _migrate(name: str, settings: Any, aggregates: list[Aggregate[Any, Any]], package: str) -> None:
    from crm_chassis.migrating import upgrade, upgrade_vault  # here, for alembic and SQLAlchemy double the time in which every other role starts

    await upgrade(package, settings.database_url)
    if settings.vault_database_url:
        await upgrade_vault(settings.vault_database_url)
    async with opened(name, settings, aggregates, CollectorRegistry()) as store:
        refolded = await refold_stale(store)
    print(f"{name}: the tables are up to date; {refolded} rows refolded.")


async def _verify(name: str, settings: Any, aggregates: list[Aggregate[Any, Any]]) -> int:
    async with opened(name, settings, aggregates, CollectorRegistry()) as store:
        verdict = await verify_store(store)
    for difference in verdict.differences:
        print(difference)
    print(f"{name}: {verdict.streams} streams, {verdict.events} events, {'equal to their folds' if verdict.whole else 'DIFFERENCES FOUND'}.")
    return 0 if verdict.whole else 1
