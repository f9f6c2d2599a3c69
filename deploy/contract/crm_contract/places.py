"""Where are the documents and the examples kept?"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = ROOT / "docs" / "api"
SERVICES = ("contacts", "tickets", "loyalty", "reporting")
WHOLE = "crm"  # the name of the merged document


def examples_file(service: str) -> Path:
    """The examples of a service, which it shows in its document."""
    return ROOT / "services" / service / f"crm_{service}" / "examples.json"
