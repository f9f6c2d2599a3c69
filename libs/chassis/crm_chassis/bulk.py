"""How are many commands sent at once? POST /v1/commands: a line each, the same functions as behind the routes, every line on its own."""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import orjson
from crm_events.refusals import Refusal
from fastapi import FastAPI, Request, Security
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import Headers
from starlette.responses import Response

from crm_chassis.answer import Answer, to_json
from crm_chassis.call import Call, caller, customers_of
from crm_chassis.chassis import Chassis
from crm_chassis.dispatch import Operation, operations_of
from crm_chassis.misfit import of_values
from crm_chassis.openapi import problems
from crm_chassis.operations import must_be_sure
from crm_chassis.order import groups
from crm_chassis.problem_answer import tell
from crm_chassis.problems import Asked, Problem, problem_of
from crm_chassis.reading import clean, is_clean

PATH, MOST, TOGETHER = "/v1/commands", 1000, 64
NDJSON = "application/x-ndjson"
SENT = {
    "type": "string",
    "title": "CommandLines",
    "description": "A JSON object a line: `operation` (an operation id of this service that writes), `key` (its Idempotency-Key), `path`, `body`.",
}
ANSWERED = {
    "type": "string",
    "title": "CommandAnswers",
    "description": "A JSON object a line: `key`, `status`, and `body`, `etag`, `consistency_token`, or `problem`; `replayed` where nothing happened again.",
}


class Line(BaseModel):
    """One command. `operation`: an operation id of this service; `key`: its Idempotency-Key; `path`: its path parameters; `body` as the route takes it."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    operation: str
    key: str | None = None
    path: dict[str, str] = Field(default_factory=dict)
    body: Any = None


@dataclass(frozen=True, slots=True)
class _Batch:
    """What all lines of one request share."""

    call: Call
    operations: Mapping[str, Operation]
    customers: dict[tuple[str, ...], frozenset[UUID] | None]

    async def allowed(self, scopes: tuple[str, ...]) -> frozenset[UUID] | None:
        if scopes not in self.customers:
            self.customers[scopes] = await customers_of(self.call.chassis, self.call.principal, scopes)
        return self.customers[scopes]


async def run_commands(request: Request, call: Annotated[Call, Security(caller)]) -> Response:
    """Run up to 1,000 commands, `application/x-ndjson` in and out, in the same order. Lines on one contact, ticket or member run in the order sent."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != NDJSON:
        raise Problem("unsupported-media-type")
    raw = [line for line in (await request.body()).split(b"\n") if line.strip()]
    if len(raw) > MOST:
        raise Problem("body-too-large", f"Send at most {MOST:,} lines at once.")
    read = [_read(line) for line in raw]
    answers: list[bytes] = [b""] * len(read)
    batch = _Batch(call, request.app.state.operations, {})
    waiting = deque(groups([line if isinstance(line, dict) else None for line in read]))

    async def work() -> None:
        while waiting:
            for number in waiting.popleft():
                answers[number] = await _answer(batch, read[number], raw[number])

    async with asyncio.TaskGroup() as tasks:
        for _ in range(min(TOGETHER, len(waiting))):
            tasks.create_task(work())
    return Response(b"".join(answers), media_type=NDJSON)


def _read(raw: bytes) -> dict[str, Any] | None:
    """The line as a JSON object; None if it is no command at all."""
    try:
        line = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return line if isinstance(line, dict) and isinstance(line.get("operation"), str) else None


async def _answer(batch: _Batch, told: dict[str, Any] | None, raw: bytes) -> bytes:
    key = told.get("key") if told and isinstance(told.get("key"), str) else None
    operation, staff = "", True
    try:
        if told is None:
            raise Problem("malformed", "The line is no command: a JSON object with `operation`, `key`, `path`, `body`.")
        try:
            line = Line.model_validate(told)
        except ValidationError as error:
            raise Problem("invalid-request", members={"errors": of_values(error, told)}) from None
        operation = line.operation
        known = batch.operations.get(operation)
        if known is None:
            raise Problem("invalid-request", members={"errors": [{"pointer": "/operation", "code": "unknown", "detail": "This service has no such command."}]})
        customers = await batch.allowed(known.scopes)
        staff = customers is None
        path, body = (line.path, line.body) if is_clean(raw) else (clean(line.path), clean(line.body))
        return _line(key, await _run(batch.call.chassis, known, _call(batch.call, known, line, body, customers), path, body))
    except Exception as error:  # noqa: BLE001  a line stands alone: whatever it raises is its own answer
        problem = problem_of(error, Asked(staff=staff, writes=True, body=told.get("body") if told else None))
        if problem.status >= 500:
            tell(problem, error, operation=operation)
        shown = problem.body(instance=PATH, request_id=batch.call.request_id)
        return to_json({"key": key, "status": problem.status, "problem": shown}) + b"\n"


async def _run(chassis: Chassis, known: Operation, call: Call, path: Mapping[str, str], body: object) -> Answer:
    try:
        return await known.run(call, path, body)
    except Refusal as refusal:
        await must_be_sure(chassis, refusal)
        raise


def _call(shared: Call, operation: Operation, line: Line, body: object, customers: frozenset[UUID] | None) -> Call:
    headers = Headers(raw=[(b"idempotency-key", line.key.encode())] if line.key is not None else [])
    return Call(
        chassis=shared.chassis,
        principal=shared.principal,
        operation=line.operation,
        method=operation.method,
        path=line.path,
        headers=headers,
        raw=body,
        customers=customers,
        traceparent=shared.traceparent,
        request_id=shared.request_id,
    )


def _line(key: str | None, answer: Answer) -> bytes:
    told = {
        "key": key,
        "status": answer.status_code,
        "body": orjson.Fragment(bytes(answer.body)),
        "etag": answer.headers.get("ETag"),
        "consistency_token": answer.headers.get("Consistency-Token"),
    }
    if "Idempotency-Replayed" in answer.headers:
        told["replayed"] = True
    return orjson.dumps(told) + b"\n"


def mount(app: FastAPI) -> None:
    """Add the endpoint where the service has commands."""
    app.state.operations = operations_of(app)
    if app.state.operations:
        lines = {"content": {NDJSON: {"schema": SENT}}, "required": True}
        told: dict[int | str, dict[str, Any]] = {200: {"content": {NDJSON: {"schema": ANSWERED}}, "description": "An answer for each line, in the same order."}}
        app.add_api_route(
            PATH,
            run_commands,
            methods=["POST"],
            tags=["commands"],
            response_class=Response,
            openapi_extra={"requestBody": lines},
            responses=told | problems(400, 401, 413, 415, 503),
        )
