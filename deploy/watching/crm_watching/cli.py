"""`crm-watching`: writes what is made from the code anew, and says where a Prometheus finds the stack that runs on this machine."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from crm_local.addresses import known
from crm_local.places import default_data_dir

from crm_watching.made import made
from crm_watching.places import ROOT
from crm_watching.scraping import configured, on_this_machine

app = typer.Typer(help="What operators watch, made from the code.", add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.command()
def write() -> None:
    """Write every file that is made from the code (metrics' page, rules, dashboards); names those that changed."""
    for file, text in made().items():
        if not file.exists() or file.read_text() != text:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            print(f"written: {file.relative_to(ROOT)}")


@app.command()
def scrape(
    data: Annotated[Path, typer.Option("--data", default_factory=default_data_dir, help="Where the stack is kept.", show_default="build/stack")],
) -> None:
    """Print a configuration with which Prometheus watches the stack of this machine, with all rules."""
    listening = known(data.absolute())
    if listening is None:
        print("The stack is down: make up.", file=sys.stderr)
        raise typer.Exit(1)
    print(configured(on_this_machine(listening)), end="")
