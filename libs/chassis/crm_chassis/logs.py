"""How does a service tell what it does? One JSON object a line on standard output, with request and trace id; no bodies, no query strings, no personal data."""

import logging
import sys
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

_NOISY = (
    "aiokafka",
    "asyncio",
    "uvicorn",
    "httpx2",
    "httpcore2",
    "alembic",
    "sqlalchemy",
    "opentelemetry",
    "urllib3",
)  # their messages quote records, statements or addresses


def _without_message(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """An exception's text may quote what somebody sent: its kind is kept, its text is not."""
    told = event.pop("exc_info", None)
    error = told if isinstance(told, BaseException) else told[1] if isinstance(told, tuple) else sys.exc_info()[1] if told else None
    if error is not None:
        event["error"] = type(error).__name__
    return event


def configure(service: str, level: str = "info") -> None:
    """Set up logging for this process: ours and the libraries' in the same form."""

    def named(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        named,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _without_message,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    last = structlog.processors.JSONRenderer(serializer=lambda event, **_: orjson.dumps(event, default=str).decode())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last], foreign_pre_chain=shared)
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _NOISY:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
        library.setLevel(logging.WARNING)
