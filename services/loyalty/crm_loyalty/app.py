"""What is the loyalty service made of? Its streams, its routes, and what it hears from contacts, from tickets and of its own tiers."""

import asyncio
from collections.abc import Mapping
from uuid import UUID

import asyncpg
from crm_chassis.writer import writer_app
from crm_events.consuming.record import Record
from crm_events.follower import CustomerEdges, cluster
from crm_events.language.privacy import LoyaltyErasureObeyed
from crm_events.lease import Connection
from crm_events.obeying import ERASED, OBEDIENCES, Obeying, on_erased, sealed_for_ever
from crm_events.store.store import EventStore
from crm_events.topics import SOURCES
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.datastructures import State

from crm_loyalty import (
    entitlements_api,
    invoices_api,
    life_api,
    members_api,
    offers_api,
    prices_api,
    programmes_api,
    redemptions_api,
    referrals_api,
    rewards_api,
    transactions_api,
    wallets_api,
)
from crm_loyalty.described import DESCRIBED
from crm_loyalty.entitlement import ENTITLEMENTS
from crm_loyalty.entitling import by_tier
from crm_loyalty.invoice import INVOICES
from crm_loyalty.kinship import TIES
from crm_loyalty.member import MEMBERS
from crm_loyalty.notices_api import router as notices
from crm_loyalty.offer import OFFERS
from crm_loyalty.offer_target import OFFER_TARGETS
from crm_loyalty.prices import PRICES
from crm_loyalty.programme import PROGRAMMES
from crm_loyalty.recoveries import COMPLETED, Payer, owe
from crm_loyalty.referral import REFERRALS
from crm_loyalty.referring import HEARD, Keeper, forget, remembered
from crm_loyalty.reward import REWARDS
from crm_loyalty.settings import LoyaltySettings
from crm_loyalty.simulations_api import router as simulations
from crm_loyalty.transaction import TRANSACTIONS

AGGREGATES = (PROGRAMMES, MEMBERS, TRANSACTIONS, ENTITLEMENTS, INVOICES, OFFERS, OFFER_TARGETS, REWARDS, PRICES, REFERRALS, OBEDIENCES[LoyaltyErasureObeyed])
ROUTERS = tuple(
    each.router
    for each in (
        programmes_api,
        members_api,
        wallets_api,
        life_api,
        transactions_api,
        redemptions_api,
        entitlements_api,
        invoices_api,
        offers_api,
        rewards_api,
        referrals_api,
        prices_api,
    )
)

# A card's hash would find an erased customer again; a document's number is no person's.
_CARDS = "from claims where scope = 'card' and holder in (select stream_id from streams where customer_id = $1 and type = 'member')"
FORGETS = ("privacy.erasure_requested", ERASED)  # again at the second: an enrolment under way at the first had a key still
ASKED = (notices, simulations)  # routes that only answer


def loyalty_app(settings: LoyaltySettings) -> FastAPI:
    """The service, ready to be served."""
    return writer_app(
        name="loyalty",
        title="Loyalty: what customers bought, and the points they earned and spent",
        settings=settings,
        described=DESCRIBED,
        aggregates=AGGREGATES,
        routers=(*ROUTERS, *ASKED),
        cluster=_members,
        extra_background={"edges": _follow, "recoveries": _pay, "referrals": _keep, "obeying": _obey},
    )


async def _members(store: EventStore, customer_id: UUID) -> set[UUID]:
    return set(await cluster(store.pool, customer_id))


def follower_of(settings: LoyaltySettings, registry: CollectorRegistry, store: EventStore) -> CustomerEdges:
    """Hears from contacts who was merged, tied and is to be forgotten, from tickets which points we owe, of its own what tiers entitle to and who bought."""
    return CustomerEdges(
        tuple(SOURCES[source] for source in ("contacts", "tickets", "loyalty")),
        group="loyalty-edges",
        bootstrap_servers=settings.kafka_bootstrap_servers,
        connect=lambda: asyncpg.connect(settings.database_url),
        registry=registry,
        more=dict.fromkeys(FORGETS, _forget) | by_tier(store) | {COMPLETED: owe} | TIES | HEARD,
    )


async def _follow(state: State, stop: asyncio.Event) -> None:
    await follower_of(state.settings, state.chassis.registry, state.store).run(stop)


async def _pay(state: State, stop: asyncio.Event) -> None:
    await Payer(state.store).run(stop)


async def _keep(state: State, stop: asyncio.Event) -> None:
    await Keeper(state.store).run(stop)


async def _obey(state: State, stop: asyncio.Event) -> None:
    await Obeying(state.store, LoyaltyErasureObeyed, _forgotten).run(stop)


async def _forgotten(store: EventStore, customer_id: UUID) -> Mapping[str, int] | None:
    """No card finds them, nor an invitation, and nothing can be opened."""
    if await store.pool.fetchval(f"select exists (select {_CARDS})", customer_id) or await remembered(store.pool, customer_id):
        return None
    return await sealed_for_ever(store, customer_id)


async def _forget(connection: Connection, record: Record) -> None:
    await connection.execute(f"delete {_CARDS}", record.key)
    await forget(connection, record)
    if record.type == ERASED:
        await on_erased(connection, record)
