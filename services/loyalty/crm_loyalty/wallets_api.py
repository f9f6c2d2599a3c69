"""What does a customer hold in each programme, over all that were merged with it? Every point stays with its member, in the lot it was earned in."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.operations import query
from crm_chassis.paging import PageOf, Paging
from crm_events.follower import cluster
from crm_events.store.loading import Loaded
from fastapi import APIRouter, Query

from crm_loyalty.access import Read
from crm_loyalty.answers import Balance, LotAnswer, balance, lot_answer
from crm_loyalty.ledger import consumption_order
from crm_loyalty.member import MEMBERS, Member
from crm_loyalty.redemption import able

router = APIRouter(tags=["members"])

_WALLETS = """
select state ->> 'programme' as programme, array_agg(stream_id order by stream_id) as ids from streams
where type = 'member' and customer_id = any($1::uuid[]) and state ->> 'programme' > $2 group by 1 order by 1 limit $3
"""


class WalletLot(LotAnswer):
    """An open lot, and the member whose it is: there it stays, whoever is merged or parted."""

    member_id: UUID


class WalletAnswer(Balance):
    """The sums over all members; `lots` in the order in which they will be spent; `spendable`: what a redemption may take now."""

    programme: str
    member_ids: list[UUID]
    spendable: int
    lots: list[WalletLot]


@router.get("/v1/wallets", **query(PageOf[WalletAnswer]))
async def list_wallets(
    customer_id: Annotated[UUID, Query(description="whose; of a merged customer, all of them together")], page: Paging, call: Read
) -> Answer:
    """One wallet a programme: what the members of a customer, and of the customers merged with it, hold together."""
    together = await cluster(call.store.pool, customer_id)
    rows = await call.store.pool.fetch(_WALLETS, together, page.after[0] if page.after else "", page.limit + 1)
    shown = rows[: page.limit]
    wallets = [_wallet(row["programme"], await call.store.read_many(MEMBERS, row["ids"]), call.now) for row in shown]
    return await call.page(wallets, (shown[-1]["programme"],) if len(rows) > page.limit else None, page.limit)


def _wallet(programme: str, parts: Sequence[Loaded[Member]], now: datetime) -> WalletAnswer:
    sums = [balance(part.state.ledger) for part in parts]
    lots = sorted(((lot, part.stream_id) for part in parts for lot in part.state.ledger.lots), key=lambda each: consumption_order(each[0]))
    return WalletAnswer(
        **{name: sum(each[name] for each in sums) for name in Balance.model_fields},
        programme=programme,
        member_ids=[part.stream_id for part in parts],
        spendable=able([part.state for part in parts], now),
        lots=[WalletLot(**dict(lot_answer(lot)), member_id=member_id) for lot, member_id in lots],
    )
