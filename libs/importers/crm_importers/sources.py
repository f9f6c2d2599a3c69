"""Which phases is each kind of file?"""

from collections.abc import Iterator
from pathlib import Path

from crm_importers import cdnow, contacts_file, helpdesk_log, helpdesk_promises, helpdesk_tickets
from crm_importers.importing import Phase, phase
from crm_importers.tally import Refusal


def helpdesk(file: Path) -> tuple[Iterator[Phase], list[Refusal]]:
    """Promises first, that the past is judged by them; then the customers; then their tickets."""
    cases, refused = helpdesk_log.read(file)

    def phases() -> Iterator[Phase]:
        yield phase("calendar", [helpdesk_promises.calendar()])
        yield phase("policies", list(helpdesk_promises.policies()))
        yield phase("customers", list(helpdesk_tickets.customers_of(cases)))
        yield phase("tickets", [command for case in cases for command in helpdesk_tickets.commands_of(case)])

    return phases(), refused


def purchases(file: Path) -> tuple[Iterator[Phase], list[Refusal]]:
    """Members and what they bought."""
    read, refused = cdnow.read(file)
    total = len(read) + len({purchase.customer for purchase in read})
    return iter([Phase("purchases", cdnow.commands(read), total)]), refused


def contacts(file: Path, system: str) -> tuple[Iterator[Phase], list[Refusal]]:
    """A file of contacts; each stands alone."""
    commands, refused = contacts_file.read(file, system)
    return iter([phase("contacts", commands)]), refused
