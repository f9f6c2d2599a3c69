"""How does an exception leave the process? As problem+json, and, where it is our fault, as a log line without personal data."""

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from crm_chassis.answer import to_json
from crm_chassis.places import places
from crm_chassis.problems import MEDIA_TYPE, Asked, Problem, problem_of

_log = structlog.get_logger("http")


def answer_to(scope: Scope, error: BaseException) -> Response:
    """The answer to a request that ended in `error`."""
    asked = Asked(staff=scope.get("crm.staff", True), writes=scope["method"] != "GET", body=scope.get("crm.body"))
    problem = problem_of(error, asked)
    if problem.status >= 500:
        tell(problem, error, operation=getattr(scope.get("route"), "path_format", "unmatched"))
    body = problem.body(instance=scope["path"], request_id=scope.get("crm.request_id", ""))
    return Response(to_json(body), problem.status, headers=dict(problem.headers), media_type=MEDIA_TYPE)


def tell(problem: Problem, error: BaseException, *, operation: str) -> None:
    """A line for the operator: the kind of error and the places it came through, never its message, which may quote what somebody sent."""
    if problem.kind == "internal-error":
        _log.error("unexpected_error", operation=operation, error=type(error).__name__, places=places(error))
    else:
        _log.warning("refused_for_now", operation=operation, problem=problem.kind, error=type(error).__name__)


async def handle(request: Request, error: Exception) -> Response:
    """The framework's handler for every exception that has a problem of its own."""
    return answer_to(request.scope, error)
