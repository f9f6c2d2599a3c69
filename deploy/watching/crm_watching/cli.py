"""`crm-watching`: writes the page of metrics, the rules and the dashboards anew, as the code has them."""

import typer

from crm_watching.made import made
from crm_watching.places import ROOT

app = typer.Typer(help="What operators watch, made from the code.", add_completion=False, pretty_exceptions_enable=False)


@app.command()
def write() -> None:
    """Write every file that is made from the code; names those that changed."""
    for file, text in made().items():
        if not file.exists() or file.read_text() != text:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            print(f"written: {file.relative_to(ROOT)}")
