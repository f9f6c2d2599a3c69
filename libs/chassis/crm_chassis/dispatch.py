"""Which function does an operation id name, and how are a line's path and body made into its arguments?"""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

from fastapi import FastAPI
from fastapi.params import Security
from pydantic import BaseModel, TypeAdapter, ValidationError

from crm_chassis.answer import Answer
from crm_chassis.call import Call, Caller
from crm_chassis.misfit import of_values
from crm_chassis.operations import Endpoint, StrictRoute
from crm_chassis.problems import Problem


@dataclass(frozen=True, slots=True)
class Operation:
    """One command of the service: its function, the scopes of which one admits, and a validator for each argument."""

    endpoint: Endpoint
    method: str
    scopes: tuple[str, ...]
    call: str
    path: Mapping[str, TypeAdapter[Any]]
    body: str | None
    model: TypeAdapter[Any] | None

    async def run(self, call: Call, path: Mapping[str, str], body: object) -> Answer:
        """Validate and run. Raises what the route raises; what does not fit is `invalid-request` with pointers into the line."""
        arguments: dict[str, Any] = {self.call: call}
        wrong = [{"parameter": name, "code": "missing", "detail": "Field required"} for name in self.path if name not in path]
        wrong += [{"parameter": name[:100], "code": "extra_forbidden", "detail": "There is no such path parameter."} for name in path if name not in self.path]
        for name, adapter in self.path.items():
            try:
                arguments[name] = adapter.validate_python(path.get(name))
            except ValidationError:
                wrong += [{"parameter": name, "code": "value_error", "detail": "This does not fit; see the operation's description."}] if name in path else []
        if wrong:
            raise Problem("invalid-request", members={"errors": wrong})
        if self.model is not None and self.body is not None:
            try:
                arguments[self.body] = self.model.validate_python(body)
            except ValidationError as error:
                raise Problem("invalid-request", members={"errors": of_values(error, body)}) from None
        elif body:
            raise Problem("invalid-request", members={"errors": [{"pointer": "", "code": "extra_forbidden", "detail": "This operation takes no body."}]})
        answer = await self.endpoint(**arguments)
        if not isinstance(answer, Answer):
            raise TypeError("a command answers with an Answer")
        return answer


def operations_of(app: FastAPI) -> dict[str, Operation]:
    """The commands of the app by operation id: every route declared with `command(…)`."""
    found = {}
    for route in app.router.routes:
        if isinstance(route, StrictRoute) and (route.openapi_extra or {}).get("x-command"):
            if route.unique_id in found:
                raise ValueError(f"Two routes are called {route.unique_id}; name their functions apart.")
            found[route.unique_id] = _operation(route)
    return found


def _operation(route: StrictRoute) -> Operation:
    hints = get_type_hints(route.endpoint, include_extras=True)
    call, body = "", None
    scopes: tuple[str, ...] = ()
    path: dict[str, TypeAdapter[Any]] = {}
    for name in inspect.signature(route.endpoint).parameters:
        marks = [mark for mark in get_args(hints[name]) if isinstance(mark, Security) and isinstance(mark.dependency, Caller)]
        if marks:
            call, scopes = name, tuple(marks[0].scopes or ())
        elif name in route.param_convertors:
            path[name] = TypeAdapter(hints[name])
        elif body is None and _is_model(hints[name]):
            body = name
        else:
            raise TypeError(f"{route.unique_id}: {name} is neither path, body nor call; a command takes nothing else.")
    if not call:
        raise TypeError(f"{route.unique_id}: a command takes a `call`.")
    return Operation(route.endpoint, next(iter(route.methods or {"POST"})), scopes, call, path, body, TypeAdapter(hints[body]) if body else None)


def _is_model(hint: Any) -> bool:
    plain = get_args(hint)[0] if hasattr(hint, "__metadata__") else hint
    return (isinstance(plain, type) and issubclass(plain, BaseModel)) or any(_is_model(part) for part in get_args(plain))
