"""How does a customer without an account say how content they were? By a link: its token is the bearer token of this one answer."""

from dataclasses import replace
from typing import Annotated, Literal
from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.body import Body, Instant, Resource, Told
from crm_chassis.call import Call, caller
from crm_chassis.link_tokens import Link
from crm_chassis.operations import command, query
from crm_events.language.tickets import Score5, Score7
from crm_events.refusals import NotFound
from crm_events.store.loading import Loaded
from fastapi import APIRouter, Security

from crm_tickets import asking
from crm_tickets.access import Write, not_forgotten
from crm_tickets.bodies import Reason
from crm_tickets.ticket import Ticket
from crm_tickets.tickets_api import found

router = APIRouter(tags=["satisfaction"])
SCOPE = "satisfaction"
Linked = Annotated[Call, Security(caller, scopes=[SCOPE])]


class NewAsk(Told):
    """Nothing to be said."""


class Opinion(Body):
    """How content the customer was, 1 to 5; how hard it was to be helped, 1 to 7; how courteous we were, 1 to 5."""

    score: Score5
    effort: Score7 | None = None
    courtesy: Score5 | None = None
    comment: Reason | None = None


class AskAnswer(Resource):
    """A link's `token`, for the page that asks: it sends it as its bearer token. `number` 2 and more: a reminder."""

    ticket_id: UUID
    version: int
    number: int
    token: str
    asked_at: Instant
    expires_at: Instant


class OpinionAnswer(Resource):
    """What a link's page needs to know. `state`: open, answered (it may still be changed until `changes_until`) or closed."""

    state: Literal["open", "answered", "closed"]
    score: int | None
    effort: int | None
    courtesy: int | None
    expires_at: Instant
    changes_until: Instant | None


@router.post("/v1/tickets/{ticket_id}/satisfaction-links", **command(AskAnswer))
async def ask_for_satisfaction(ticket_id: UUID, body: NewAsk, call: Write) -> Answer:
    """A link by which the customer answers without an account, for two weeks. Within three days it is the same one, then one reminder, then no more.

    409 `rejected`: `not-resolved`, `answered`, `asked-enough`.
    """
    await not_forgotten(call, ticket_id=ticket_id)
    done = await call.store.handle(call.state.desk.tickets, ticket_id, call.command(body), lambda ticket, now: asking.ask(ticket, at=now))
    asked = done.part.state.asks[-1]
    token = call.chassis.links.sign(Link(SCOPE, ticket_id, asked.number, asked.expires_at))
    shown = AskAnswer(ticket_id=ticket_id, version=done.part.version, number=asked.number, token=token, asked_at=asked.at, expires_at=asked.expires_at)
    return await call.answer(done, shown)


@router.get("/v1/satisfaction", **query(OpinionAnswer))
async def get_satisfaction(call: Linked) -> Answer:
    """What was answered by this link, and whether it may still be."""
    link = _link(call)
    await not_forgotten(call, ticket_id=link.about)
    part = await found(call, link.about)
    return await call.show(_opinion(part, call, link))


@router.put("/v1/satisfaction", **command(OpinionAnswer))
async def answer_satisfaction(body: Opinion, call: Linked) -> Answer:
    """One answer; for a day after the first one it may be changed. 409 `rejected`, rule `answered`, after that."""
    link = _link(call)
    await not_forgotten(call, ticket_id=link.about)
    part = await found(call, link.about)
    told = replace(call.command(), actor=f"customer:{part.customer_id}")
    done = await call.store.handle(
        call.state.desk.tickets,
        link.about,
        told,
        lambda ticket, now: asking.answer(
            ticket, number=link.number, score=body.score, effort=body.effort, courtesy=body.courtesy, comment=body.comment, at=now
        ),
    )
    return await call.answer(done, _opinion(done.part, call, link))


def _link(call: Call) -> Link:
    if call.principal.link is None:
        raise AssertionError("only a link has this scope")
    return call.principal.link


def _opinion(part: Loaded[Ticket], call: Call, link: Link) -> OpinionAnswer:
    ticket, asked = part.state, asking.asked_by(part.state, link.number)
    if asked is None:
        raise NotFound("There is nothing here.")
    until, standing = asking.mended_until(ticket, asked), ticket.standing()
    current = standing.done and standing.attempt == asked.attempt
    state: Literal["open", "answered", "closed"] = "closed" if not current or (until and call.now >= until) else "answered" if until else "open"
    rating = ticket.rating if until else None
    return OpinionAnswer(
        state=state, score=rating.score if rating else None, effort=ticket.effort.score if rating and ticket.effort else None,
        courtesy=rating.courtesy if rating else None, expires_at=asked.expires_at, changes_until=until,
    )  # fmt: skip
