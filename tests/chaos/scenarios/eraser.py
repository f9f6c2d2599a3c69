"""Is a customer who asked for it forgotten for good, once, when the process that destroys the keys dies between its steps?"""

import httpx2

from chaos.broken import Broken
from chaos.ground import Ground
from chaos.scenario import scenario

_POINTS = ("eraser.claims_deleted", "eraser.destroyed", "eraser.noted", "eraser.confirmed")
_TOLD = {"privacy.erasure_requested": 1, "privacy.erased": 1, "privacy.acknowledged": 4, "privacy.certified": 1}  # each service says once that it obeyed
_EVENTS = "select type, count(*) as n from events where customer_id = $1 and type like 'privacy.%' group by type"


@scenario("eraser-killed", faults=(18,), invariants="I1 I12")
async def eraser_killed(ground: Ground) -> None:
    """Killed before and after the vault destroys the keys, or after each of the two notes of it."""
    someone = str((await _until_done(ground, "/v1/contacts", {"kind": "person", "name": "فراموش"})).json()["id"])
    asked = ""
    for point in _POINTS[:2] if ground.seed % 2 else _POINTS[2:]:
        await ground.restart("contacts", CRM_FAILPOINT=point)
        asked = asked or str((await _until_done(ground, "/v1/privacy/erasures", {"customer_id": someone})).json()["id"])
        await ground.dead("contacts")
    await ground.restart("contacts")

    async def certified() -> bool:
        answer = await ground.load.send("contacts", "GET", f"/v1/privacy/erasures/{asked}")
        return answer.is_success and answer.json()["certificate"] is not None

    await ground.until(certified, "every service has obeyed, and the certificate is there")
    async with ground.database("contacts") as contacts, ground.database("vault") as vault:
        told = {row["type"]: row["n"] for row in await contacts.fetch(_EVENTS, someone)}
        if told != _TOLD:
            raise Broken("I12", f"{someone} was erased by {told}")
        if await vault.fetchval("select count(*) from subject_key where subject = $1 and wrapped is not null", someone):
            raise Broken("I12", f"the vault still has a key of {someone}")


async def _until_done(ground: Ground, path: str, body: dict[str, object]) -> httpx2.Response:
    key, answers = f"eraser-{ground.rng.getrandbits(64):x}", list[httpx2.Response]()

    async def done() -> bool:
        try:
            answers.append(await ground.load.send("contacts", "POST", path, body, Idempotency_Key=key))
        except httpx2.TransportError:
            return False
        return answers[-1].is_success

    await ground.until(done, f"{path} is acknowledged")
    return answers[-1]
