"""How does a person start, watch and stop the backbone on this machine?"""

import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from crm_local import issuing, sheet, watching
from crm_local.failures import CannotStart
from crm_local.overview import overview
from crm_local.parts import PARTS
from crm_local.places import default_data_dir
from crm_local.stack import Stack
from crm_local.telling import environment, program

app = typer.Typer(help="The whole backbone on this machine: PostgreSQL, Kafka and the services.", no_args_is_help=True, pretty_exceptions_enable=False)

Data = Annotated[Path, typer.Option("--data", default_factory=default_data_dir, help="Where everything is kept.", show_default="build/stack")]


@app.command()
def up(data: Data, *, fresh_ports: Annotated[bool, typer.Option("--fresh-ports", help="Pick free ports instead of the default ones.")] = False) -> None:
    """Start what does not run and wait until all of it is ready; writes stack.env beside the data."""
    with _told_plainly():
        around = _stack(data, typer.echo).up(fresh_ports=fresh_ports)
        client = sheet.write(data.absolute(), around.addresses, around.bootstrap, issuing.token(data.absolute()))
    for name in ("CONTACTS_URL", "TICKETS_URL", "LOYALTY_URL", "REPORTING_URL"):
        typer.echo(f"{name.removesuffix('_URL').lower():<10} {client[name]}/docs")
    typer.echo(f"Addresses and a token: {sheet.stack_env(data)}")


@app.command()
def down(data: Data) -> None:
    """Stop every process of the stack; what was recorded stays."""
    with _told_plainly():
        _stack(data).down()
    typer.echo("Everything is stopped.")


@app.command()
def status(data: Data) -> None:
    """Show what runs and whether it is ready; exits with 1 if something is not."""
    rows = overview(_stack(data))
    table = Table("process", "where", "pid", "MB", "state")
    for row in rows:
        table.add_row(row.name, row.where, str(row.pid or ""), str(row.megabytes or ""), "; ".join(row.wrong) or "ready")
    Console().print(table)
    if any(row.wrong for row in rows):
        raise typer.Exit(1)


@app.command()
def logs(
    data: Data,
    name: Annotated[str | None, typer.Argument(help="One process: contacts, projector, kafka, postgres, …")] = None,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep showing new lines.")] = False,
) -> None:
    """Show the last lines of the stack's logs."""
    with _told_plainly():
        try:
            for line in watching.lines(watching.logs(data.absolute(), name), follow=follow):
                typer.echo(line)
        except KeyboardInterrupt:
            raise typer.Exit from None


@app.command()
def token(
    data: Data,
    scopes: Annotated[str | None, typer.Option(help="Scopes with spaces between them; default: all but self.")] = None,
    customer: Annotated[str | None, typer.Option(help="The customer's id, for a token with the scope self.")] = None,
    days: Annotated[int, typer.Option(min=1, max=365, help="How long it is good.")] = issuing.DAYS,
) -> None:
    """Print a development token, and nothing else."""
    with _told_plainly():
        typer.echo(issuing.token(data.absolute(), scopes=scopes, customer=customer, days=days))


@app.command()
def env(data: Data) -> None:
    """Print the stack's addresses and token for a shell: eval "$(crm-local env)"."""
    file = sheet.stack_env(data.absolute())
    with _told_plainly():
        if not file.exists():
            raise CannotStart("The stack was not started yet: make up.")
        for line in file.read_text().splitlines():
            name, _, value = line.partition("=")
            typer.echo(f"export {name}={shlex.quote(value)}")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run(
    words: typer.Context,
    service: Annotated[str, typer.Argument(help="contacts, tickets, loyalty or reporting")],
    data: Data,
) -> None:
    """Run a command of a service with the settings of the running stack: crm-local run reporting reconcile."""
    with _told_plainly():
        part = next((part for part in PARTS if part.name == service), None)
        if part is None:
            raise CannotStart(f"There is no service {service}.")
        told = environment(part, _stack(data).surroundings())
    os.execve(program(service), [service, *words.args], told)  # noqa: S606 - becomes the command: its output, signals and exit code are ours


def _stack(data: Path, say: Callable[[str], None] = lambda _line: None) -> Stack:
    return Stack(data.absolute(), say, os.environ.get("DATABASE_URL"), os.environ.get("KAFKA_BOOTSTRAP_SERVERS"))


@contextmanager
def _told_plainly() -> Iterator[None]:
    try:
        yield
    except CannotStart as error:
        typer.echo(str(error), err=True)
        sys.exit(1)
