"""Is the made-up company there already, and if not, how is it told?"""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from rich.console import Console

from crm_importers.address import Address
from crm_importers.company import phases, ties
from crm_importers.company.person import YEARS, Company, person
from crm_importers.importing import Import
from crm_importers.seeing import View
from crm_importers.sending import Stopped
from crm_importers.tally import Tally

_OPENING = timedelta(hours=9)  # the first customer came at nine


async def known_end(view: View, seed: int) -> datetime | None:
    """Where the company of this seed ends, if its first customer is there: the stack itself remembers, so a run on another day goes on with the same facts."""
    first = person(Company(seed, 1, datetime(2000, 1, 1, tzinfo=UTC)), 0).id
    known = await view.read(f"/v1/contacts/{first}")
    return datetime.fromisoformat(known["registered_at"]) + YEARS - _OPENING if known else None


async def is_whole(view: View, company: Company) -> bool:
    """Whether its last command was taken, and its last customer is there: it may have been told with fewer."""
    last = person(company, company.customers - 1).id
    return bool(await view.read(f"/v1/merges/{ties.merge_id(company, 0)}") and await view.read(f"/v1/contacts/{last}"))


async def make(address: Address, console: Console, options: dict[str, Any], *, seed: int, customers: int, end: datetime | None) -> tuple[Company, Tally]:
    """Tell the company, or nothing if all of it is there. `end`: default as known, else today at midnight UTC. Raises Stopped if it ends elsewhere already."""
    async with address.client("contacts") as client:
        view = View(client)
        known = await known_end(view, seed)
        if known and end and known != end:
            raise Stopped(f"The company of seed {seed} is there, up to {known.date()}. Leave --end out, or choose another --seed.")
        company = Company(seed, customers, end or known or datetime.combine(datetime.now(UTC).date(), time(), UTC))
        if known and await is_whole(view, company):
            console.print(f"The company of seed {seed} is there already, with {customers} customers; nothing was sent.")
            return company, Tally()
    work = Import(address, console, options, keep=phases.KEPT)
    return company, await work.run(phases.phases(company, work.answers))
