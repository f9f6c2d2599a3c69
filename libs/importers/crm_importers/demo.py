"""What does a stranger see after `make demo`? The made-up company, one customer's whole story, the figures, that nothing is lost, and where to go on."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from crm_importers import drawing
from crm_importers.address import Address
from crm_importers.company.making import make
from crm_importers.company.person import Company, person
from crm_importers.seeing import View
from crm_importers.sending import Stopped
from crm_importers.tally import Tally

NEWEST = 14  # events of the timeline drawn


async def show(address: Address, console: Console, options: dict[str, Any], *, seed: int, customers: int) -> Tally:
    """Make the company if need be, wait until reporting has seen it, and draw. Raises Stopped."""
    company, tally = await make(address, console, options, seed=seed, customers=customers, end=None)
    async with address.client("reporting") as client:
        view = View(client, tally.token())
        customer_id, picture = await _somebody(view, company)
        timeline = await view.read(f"/v1/customers/{customer_id}/timeline", limit=str(NEWEST)) or {"items": []}
        console.print(drawing.customer(picture, timeline["items"]))
        console.print(drawing.figures(await _figures(view)))
        console.print(await _whole(view), highlight=False)
    for line in _where_to_go_on(address, customer_id):
        console.print(line, highlight=False, markup=False, soft_wrap=True)  # to be copied: no frame, no breaks
    return tally


async def _somebody(view: View, company: Company) -> tuple[str, Mapping[str, Any]]:
    """The first customer, or the next who was not erased meanwhile."""
    for index in range(company.customers):
        customer_id = person(company, index).id
        if index == 0 and view.token:
            await view.caught_up(customer_id)
        if picture := await view.read(f"/v1/customers/{customer_id}"):
            return customer_id, picture
    raise Stopped("None of the company's customers is there any more. `make clean` begins anew.")


async def _figures(view: View) -> Sequence[Mapping[str, Any]]:
    listed = await view.read("/v1/kpis") or {"items": []}
    answers = await asyncio.gather(*(view.read(f"/v1/kpis/{kpi['name']}") for kpi in listed["items"]))
    return [answer for answer in answers if answer]


async def _whole(view: View) -> str:
    """Whether every event of every store is in Kafka and in the read model, compared at this moment."""
    response = await view.client.get("/v1/operations/reconciliation", params={"fresh": "true"})
    if response.status_code != 200:  # a token that does not look after the services, or millions of events
        return "\nWhether anything is lost: `make status`, then GET /v1/operations/reconciliation."
    told = response.json()
    events = sum(source["journal"]["events"] for source in told["sources"] if source["journal"])
    return f"\n{events:,} events: " + ("store, topic and journal hold the same." if told["equal"] else "store, topic and journal DIFFER.")


def _where_to_go_on(address: Address, customer_id: str) -> list[str]:
    return [
        "", *(f"{service:<10} {address.url(service)}/docs" for service in ("contacts", "tickets", "loyalty", "reporting")),
        "", "A token for all of them, good for 30 days:", f"TOKEN={address.token}", "", "The customer above, as JSON:",
        f'curl -s -H "Authorization: Bearer $TOKEN" {address.reporting}/v1/customers/{customer_id}', "",
        "Go on with the five-minute tour in README.md. Stop with `make down`; stop and forget everything with `make clean`.",
    ]  # fmt: skip
