"""What does a programme promise? Publishing it whole, version by version."""

from typing import Annotated

from crm_chassis.answer import Answer
from crm_chassis.operations import command, query
from crm_events.event import Code
from crm_events.language.programme import ProgrammePublished
from crm_events.refusals import NotFound
from fastapi import APIRouter, Path

from crm_loyalty import programme
from crm_loyalty.access import Admin, ReadProgramme
from crm_loyalty.answers import ProgrammeAnswer, programme_answer
from crm_loyalty.bodies import ProgrammeBody
from crm_loyalty.programme import PROGRAMMES, programme_id

router = APIRouter(tags=["programmes"])
Name = Annotated[Code, Path(description="the programme's name")]


@router.put("/v1/programmes/{name}", **command(ProgrammeAnswer))
async def publish_programme(name: Name, body: ProgrammeBody, call: Admin) -> Answer:
    """The next version of a programme. The newest version's content again changes nothing."""
    told = body.model_dump(exclude={"valid_from"})
    told |= {"name": name, "version": 1, "point_value": told["point_value"] | {"currency": body.currency}}
    told |= {"referral": told["referral"] | {"currency": body.currency}} if body.referral else {}
    programme.check(ProgrammePublished(**told, valid_from=body.valid_from or call.now))
    done = await call.store.handle(
        PROGRAMMES,
        programme_id(name),
        call.command(),
        lambda known, now: programme.publish(
            known, content=ProgrammePublished(**told, valid_from=body.valid_from or now), told_when=body.valid_from is not None
        ),
    )
    return await call.answer(done, programme_answer(done.part))


@router.get("/v1/programmes/{name}", **query(ProgrammeAnswer))
async def get_programme(name: Name, call: ReadProgramme) -> Answer:
    """The newest version."""
    part = await call.store.read(PROGRAMMES, programme_id(name))
    if not part.version:
        raise NotFound("There is no programme of this name.")
    return await call.show(programme_answer(part), version=part.version)
