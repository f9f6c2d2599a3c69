"""Does an event that cannot be applied stop its own customer only, and is the outcome, once it can be, as if it always could?"""

from pathlib import Path

from chaos.broken import Broken
from chaos.ground import Ground
from chaos.scenario import scenario

OLDER = str(Path(__file__).parents[1] / "older")
_TYPES = ("contact.unmerged", "ticket.resolved", "points.reserved")


@scenario("type-not-known-yet", faults=(15, 17), invariants="I9 I10", seeds=(1, 2))
async def type_not_known_yet(ground: Ground) -> None:
    """The projector is older than a writer: a type is unknown to it. Its customers are parked; the newer release takes them up when it starts."""
    unknown = ground.rng.choice(_TYPES)
    await ground.restart("projector", PYTHONPATH=OLDER, CHAOS_UNKNOWN=unknown)
    await ground.until(lambda: _parked(ground), f"somebody is parked for {unknown}")
    await ground.load.more(30)
    await _others_go_on(ground)
    parked = await _parked(ground)
    await ground.restart("projector")
    await ground.until(lambda: _none_parked(ground), "the newer release took them up")
    ground.notes["parked"] = f"{parked} for {unknown}"


@scenario("fold-fails-for-one", faults=(15,), invariants="I9 I10", seeds=(1, 2))
async def fold_fails_for_one(ground: Ground) -> None:
    """A release has a bug that shows at one customer: parked, told to the operator, tried again in vain, and taken up after the mending."""
    victim = ground.rng.choice([each.id for plan in ground.load.plans for each in plan.customers])
    await ground.restart("projector", PYTHONPATH=OLDER, CHAOS_BROKEN=victim)
    answer = await ground.load.send("contacts", "POST", f"/v1/contacts/{victim}/needs", {"need": "tea"}, Idempotency_Key=f"poison-{ground.seed}-{victim}")
    assert answer.is_success, answer.text
    await ground.until(lambda: _parked(ground), "the customer is parked")
    await ground.load.more(30)
    await _others_go_on(ground)
    items = (await ground.load.send("reporting", "GET", "/v1/operations/parked")).json()["items"]
    if [(each["source"], each["customer_id"]) for each in items] != [("contacts", victim)]:
        raise Broken("I9", f"parked is {items}, and only {victim} should be")
    await ground.restart("projector")
    path = f"/v1/operations/parked/contacts/{victim}/retry"
    drained = await ground.load.send("reporting", "POST", path, Idempotency_Key=f"retry-{ground.seed}-{victim}")
    if not drained.is_success or drained.json()["outcome"] != "drained":
        raise Broken("I10", f"{victim} was not taken up: {drained.status_code} {drained.text[:300]}")


async def _others_go_on(ground: Ground) -> None:
    """A customer of whom nothing is broken is seen at once."""
    seconds = await ground.recovered(0.0)
    assert seconds >= 0


async def _parked(ground: Ground) -> int:
    async with ground.database("reporting") as reporting:
        live = await reporting.fetchval("select build from builds where state = 'active'")
        return int(await reporting.fetchval(f"select count(*) from {live}.parked"))


async def _none_parked(ground: Ground) -> bool:
    return not await _parked(ground)
