"""Which routes set and show the inputs of figures: cost rates and targets?"""

from typing import Annotated, Any
from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.body import Body, Moment, Resource
from crm_chassis.call import Call, caller
from crm_chassis.operations import command, query
from crm_chassis.paging import PageOf, Paging
from crm_events.deciding import Aggregate
from crm_events.event import Code, Decimals, Instant, Money
from crm_events.language.reference import Activity, CostRateSet, Driver, TargetScope, TargetSet
from crm_events.language.words import Goal
from crm_events.refusals import NotFound
from crm_events.store.loading import Loaded
from fastapi import APIRouter, Path, Security
from pydantic import Field

from crm_reporting.inputs import COST_RATES, TARGETS, CostRates, Targets, input_id, set_input

router = APIRouter(tags=["inputs"])
Read = Annotated[Call, Security(caller, scopes=["reporting:read", "reporting:admin"])]
Admin = Annotated[Call, Security(caller, scopes=["reporting:admin"])]
Name = Annotated[str, Path(min_length=1, max_length=120, pattern=r"^[a-z0-9][a-z0-9_.-]*$")]


class CostRateBody(Body):
    """What `per` units of a driver cost."""

    activity: Activity
    driver: Driver
    amount: Money
    per: int = Field(default=1, ge=1, le=1_000_000_000)
    role: Code | None = None
    channel: Code | None = None
    category: Code | None = None
    delivery: Code | None = None
    goal: Goal | None = None
    valid_from: Moment | None = None
    valid_to: Moment | None = None


class TargetBody(Body):
    """The value a figure should reach."""

    value: Decimals
    unit: Code
    scope: TargetScope
    kpi: Code | None = None
    scope_id: Code | None = None
    valid_from: Moment | None = None
    valid_to: Moment | None = None


class CostRateAnswer(Resource):
    """The version that was set last, and when it was recorded."""

    id: UUID
    name: str
    version: int
    activity: str
    driver: str
    amount: Money
    per: int
    role: str | None = None
    channel: str | None = None
    category: str | None = None
    delivery: str | None = None
    goal: str | None = None
    valid_from: Instant
    valid_to: Instant | None = None
    recorded_at: Instant


class TargetAnswer(Resource):
    """The version that was set last, and when it was recorded."""

    id: UUID
    name: str
    version: int
    value: str
    unit: str
    scope: str
    kpi: str | None = None
    scope_id: str | None = None
    valid_from: Instant
    valid_to: Instant | None = None
    recorded_at: Instant


@router.put("/v1/cost-rates/{name}", **command(CostRateAnswer))
async def set_cost_rate(name: Name, body: CostRateBody, call: Admin) -> Answer:
    """Set what an activity costs, from a date on; the same again is nothing new."""
    content = {"name": name, **_told(body)}
    done = await call.store.handle(
        COST_RATES, input_id("cost_rate", name), call.command(body), lambda rates, now: set_input(rates.told, CostRateSet, content, now=now)
    )  # fmt: skip
    return await call.answer(done, _newest(CostRateAnswer, done.part))


@router.get("/v1/cost-rates/{name}", **query(CostRateAnswer))
async def get_cost_rate(name: Name, call: Read) -> Answer:
    """The newest version of a cost rate."""
    return await _show(call, COST_RATES, input_id("cost_rate", name), CostRateAnswer)


@router.get("/v1/cost-rates", **query(PageOf[CostRateAnswer]))
async def list_cost_rates(call: Read, paging: Paging) -> Answer:
    """All cost rates, by id of their stream."""
    return await _list(call, paging, COST_RATES, CostRateAnswer)


@router.put("/v1/targets/{name}", **command(TargetAnswer))
async def set_target(name: Name, body: TargetBody, call: Admin) -> Answer:
    """Set a target, from a date on; the same again is nothing new."""
    content = {"name": name, **_told(body)}
    done = await call.store.handle(
        TARGETS, input_id("target", name), call.command(body), lambda targets, now: set_input(targets.told, TargetSet, content, now=now)
    )
    return await call.answer(done, _newest(TargetAnswer, done.part))


@router.get("/v1/targets/{name}", **query(TargetAnswer))
async def get_target(name: Name, call: Read) -> Answer:
    """The newest version of a target."""
    return await _show(call, TARGETS, input_id("target", name), TargetAnswer)


@router.get("/v1/targets", **query(PageOf[TargetAnswer]))
async def list_targets(call: Read, paging: Paging) -> Answer:
    """All targets, by id of their stream."""
    return await _list(call, paging, TARGETS, TargetAnswer)


def _told(body: Body) -> dict[str, Any]:
    return {name: getattr(body, name) for name in type(body).model_fields if getattr(body, name) is not None}


def _newest(shape: type[Resource], part: Loaded[Any]) -> Resource:
    versions: CostRates | Targets = part.state
    return shape(**versions.told[-1].model_dump(), id=part.stream_id, recorded_at=part.recorded_at)


async def _show(call: Call, aggregate: Aggregate[Any, Any], stream_id: UUID, shape: type[Resource]) -> Answer:
    found = await call.store.read(aggregate, stream_id)
    if not found.version:
        raise NotFound("Nothing of this name was set.")
    return await call.show(_newest(shape, found), version=found.version)


async def _list(call: Call, paging: Paging, aggregate: Aggregate[Any, Any], shape: type[Resource]) -> Answer:
    after = UUID(paging.after[0]) if paging.after else UUID(int=0)
    rows = await call.store.pool.fetch(
        "select stream_id from streams where type = $1 and stream_id > $2 order by stream_id limit $3", aggregate.stream_type, after, paging.limit + 1
    )
    ids = [row["stream_id"] for row in rows[: paging.limit]]
    found = await call.store.read_many(aggregate, ids)
    return await call.page([_newest(shape, each) for each in found], [str(ids[-1])] if len(rows) > paging.limit else None, paging.limit)
