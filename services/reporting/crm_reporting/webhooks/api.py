"""Which routes let somebody without Kafka have events sent to them?"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

import asyncpg
from crm_chassis.answer import Answer
from crm_chassis.call import Call, caller
from crm_chassis.operations import command, query
from crm_chassis.paging import PageOf, Paging
from crm_events.command import Command
from crm_events.lease import Connection
from fastapi import APIRouter, Security

from crm_reporting.keyed import Outcome, once
from crm_reporting.parked_api import PATIENCE
from crm_reporting.trail import Deed, deed_of, refusals_kept
from crm_reporting.webhooks import subscription
from crm_reporting.webhooks.asking import check_types, check_url
from crm_reporting.webhooks.secret import Secrets
from crm_reporting.webhooks.shapes import (
    ReplayBody,
    SecretBody,
    WebhookAnswer,
    WebhookBody,
    WebhookChange,
    WebhookDeleted,
    WebhookSecretAnswer,
    webhook_of,
)
from crm_reporting.webhooks.target import networks

router = APIRouter(tags=["webhooks"])
Read = Annotated[Call, Security(caller, scopes=["webhooks:read"])]
Write = Annotated[Call, Security(caller, scopes=["webhooks:write"])]


@router.post("/v1/webhooks", **command(WebhookSecretAnswer))
async def create_webhook(body: WebhookBody, call: Write) -> Answer:
    """Have events sent to a URL, as they come or from a position on. The answer holds the secret to verify them with."""
    check_types(body.types)
    await check_url(body.url, networks(call.state.settings.webhook_allowed_networks))
    wanted = subscription.Wanted(**body.model_dump(exclude={"after", "sources"}), sources=[each.value for each in body.sources])

    async def made(connection: Connection, deed: Deed) -> Outcome:
        webhook, secret = await subscription.create(connection, _secrets(call), wanted, after=body.after, by=call.actor)
        await deed.came_to("created", connection, subject=str(webhook))
        return {"webhook": str(webhook), "secret": str(secret)}

    return await _with_secret(call, call.command(body), deed_of(call, "webhook"), made, created=True)


@router.get("/v1/webhooks", **query(PageOf[WebhookAnswer]))
async def list_webhooks(call: Read, paging: Paging) -> Answer:
    """Every subscription and how it stands, in the order they were made."""
    rows = await subscription.listed(call.state.wide, after=UUID(paging.after[0]) if paging.after else None, limit=paging.limit + 1)
    shown = rows[: paging.limit]
    return await call.page([webhook_of(row) for row in shown], [shown[-1]["id"]] if len(rows) > paging.limit else None, paging.limit)


@router.get("/v1/webhooks/{webhook_id}", **query(WebhookAnswer))
async def get_webhook(webhook_id: UUID, call: Read) -> Answer:
    """One subscription and how it stands."""
    row = await subscription.shown(call.state.wide, webhook_id)
    return await call.show(webhook_of(row), headers=_etag(row))


@router.patch("/v1/webhooks/{webhook_id}", **command(WebhookAnswer))
async def change_webhook(webhook_id: UUID, body: WebhookChange, call: Write) -> Answer:
    """Change where and what is sent, or disable and enable it. Disabled, nothing is sent and nothing is lost: it goes on where it stopped."""
    told = body.model_dump(include=body.model_fields_set)
    told = {name: value for name, value in told.items() if value is not None or name == "description"}
    if body.types is not None:
        check_types(body.types)
    if body.url is not None:
        await check_url(body.url, networks(call.state.settings.webhook_allowed_networks))
    if body.sources is not None:
        told["sources"] = [each.value for each in body.sources]
    asked = call.command(body)

    async def changed(connection: Connection) -> str:
        await subscription.change(connection, webhook_id, told, if_match=asked.if_match)
        return {True: "enabled", False: "disabled", None: "changed"}[body.enabled]

    return await _done(call, asked, webhook_id, changed)


@router.delete("/v1/webhooks/{webhook_id}", **command(WebhookDeleted))
async def delete_webhook(webhook_id: UUID, call: Write) -> Answer:
    """End it. What it was owed and its log are gone."""
    asked, deed = call.command(), deed_of(call, "webhook", subject=str(webhook_id))
    async with refusals_kept(deed, call.state.wide), call.state.wide.acquire(timeout=PATIENCE) as connection:

        async def gone() -> Outcome:
            await subscription.remove(connection, webhook_id, if_match=asked.if_match)
            await deed.came_to("deleted", connection)
            return {"webhook": str(webhook_id)}

        _, replayed = await once(connection, asked, gone)
    return await call.show({"id": webhook_id}, headers=_replayed(replayed=replayed))


@router.post("/v1/webhooks/{webhook_id}/secret", **command(WebhookSecretAnswer))
async def replace_webhook_secret(webhook_id: UUID, call: Write, body: SecretBody | None = None) -> Answer:
    """A new secret. Until the old one retires, messages bear a signature by each, so that the receiver can change over in its own time."""
    overlap = (body or SecretBody()).overlap_hours * 3600

    async def made(connection: Connection, deed: Deed) -> Outcome:
        secret = await subscription.rotate(connection, _secrets(call), webhook_id, overlap=overlap)
        await deed.came_to("secret replaced", connection)
        return {"webhook": str(webhook_id), "secret": str(secret)}

    return await _with_secret(call, call.command(body), deed_of(call, "webhook", subject=str(webhook_id)), made)


@router.post("/v1/webhooks/{webhook_id}/replay", **command(WebhookAnswer))
async def replay_webhook(webhook_id: UUID, body: ReplayBody, call: Write) -> Answer:
    """Send everything after a position again, each customer's in order, and go on with what is new without a gap. A repeat bears its first `webhook-id`."""

    async def replayed(connection: Connection) -> str:
        await subscription.replay(connection, webhook_id, after=body.after)
        return f"replayed after {body.after}"

    return await _done(call, call.command(body), webhook_id, replayed)


def _secrets(call: Call) -> Secrets:
    made: Secrets = call.state.webhook_secrets
    return made


async def _done(call: Call, asked: Command, webhook: UUID, work: Callable[[Connection], Awaitable[str]]) -> Answer:
    """`work` once under its key, with its row in the trail; the subscription as it is then."""
    deed = deed_of(call, "webhook", subject=str(webhook))
    async with refusals_kept(deed, call.state.wide), call.state.wide.acquire(timeout=PATIENCE) as connection:

        async def done() -> Outcome:
            await deed.came_to(await work(connection), connection)
            return {"webhook": str(webhook)}

        _, replayed = await once(connection, asked, done)
        row = await subscription.shown(connection, webhook)
    return await call.show(webhook_of(row), headers=_etag(row) | _replayed(replayed=replayed))


async def _with_secret(call: Call, asked: Command, deed: Deed, work: Callable[[Connection, Deed], Awaitable[Outcome]], *, created: bool = False) -> Answer:
    """The same where a secret is told. What is remembered under the key names the secret and does not hold it."""
    async with refusals_kept(deed, call.state.wide), call.state.wide.acquire(timeout=PATIENCE) as connection:
        outcome, replayed = await once(connection, asked, lambda: work(connection, deed))
        webhook = UUID(outcome["webhook"])
        row = await subscription.shown(connection, webhook)
        secret = await _secrets(call).tell(connection, webhook, UUID(outcome["secret"]))
    answer = await call.show(webhook_of(row) | {"secret": secret}, headers=_etag(row) | _replayed(replayed=replayed))
    if created and not replayed:
        answer.status_code = 201
        answer.headers["Location"] = f"/v1/webhooks/{webhook}"
    return answer


def _etag(row: asyncpg.Record) -> dict[str, str]:
    """For `If-Match`. What is waiting moves without it, so it answers no `If-None-Match`."""
    return {"ETag": f'"{row["version"]}"'}


def _replayed(*, replayed: bool) -> dict[str, Any]:
    return {"Idempotency-Replayed": "true"} if replayed else {}
