"""`crm-contract`: writes the documents anew, and the examples in them."""

from pathlib import Path
from typing import Annotated

import typer

from crm_contract.breaking import breaking
from crm_contract.documents import committed, documents, text_of
from crm_contract.places import DOCUMENTS

app = typer.Typer(help="What the APIs promise.", add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
Folder = Annotated[Path, typer.Option(help="where the documents are")]


@app.command()
def write(folder: Folder = DOCUMENTS, breaks: Annotated[bool, typer.Option("--breaks", help="Write although clients break.")] = False) -> None:
    """Write the services' documents and the merged one as the code has them. Refuses what breaks clients, unless told that it may."""
    if (said := _said(folder)) and not breaks:
        print("Clients of what was promised would break:", *said, "If that is meant: crm-contract write --breaks", sep="\n  ")
        raise typer.Exit(1)
    for name, document in documents().items():
        file = folder / f"{name}.json"
        if not file.exists() or file.read_text() != text_of(document):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text_of(document))
            print(f"written: {file.name}")


@app.command()
def compare(folder: Folder = DOCUMENTS) -> None:
    """Name what would break a client of the committed documents. Exit code 1 if anything does."""
    said = _said(folder)
    print(*said, sep="\n", end="\n" if said else "")
    raise typer.Exit(1 if said else 0)


def _said(folder: Path) -> list[str]:
    before, now = committed(folder), documents()
    return [f"{name}: {text}" for name in before for text in breaking(before[name], now[name])]
