"""What can be seen of events at a command line? `crm tail` shows them as they are told, `crm export` writes a range of them as NDJSON.

Exit codes: 0 done, 1 it went wrong, 2 asked wrongly (also: no token, or one that may not).
"""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import orjson
import typer

from crm_tail.journal import Journal, Wrong
from crm_tail.keeping import last_position
from crm_tail.showing import shown

app = typer.Typer(help="Events at a command line.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

Types = Annotated[list[str] | None, typer.Option("--type", help="ticket.resolved or 'ticket.*'; may be told again.")]
Sources = Annotated[list[str] | None, typer.Option("--source", help="contacts, tickets, loyalty or reporting; may be told again.")]
Customer = Annotated[str | None, typer.Option(help="Only what is about this customer, and the ids merged with theirs.")]
Since = Annotated[str | None, typer.Option("--from", help="Recorded at this moment or later: 2026-03-01T12:00Z, or how long ago: 90s, 10m, 2h, 3d.")]
Until = Annotated[str | None, typer.Option("--to", help="Recorded before this moment.")]
After = Annotated[int | None, typer.Option(min=0, help="Begin after this position of the journal; 0: with the first event.")]
_AGO = re.compile(r"(\d{1,6})([smhd])")
_UNIT = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@app.callback()
def where(
    context: typer.Context,
    url: Annotated[str, typer.Option(envvar="REPORTING_URL", help="Where reporting answers.")] = "http://127.0.0.1:8004",
    token_file: Annotated[Path | None, typer.Option(help="A file with the token; default: the variable TOKEN.", exists=True, dir_okay=False)] = None,
    token: Annotated[str | None, typer.Option(envvar="TOKEN", hidden=True)] = None,
    patience: Annotated[float, typer.Option(min=0, help="Seconds to go on asking a service that does not answer for now.")] = 30.0,
) -> None:
    told = token_file.read_text().strip() if token_file else (token or "").strip()
    context.obj = url, told, patience


@app.command()
def tail(
    context: typer.Context,
    types: Types = None,
    sources: Sources = None,
    customer: Customer = None,
    since: Since = None,
    after: After = None,
    json: Annotated[bool, typer.Option("--json", help="The lines as they came, for a program.")] = False,
    most: Annotated[int | None, typer.Option(min=1, help="End after so many events.")] = None,
    colour: Annotated[bool | None, typer.Option("--colour/--no-colour", help="Default: where it is a terminal.")] = None,
) -> None:
    """Show events as they are told, until Ctrl-C; from now on, or from a time or a position and on. Personal fields are open if the token may see them."""
    with _asking(context) as journal:
        wanted = _wanted(types, sources, customer, since, None)
        start = after if after is not None else 0 if since is not None else journal.end()
        coloured = sys.stdout.isatty() if colour is None else colour
        for page in journal.follow(start, wanted):
            for line in page.lines:
                print(line.decode() if json else shown(line, coloured=coloured), flush=True)
                most = None if most is None else most - 1
                if most == 0:
                    return


@app.command()
def export(
    context: typer.Context,
    types: Types = None,
    sources: Sources = None,
    customer: Customer = None,
    since: Since = None,
    until: Until = None,
    after: After = None,
    last: Annotated[int | None, typer.Option("--until", min=0, help="End with this position of the journal; default: its end now.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file to write; default: what is printed.", dir_okay=False)] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the file where it ends.")] = False,
) -> None:
    """Write a range of events as NDJSON, a CloudEvent a line, in the journal's order; each once, also after --resume."""
    if output is not None and output.exists() and not resume:
        _refuse(f"{output} is there already. Name another file, or go on with it: --resume", 2)
    if resume and output is None:
        _refuse("--resume goes on with a file: name it with --output.", 2)
    with _asking(context) as journal:
        begun = last_position(output) if output is not None and output.exists() else None
        start = max(after or 0, begun or 0)
        wanted, count, reached = _wanted(types, sources, customer, since, until), 0, start
        with output.open("ab") if output is not None else nullcontext(sys.stdout.buffer) as file:
            for page in journal.pages(start, wanted, until=last):
                lines = page.lines if last is None or page.after <= last else [line for line in page.lines if _position(line) <= last]
                _write(file, lines)
                count, reached = count + len(lines), page.after if last is None else min(page.after, last)
        print(f"{count} events, up to position {reached}", file=sys.stderr)


def _write(file: BinaryIO | Any, lines: Any) -> None:
    file.writelines(line + b"\n" for line in lines)
    file.flush()


def _position(line: bytes) -> int:
    return int(orjson.loads(line)["journalid"])


def _wanted(types: list[str] | None, sources: list[str] | None, customer: str | None, since: str | None, until: str | None) -> dict[str, str]:
    told = {
        "types": ",".join(types) if types else None,
        "source": ",".join(sources) if sources else None,
        "customer_id": customer,
        "from": _moment(since, "--from"),
        "to": _moment(until, "--to"),
    }
    return {name: value for name, value in told.items() if value is not None}


def _moment(told: str | None, name: str) -> str | None:
    if told is None:
        return None
    if ago := _AGO.fullmatch(told):
        return (datetime.now(UTC) - timedelta(**{_UNIT[ago[2]]: int(ago[1])})).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    try:
        moment = datetime.fromisoformat(told)
        if moment.tzinfo is None:
            raise ValueError("no offset")
        return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError):
        raise Wrong(f"{name} is a moment with its offset, as 2026-03-01T12:00Z, or how long ago, as 10m.", 2) from None


def _refuse(why: str, code: int) -> None:
    print(why, file=sys.stderr)
    raise typer.Exit(code)


@contextmanager
def _asking(context: typer.Context) -> Iterator[Journal]:
    url, token, patience = context.obj
    if not token:
        _refuse("Set TOKEN, or name a file with --token-file: a token with reporting:read, and personal:read to see personal fields.", 2)
    journal = Journal(url, token, patience=patience)
    try:
        yield journal
    except Wrong as wrong:
        _refuse(str(wrong), wrong.code)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
    finally:
        journal.close()
