"""Does every point stay in its own lot through merges, spending and unmerges, so that taking a merge back leaves each member exactly what was its own?"""

import asyncio
import random
import uuid
from collections import Counter
from typing import Any

import pytest
from crm_events.store.store import EventStore
from loyalty_client import Till, ok

MONTHS = ["2026-03", "2026-04", "2026-05", "2026-06", "2026-07", "2026-08", "2026-09", "2026-10"]


class Family:
    """Customers who turn out to be one, or not: each a member of one programme with lots of several ages."""

    def __init__(self, till: Till, store: EventStore) -> None:
        self.till, self.store, self.people, self.position = till, store, list[dict[str, Any]](), 0

    async def born(self, chance: random.Random, count: int = 3) -> "Family":
        programme = await self.till.programme()
        for _ in range(count):
            member = await self.till.member(programme=programme, occurred_at="2026-01-01T00:00:00Z")
            for month in sorted(chance.sample(MONTHS, 3)):
                await self.till.buy(member, (1, chance.randint(10, 60) * 100), occurred_at=f"{month}-{chance.randint(10, 20)}T10:00:00Z")
            self.people.append(member)
        return self

    async def edge(self, child: int, into: int | None) -> None:
        """As the follower of contacts notes it."""
        self.position += 1
        await self.store.pool.execute(
            "insert into customer_edge (customer_id, merged_into, position) values ($1, $2, $3) "
            "on conflict (customer_id) do update set merged_into = excluded.merged_into",
            uuid.UUID(self.people[child]["customer_id"]), uuid.UUID(self.people[into]["customer_id"]) if into is not None else None, self.position,
        )  # fmt: skip

    async def wallet(self, number: int) -> dict[str, Any]:
        [wallet] = ok(await self.till.get(f"/v1/wallets?customer_id={self.people[number]['customer_id']}"))["items"]
        return dict(wallet)

    async def wallets(self) -> list[dict[str, Any]]:
        return [await self.wallet(number) for number in range(len(self.people))]


@pytest.mark.parametrize("seed", range(3))
async def test_a_merge_taken_back_leaves_every_wallet_as_it_was(till: Till, store: EventStore, seed: int) -> None:
    chance = random.Random(seed)
    family = await Family(till, store).born(chance)
    before = await family.wallets()
    edges = chance.choice([[(1, 0), (2, 0)], [(2, 1), (1, 0)], [(0, 2), (1, 2)]])
    for child, into in edges:
        await family.edge(child, into)
    together = await family.wallets()
    assert together[0] == together[1] == together[2]
    assert sorted(lot["lot_id"] for lot in together[0]["lots"]) == sorted(lot["lot_id"] for wallet in before for lot in wallet["lots"])
    assert [lot["expires_at"] for lot in together[0]["lots"]] == sorted(lot["expires_at"] for lot in together[0]["lots"])
    assert together[0]["spendable"] == sum(wallet["spendable"] for wallet in before) == sum(lot["left"] for lot in together[0]["lots"])
    for child, _ in chance.sample(edges, len(edges)):
        await family.edge(child, None)
    assert await family.wallets() == before


@pytest.mark.parametrize("seed", range(4))
async def test_after_an_unmerge_each_has_its_own_lots_less_what_was_spent_of_them(till: Till, store: EventStore, seed: int) -> None:
    """Against a count by hand: lots in one row by expiry, taken from the left; what is given up or taken back returns to where it was."""
    chance = random.Random(100 + seed)
    family = await Family(till, store).born(chance)
    own = {lot["lot_id"]: number for number, wallet in enumerate(await family.wallets()) for lot in wallet["lots"]}
    edges = chance.choice([[(1, 0), (2, 0)], [(2, 1), (1, 0)]])
    for child, into in edges:
        await family.edge(child, into)
    row, done = [[lot["lot_id"], lot["left"]] for lot in (await family.wallet(0))["lots"]], list[tuple[str, list[tuple[int, int]]]]()
    for _ in range(8):
        through = family.people[chance.randrange(3)]
        if done and chance.random() < 0.3:
            redemption, took = done.pop(chance.randrange(len(done)))
            assert (await till.cancel(through, redemption)).status_code == 200
            for place, points in took:
                row[place][1] += points
            continue
        wanted, took = chance.randint(5, 90), []
        answer = await till.reserve(through, wanted)
        assert answer.status_code == (201 if wanted <= sum(left for _, left in row) else 409)
        for place, (_, left) in enumerate(row if answer.status_code == 201 else []):
            if share := min(wanted, left):
                took.append((place, share))
                row[place][1], wanted = left - share, wanted - share
        if took:
            held = answer.json()
            assert Counter({lot["lot_id"]: lot["points"] for lot in held["lots"]}) == Counter({row[place][0]: points for place, points in took})
            done.append((held["id"], took))
            if chance.random() < 0.7:
                assert (await till.confirm(family.people[chance.randrange(3)], held["id"])).status_code == 200
    for child, _ in chance.sample(edges, len(edges)):
        await family.edge(child, None)
    for number, person in enumerate(family.people):
        left = {lot["lot_id"]: lot["points"] for lot in (await family.wallet(number))["lots"]}
        held = await till.points(person)
        assert set(left) <= {lot for lot, owner in own.items() if owner == number}, "no lot left its member"
        assert held["available"] == sum(points for lot, points in row if own[lot] == number)


async def test_at_once_over_all_members_no_lot_gives_more_than_it_holds(till: Till, second_process: Till, store: EventStore) -> None:
    family = await Family(till, store).born(random.Random(7))
    await family.edge(1, 0)
    await family.edge(2, 1)
    before = await family.wallet(0)
    each = before["spendable"] // 3
    answers = await asyncio.gather(*((till, second_process)[number % 2].reserve(family.people[number % 3], each) for number in range(6)))
    assert Counter(answer.status_code for answer in answers) == {201: 3, 409: 3}
    taken = Counter[str]()
    for answer in answers:
        taken.update({lot["lot_id"]: lot["points"] for lot in answer.json().get("lots", [])})
    assert all(taken[lot["lot_id"]] <= lot["left"] for lot in before["lots"]) and taken.total() == 3 * each
    after = await family.wallet(2)
    assert (after["available"], after["reserved"]) == (before["available"] - 3 * each, 3 * each)


async def test_a_customer_of_no_programme_has_no_wallet(till: Till) -> None:
    member = await till.member(programme=None)
    for nobody in (member["customer_id"], uuid.uuid4()):
        assert ok(await till.get(f"/v1/wallets?customer_id={nobody}"))["items"] == []
    assert (await till.get("/v1/wallets?customer_id=کسی")).status_code == 422
    assert (await till.by("loyalty:write").get(f"/v1/wallets?customer_id={uuid.uuid4()}")).status_code == 403
