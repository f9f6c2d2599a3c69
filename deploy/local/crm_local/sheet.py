"""What does a client of the stack need to know? Written to stack.env beside the data directory."""

from pathlib import Path

from crm_local.addresses import Addresses
from crm_local.keyring import write_private


def stack_env(data_dir: Path) -> Path:
    """Return the file's place: build/stack.env for build/stack."""
    return data_dir.parent / f"{data_dir.name}.env"


def write(data_dir: Path, chosen: Addresses, bootstrap: str, token: str) -> dict[str, str]:
    """Write the four URLs, the broker and a token as NAME=value lines, and return them."""
    lines = {
        "CONTACTS_URL": chosen.url("contacts"),
        "TICKETS_URL": chosen.url("tickets"),
        "LOYALTY_URL": chosen.url("loyalty"),
        "REPORTING_URL": chosen.url("reporting"),
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "TOKEN": token,
    }
    write_private(stack_env(data_dir), "".join(f"{name}={value}\n" for name, value in lines.items()))
    return lines
