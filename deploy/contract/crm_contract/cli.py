"""`crm-contract`: writes the documents anew, and the examples in them."""

import json
import tempfile
from pathlib import Path
from typing import Annotated

import httpx2
import typer
from crm_local import issuing
from crm_local.stack import Stack

from crm_contract import event_examples
from crm_contract.breaking import breaking
from crm_contract.documents import committed, documents, text_of
from crm_contract.event_files import event_files
from crm_contract.places import DOCUMENTS, ROOT, SERVICES, examples_file
from crm_contract.recording import record
from crm_contract.schema_report import compared, kept, kept_at, report
from crm_contract.story import STORY

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
    for file, text in event_files().items() if folder == DOCUMENTS else ():
        if not file.exists() or file.read_text() != text:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            print(f"written: {file.relative_to(ROOT)}")


@app.command()
def schemas(against: Annotated[str, typer.Option(help="a commit whose schemas are compared with those of now")] = "HEAD~1") -> None:
    """Report, event by event, whether old readers read what is written now, and new ones what was written. Exit code 1 if anybody would break."""
    before = kept_at(against)
    judged = compared(before if before is not None else kept())
    print(report(judged, against if before is not None else "the kept schemas"))
    raise typer.Exit(1 if any(each.breaks for each in judged) else 0)


@app.command()
def compare(folder: Folder = DOCUMENTS) -> None:
    """Name what would break a client of the committed documents. Exit code 1 if anything does."""
    said = _said(folder)
    print(*said, sep="\n", end="\n" if said else "")
    raise typer.Exit(1 if said else 0)


@app.command("record")
def record_examples() -> None:
    """Tell the story of the examples to a stack started for it, and keep what it answers for the documents to show. Then: crm-contract write.

    Of a type of events that has no example yet, the first that the story tells is kept.
    """
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder) / "stack", say=print)
        try:
            around = stack.up(fresh_ports=True)
            bearer = {"Authorization": f"Bearer {issuing.token(stack.data_dir)}"}
            clients = {name: httpx2.Client(base_url=around.addresses.url(name), headers=bearer, timeout=60) for name in SERVICES}
            shown = record(STORY, clients, documents())
            without = event_examples.add(around.bootstrap)
        finally:
            stack.down()
    for service, examples in shown.items():
        examples_file(service).write_text(json.dumps(examples, ensure_ascii=False, indent=1) + "\n")
        print(f"written: {len(examples)} examples of {service}")
    for type_ in without:
        print(f"no example of {type_}: the story does not tell it. Write one in {event_examples.FILE.relative_to(ROOT)}.")


def _said(folder: Path) -> list[str]:
    before, now = committed(folder), documents()
    return [f"{name}: {text}" for name in before for text in breaking(before[name], now[name])]
