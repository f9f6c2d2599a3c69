"""`crm-site`: all pages as one site, with checked links."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from crm_site.building import build

ROOT = Path(__file__).resolve().parents[3]

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(target: Annotated[Path, typer.Argument(help="folder that is made anew")] = ROOT / "build" / "site") -> None:
    """Write the site. Exit code 1 names links that lead nowhere."""
    try:
        wrong = build(ROOT, target)
    except ValueError as error:
        sys.exit(str(error))
    for line in wrong:
        typer.echo(line, err=True)
    typer.echo(f"written: {len(list(target.rglob('*.html')))} pages, open {target / 'index.html'}")
    sys.exit(bool(wrong))
