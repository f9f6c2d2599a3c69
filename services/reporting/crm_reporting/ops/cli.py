"""What can an operator do from a command line? `reporting ops status | leaders | parked | pause | resume | rebuild | reconcile | audit`.

Exit codes: 0 fine, 1 something is wrong, 2 asked wrongly (also: no token, or one that may not).
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from typer import echo as say

from crm_reporting.ops import showing
from crm_reporting.ops.client import Operations, Wrong
from crm_reporting.status import ALWAYS

LOOK = 0.5  # seconds between two looks at work that goes on

ops = typer.Typer(help="Look after the read model, over its HTTP API: all of it is on record.", no_args_is_help=True)
held = typer.Typer(help="Customers whose events wait for an operator.", no_args_is_help=True)
ops.add_typer(held, name="parked")

Source = Annotated[str, typer.Argument(help="contacts, tickets, loyalty or reporting.")]
Customer = Annotated[str, typer.Argument(help="The customer's id.")]
Reason = Annotated[str | None, typer.Option(help="Why, for the audit.")]
Because = Annotated[str, typer.Option(help="Why, for the audit: 3 to 500 characters.")]
Json = Annotated[bool, typer.Option("--json", help="The answer as it came, for a program.")]


@ops.callback()
def where(
    context: typer.Context,
    url: Annotated[str, typer.Option(envvar="REPORTING_URL", help="Where reporting answers.")] = "http://127.0.0.1:8004",
    token_file: Annotated[Path | None, typer.Option(help="A file with the token; default: the variable TOKEN.", exists=True, dir_okay=False)] = None,
    token: Annotated[str | None, typer.Option(envvar="TOKEN", hidden=True)] = None,
    patience: Annotated[float, typer.Option(min=0, help="Seconds to go on asking a service that does not answer for now.")] = 30.0,
) -> None:
    told = token_file.read_text().strip() if token_file else (token or "").strip()
    context.obj = url, told, patience


@ops.command()
def status(context: typer.Context, json: Json = False) -> None:
    """Is anything late, stuck, lost or slow? Exit code 1 if so."""
    with _asking(context) as asked:
        told = asked.get("status")
        _show(told, showing.status, json=json)
        _fine(told["ok"])


@ops.command()
def leaders(context: typer.Context, json: Json = False) -> None:
    """Who leads relay, timer, eraser and feed, and who reads. Exit code 1 if nobody leads something."""
    with _asking(context) as asked:
        told = asked.get("leaders")
        _show(told, showing.leaders, json=json)
        _fine(all(one["leads"] for one in told["leaders"] if one["task"] in ALWAYS))


@held.command(name="list")
def list_parked(context: typer.Context, json: Json = False, most: Annotated[int, typer.Option(min=1, help="At most so many.")] = 200) -> None:
    """Whose events wait, and why. Exit code 1 if anybody's do."""
    with _asking(context) as asked:
        items = list(asked.pages("parked", most))
        _show(items, showing.parked if items else lambda _: "Nothing is parked.", json=json)
        _fine(not items)


@held.command()
def look(context: typer.Context, source: Source, customer: Customer, json: Json = False) -> None:
    """The event that failed, what waits behind it, and what to do."""
    with _asking(context) as asked:
        _show(asked.get(_parked(source, customer)), showing.look, json=json)


@held.command()
def retry(context: typer.Context, source: Source, customer: Customer, reason: Reason = None) -> None:
    """Fold the customer again from the journal. Exit code 1 if it fails again."""
    with _asking(context) as asked:
        outcome = asked.post(f"{_parked(source, customer)}/retry", _because(reason))["outcome"]
        say(f"{source} {customer}: {outcome}")
        _fine(outcome == "drained")


@held.command()
def drop(
    context: typer.Context, source: Source, customer: Customer, event: Annotated[str, typer.Argument(help="The id of the event to leave out.")], reason: Because
) -> None:
    """Leave one event out of every fold, for ever; its row in the journal stays. Exit code 1 if the customer still waits."""
    with _asking(context) as asked:
        outcome = asked.post(f"{_parked(source, customer)}/drop", {"event_id": event, "reason": reason})["outcome"]
        say(f"{source} {customer}: {outcome}")
        _fine(outcome == "drained")


@ops.command()
def pause(context: typer.Context, source: Source, reason: Because) -> None:
    """Apply nothing of a source until it is resumed; its events wait in Kafka."""
    with _asking(context) as asked:
        told = asked.post(f"projection/{_word(source)}/pause", {"reason": reason})
        say(f"{source}: {told['outcome']}, by {told['paused_by']} at {told['paused_at']}: {told['reason']}")


@ops.command()
def resume(context: typer.Context, source: Source, reason: Reason = None) -> None:
    """Go on with the next event of a source."""
    with _asking(context) as asked:
        say(f"{source}: {asked.post(f'projection/{_word(source)}/resume', _because(reason))['outcome']}")


@ops.command()
def rebuild(context: typer.Context, reason: Reason = None, wait: Annotated[bool, typer.Option(help="Follow it to its end.")] = True) -> None:
    """Make the read model again, compare, switch; reads and writes go on. Exit code 1 if it was refused or stopped."""
    with _asking(context) as asked:
        told = asked.post("rebuilds", _because(reason))
        seen = ""
        while wait and told["state"] in ("building", "ready") and told["reason"] is None:
            now = f"{told['id']}: {told['state']}, {told['ranges_done']} of {told['ranges']} ranges, {told['documents']} documents"
            if now != seen:
                say(now, err=True)
                seen = now
            time.sleep(LOOK)
            told = asked.get(f"rebuilds/{told['id']}")
        say(f"{told['id']}: {told['state']}{': ' + told['reason'] if told['reason'] else ''}")
        _fine(told["switched"] if wait else told["reason"] is None)


@ops.command()
def reconcile(
    context: typer.Context, json: Json = False, most: Annotated[float, typer.Option(min=1, help="Seconds to wait for the comparison.")] = 600.0
) -> None:
    """Compare store, topic and journal of each source, now. Exit code 1 names what is missing or doubled."""
    with _asking(context) as asked:
        since, until = datetime.fromisoformat(asked.get("status")["at"]), time.monotonic() + most
        told = _fresh(asked)
        while datetime.fromisoformat(told["at"]) < since:  # the one before: the new one goes on
            if time.monotonic() > until:
                raise Wrong("It is still being compared. Ask again later.")
            time.sleep(LOOK)
            told = asked.get("reconciliation")
        _show(told, showing.compared, json=json)
        _fine(told["equal"])


@ops.command()
def audit(
    context: typer.Context,
    json: Json = False,
    operation: Annotated[str | None, typer.Option(help="look, retry, drop, pause, resume, rebuild or reconcile.")] = None,
    actor: Annotated[str | None, typer.Option(help="As agent:7.")] = None,
    customer: Annotated[str | None, typer.Option(help="A customer's id.")] = None,
    most: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
) -> None:
    """Who did what, why, and what came of it; newest first."""
    with _asking(context) as asked:
        _show(list(asked.pages("audit", most, operation=operation, actor=actor, customer_id=customer)), showing.audit, json=json)


def _fresh(asked: Operations) -> Any:
    """A comparison that was asked for now; the one before where it takes longer than a request may."""
    try:
        return asked.get("reconciliation", again=False, fresh="true")
    except Wrong as wrong:
        if "It is being compared" not in str(wrong):
            raise
        return asked.get("reconciliation")


def _parked(source: str, customer: str) -> str:
    return f"parked/{_word(source)}/{_word(customer)}"


def _word(told: str) -> str:
    """A part of a path, and nothing that would lead elsewhere."""
    if not told or not all(mark.isalnum() or mark in "-_" for mark in told):
        raise Wrong("Sources and ids are made of letters, digits and `-`.", 2)
    return told


def _because(reason: str | None) -> dict[str, str] | None:
    return None if reason is None else {"reason": reason}


def _show(told: Any, drawn: Callable[[Any], str], *, json: bool) -> None:
    say(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode() if json else drawn(told))


def _fine(fine: bool) -> None:
    if not fine:
        raise typer.Exit(1)


@contextmanager
def _asking(context: typer.Context) -> Iterator[Operations]:
    url, token, patience = context.obj
    if not token:
        say("Set TOKEN, or name a file with --token-file: a token with ops:read, and ops:write to change anything.", err=True)
        raise typer.Exit(2)
    asked = Operations(url, token, patience=patience)
    try:
        yield asked
    except Wrong as wrong:
        say(str(wrong), err=True)
        raise typer.Exit(wrong.code) from None
    finally:
        asked.close()
