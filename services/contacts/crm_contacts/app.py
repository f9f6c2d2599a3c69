"""What is the contacts service made of? Its streams, its routes, the worker that forgets customers, and the one that finds who is somebody known."""

import asyncio
from datetime import timedelta
from functools import partial
from uuid import UUID

import asyncpg
from crm_chassis.writer import writer_app
from crm_events.follower import Follower
from crm_events.identifiers import warm_up
from crm_events.store.store import EventStore
from crm_events.topics import SOURCES
from fastapi import FastAPI
from starlette.datastructures import State

from crm_contacts import (
    basis_api,
    consents_api,
    contacts_api,
    erasures_api,
    exports_api,
    identifiers_api,
    interactions_api,
    matches_api,
    merges_api,
    outreach_api,
    parting_api,
    previews_api,
    redactions_api,
    relationships_api,
    restrictions_api,
    selling_api,
    surveys_api,
    valuing_api,
)
from crm_contacts.basis import grounds
from crm_contacts.certificate import Signer
from crm_contacts.certifying import Certifier, acknowledgements
from crm_contacts.cluster import clusters
from crm_contacts.described import DESCRIBED
from crm_contacts.effort import EFFORTS
from crm_contacts.eraser import Eraser
from crm_contacts.exports_api import deliveries
from crm_contacts.interaction import INTERACTIONS
from crm_contacts.lifecycle import Lapser, purchases
from crm_contacts.match import MATCHES
from crm_contacts.matcher import Matcher
from crm_contacts.opportunity import OPPORTUNITIES
from crm_contacts.outreach import OUTREACH
from crm_contacts.privacy_request import PRIVACY_REQUESTS
from crm_contacts.redaction import REDACTIONS
from crm_contacts.relationship import RELATIONSHIPS
from crm_contacts.settings import ContactsSettings
from crm_contacts.streams import CONTACTS
from crm_contacts.survey import SURVEYS
from crm_contacts.unbased import GROUP, HEARS, Forgetter, heard_until_now

AGGREGATES = (CONTACTS, INTERACTIONS, RELATIONSHIPS, REDACTIONS, OUTREACH, OPPORTUNITIES, EFFORTS, MATCHES, SURVEYS, PRIVACY_REQUESTS)
ROUTERS = tuple(
    each.router
    for each in (
        identifiers_api,
        contacts_api,
        consents_api,
        interactions_api,
        relationships_api,
        merges_api,
        parting_api,
        matches_api,
        previews_api,
        erasures_api,
        restrictions_api,
        exports_api,
        basis_api,
        redactions_api,
        outreach_api,
        valuing_api,
        selling_api,
        surveys_api,
    )
)


def contacts_app(settings: ContactsSettings) -> FastAPI:
    """The service, ready to be served."""
    warm_up()
    days = settings.erase_without_basis_after_days
    background = {"eraser": _erase, "matcher": _match, "heard": _hear}
    background |= {} if days is None else {"basis": partial(_let_go, days)}
    background |= {"lapser": _lapse} if settings.lifecycle_by_purchases and settings.dormant_after_days else {}
    return writer_app(
        name="contacts",
        title="Contacts: who the customer is, how they may be reached, and what passed between us",
        settings=settings,
        described=DESCRIBED,
        aggregates=AGGREGATES,
        routers=ROUTERS,
        cluster=_members,
        extra_background=background,
    )


async def _members(store: EventStore, customer_id: UUID) -> set[UUID]:
    return set((await clusters(store, [customer_id]))[customer_id].members)


async def _erase(state: State, stop: asyncio.Event) -> None:
    settings: ContactsSettings = state.settings
    certifier = Certifier(state.store, Signer(settings.master_key_bytes), settings.owed)
    await Eraser(state.store, state.vault, certifier).run(stop)


async def _match(state: State, stop: asyncio.Event) -> None:
    await Matcher(state.store).run(stop)


async def _hear(state: State, stop: asyncio.Event) -> None:
    """Hear from the other services that they have obeyed an erasure, for what reason they know a customer, and what was bought."""
    settings: ContactsSettings = state.settings
    handlers = acknowledgements(state.store) | deliveries(state.store) | grounds()
    await Follower(
        tuple(SOURCES[source] for source in HEARS),
        handlers | (purchases(state.store) if settings.lifecycle_by_purchases else {}),
        group=GROUP,
        bootstrap_servers=settings.kafka_bootstrap_servers,
        connect=lambda: asyncpg.connect(settings.database_url),
        registry=state.chassis.registry,
    ).run(stop)


async def _lapse(state: State, stop: asyncio.Event) -> None:
    """Say who has fallen silent."""
    settings: ContactsSettings = state.settings
    lost = timedelta(days=settings.lost_after_days) if settings.lost_after_days else None
    await Lapser(state.store, dormant=timedelta(days=settings.dormant_after_days), lost=lost).run(stop)


async def _let_go(days: int, state: State, stop: asyncio.Event) -> None:
    """Forget whom nothing allows us to keep, so many days after the last ground was gone."""
    settings: ContactsSettings = state.settings
    heard = partial(heard_until_now, state.store.pool, settings.kafka_bootstrap_servers)
    await Forgetter(state.store, after=timedelta(days=days), heard=heard).run(stop)
