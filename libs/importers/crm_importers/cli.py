"""How does a person bring data in?"""

import asyncio
import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from crm_importers import sources
from crm_importers.address import Address, address
from crm_importers.company.making import make
from crm_importers.demo import show
from crm_importers.duplicates import Duplicates
from crm_importers.importing import Import, Phase
from crm_importers.sending import Stopped
from crm_importers.tally import Refusal, Tally

app = typer.Typer(help="Bring customers, tickets and purchases in, through the public bulk API.", no_args_is_help=True, pretty_exceptions_enable=False)
CONSOLE = Console(stderr=True)
SCREEN = Console(width=None if sys.stdout.isatty() else 124)
Customers = Annotated[int, typer.Option(min=1, max=9_999, help="How many.")]
Seed = Annotated[int, typer.Option(min=0, max=999, help="Which company.")]
File = Annotated[Path, typer.Argument(help="Plain, or packed as .gz.")]


@app.callback()
def where(
    context: typer.Context,
    env: Annotated[Path, typer.Option(envvar="STACK_ENV", help="Addresses and a token, as make up writes them.")] = Path("build/stack.env"),
    contacts_url: Annotated[str | None, typer.Option(envvar="CONTACTS_URL")] = None,
    tickets_url: Annotated[str | None, typer.Option(envvar="TICKETS_URL")] = None,
    loyalty_url: Annotated[str | None, typer.Option(envvar="LOYALTY_URL")] = None,
    reporting_url: Annotated[str | None, typer.Option(envvar="REPORTING_URL")] = None,
    token: Annotated[str | None, typer.Option(envvar="TOKEN", help="With contacts:write, tickets:write, tickets:admin, loyalty:write.")] = None,
    lanes: Annotated[int, typer.Option(min=1, max=32, help="Requests in flight to one service.")] = 4,
    together: Annotated[int, typer.Option(min=1, max=1000, help="Commands a request.")] = 200,
    patience: Annotated[float, typer.Option(min=0, help="Seconds to wait for a service that is away.")] = 300,
) -> None:
    told = {"CONTACTS_URL": contacts_url, "TICKETS_URL": tickets_url, "LOYALTY_URL": loyalty_url, "REPORTING_URL": reporting_url, "TOKEN": token}
    context.obj = (env, told, {"lanes": lanes, "together": together, "patience": patience})


@app.command()
def helpdesk(context: typer.Context, file: File) -> None:
    """The ticketing log of a help desk: its customers, and their tickets with every step."""
    with _told_plainly():
        _import(context, *sources.helpdesk(file))


@app.command()
def cdnow(context: typer.Context, file: File) -> None:
    """The purchases of CDNOW's customers: a member and transactions for each."""
    with _told_plainly():
        _import(context, *sources.purchases(file))


@app.command()
def contacts(
    context: typer.Context,
    file: File,
    system: Annotated[str, typer.Option(help="What the source is called; contacts are known by it and their key.")],
    report: Annotated[Path | None, typer.Option(help="Where to write, as NDJSON, who of them is somebody known already.")] = None,
) -> None:
    """Contacts from CSV or NDJSON; docs/importing.md names the columns."""
    with _told_plainly():
        phases, refused = sources.contacts(file, system)
        if report is None:
            _import(context, phases, refused)
            return
        found = Duplicates(system)
        tally = asyncio.run(Import(_address(context), CONSOLE, context.obj[2], duplicates=found).run(phases, refused))
        found.write(report, refused)
        _finish(tally)


@app.command("all")
def everything(
    context: typer.Context,
    files: Annotated[list[str], typer.Argument(metavar="HELPDESK=FILE CDNOW=FILE", help="Either or both; one tally for all.")],
) -> None:
    """Several files in one go."""
    with _told_plainly():
        named = dict(word.split("=", 1) for word in files if "=" in word)
        if len(named) < len(files) or not named.keys() <= {"HELPDESK", "CDNOW"}:
            raise Stopped("Name the files as HELPDESK=helpdesk.csv.gz and/or CDNOW=cdnow.txt.gz.")
        kinds = {"HELPDESK": sources.helpdesk, "CDNOW": sources.purchases}
        read = [kinds[name](Path(file)) for name, file in named.items() if file]
        _import(context, itertools.chain(*(phases for phases, _ in read)), [refusal for _, refused in read for refusal in refused])


@app.command()
def generate(
    context: typer.Context,
    customers: Customers = 200,
    seed: Seed = 1,
    end: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day after the last fact; default: today, or as it was told before.")] = None,
) -> None:
    """A made-up company's customers, the same for the same seed."""
    with _told_plainly():
        told = end.replace(tzinfo=UTC) if end else None
        _, tally = asyncio.run(make(_address(context), CONSOLE, context.obj[2], seed=seed, customers=customers, end=told))
        _finish(tally)


@app.command()
def demo(context: typer.Context, customers: Customers = 200, seed: Seed = 1) -> None:
    """Make the company if it is not there, then draw one customer's view, the figures, and where to go on."""
    with _told_plainly():
        tally = asyncio.run(show(_address(context), SCREEN, context.obj[2], seed=seed, customers=customers))
        if not tally.whole:
            _finish(tally)


def _import(context: typer.Context, phases: Iterable[Phase], refused: Sequence[Refusal]) -> None:
    _finish(asyncio.run(Import(_address(context), CONSOLE, context.obj[2]).run(phases, refused)))


def _finish(tally: Tally) -> None:
    tally.show(CONSOLE)
    if not tally.whole:
        raise typer.Exit(1)


def _address(context: typer.Context) -> Address:
    file, told, _ = context.obj
    return address(file, told)


@contextmanager
def _told_plainly() -> Iterator[None]:
    try:
        yield
    except Stopped as stopped:
        typer.echo(str(stopped), err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        typer.echo("Interrupted. The same command goes on where it stopped.", err=True)
        sys.exit(130)
