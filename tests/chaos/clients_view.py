"""Do clients see what they were told? Every view and timeline of the load's customers over HTTP, against the oracle."""

import asyncio
from collections import Counter
from typing import Any

from chaos.broken import Broken
from chaos.ground import Ground
from chaos.oracle import Cluster, Mark, amiss, expected, figures

# By event type, what of a timeline's item tells it from others of its type; other types follow from these.
_TOLD = {
    "interaction.recorded": "interaction_id",
    "note.added": "text",
    "consent.granted": "text_version",
    "ticket.message_added": "message_id",
    "ticket.resolved": "root_cause",
    "transaction.recorded": "transaction_id",
    "points.reserved": "reward",
    "points.redeemed": "redemption_id",
    "contact.merged": "merge_id",
    "contact.unmerged": "merge_id",
}
_STREAM = ("contact.registered", "ticket.opened", "member.enrolled")


async def agrees(ground: Ground) -> int:
    """How many customers there are. Raises Broken."""
    clusters = [each for each in expected(ground.history) if not each.members & ground.parked]
    together = asyncio.Semaphore(6)

    async def one(cluster: Cluster) -> None:
        async with together:
            await _compare(ground, cluster)

    await asyncio.gather(*map(one, clusters))
    return len(clusters)


async def _compare(ground: Ground, cluster: Cluster) -> None:
    items = await timeline(ground, cluster.root)
    found = Counter(mark for mark in map(_mark, items) if mark)
    for invariant, detail in amiss(cluster, found):
        raise Broken(invariant, detail)
    _in_order(cluster, items)
    if not found[("contact.registered", cluster.root)]:
        return  # its registration was never acknowledged, and never done
    answer = await ground.load.send("reporting", "GET", f"/v1/customers/{cluster.root}")
    if not answer.is_success:
        raise Broken("I5", f"{cluster.root}: its view answers {answer.status_code} {answer.text[:300]}")
    for name, shown, wanted in _differences(cluster, found, answer.json(), items):
        raise Broken("I5", f"{cluster.root}: {name} is {shown} in the view and {wanted} by what was acknowledged")


def _differences(cluster: Cluster, found: Counter[Mark], view: dict[str, Any], items: list[dict[str, Any]]) -> list[tuple[str, Any, Any]]:
    told = figures(cluster, found)
    loyalty = view["loyalty"] or dict.fromkeys(told.points, 0)
    pairs = [
        ("member_ids", sorted(view["member_ids"]), sorted(cluster.members)),
        ("contact.interactions", view["contact"]["interactions"], told.interactions),
        ("purchases.count", view["purchases"]["count"], told.purchases),
        ("purchases.spend", sum(each["amount"] for each in view["purchases"]["spend"]), told.spend),
        ("service.tickets", sorted(each["ticket_id"] for each in view["service"]["tickets"]), sorted(told.open)),
        ("service.resolved", view["service"]["resolved"], told.resolved),
        *((f"loyalty.{name}", loyalty[name], points) for name, points in told.points.items()),
    ]
    return [(name, shown, wanted) for name, shown, wanted in pairs if shown != wanted] + _consent(cluster, told.consents, view, items)


def _consent(cluster: Cluster, allowed: set[str], view: dict[str, Any], items: list[dict[str, Any]]) -> list[tuple[str, Any, Any]]:
    """The consent in force is the last one told; which one the view names by its event. Of merged customers the later of several stands."""
    if len(cluster.members) > 1 or not allowed:
        return []
    versions = {item["event_id"]: item["data"]["text_version"] for item in items if item["type"] == "consent.granted"}
    shown = [versions.get(each["event_id"]) for each in view["consents"] if (each["purpose"], each["channel"]) == ("marketing", "sms")]
    return [] if len(shown) == 1 and shown[0] in allowed else [("consents", shown, sorted(allowed))]


def _in_order(cluster: Cluster, items: list[dict[str, Any]]) -> None:
    """One source's events of one stream: its versions 1, 2, 3, … in the order they were received."""
    versions: dict[str, list[int]] = {}
    for item in items:
        versions.setdefault(item["stream_id"], []).append(item["version"])
    for stream, seen in versions.items():
        if sorted(seen) != list(range(1, len(seen) + 1)):
            raise Broken("I2", f"{cluster.root}: the timeline shows versions {sorted(seen)} of {stream}")


async def timeline(ground: Ground, customer: str) -> list[dict[str, Any]]:
    """Every item; none if nobody knows the customer."""
    items: list[dict[str, Any]] = []
    cursor = ""
    while True:
        answer = await ground.load.send("reporting", "GET", f"/v1/customers/{customer}/timeline?limit=200{cursor}")
        if answer.status_code == 404:
            return []
        if not answer.is_success:
            raise Broken("I5", f"{customer}: its timeline answers {answer.status_code} {answer.text[:300]}")
        page = answer.json()
        items += page["items"]
        if page["next"] is None:
            return items
        cursor = f"&cursor={page['next']}"


def _mark(item: dict[str, Any]) -> Mark | None:
    if item["type"] in _STREAM:
        return (item["type"], item["stream_id"])
    field = _TOLD.get(item["type"])
    return (item["type"], str(item["data"].get(field))) if field else None
