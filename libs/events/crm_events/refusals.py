"""Why was a command not done? One exception a reason; the chassis alone knows which HTTP status each becomes."""

from typing import Any
from uuid import UUID

from crm_events.deciding import Claim


class Refusal(Exception):
    """The command was understood and not done; nothing was written."""


class Rejected(Refusal):
    """A rule says no. `rule` is a stable slug, `detail` says what to do, `extra` what the rule needs to explain itself."""

    def __init__(self, rule: str, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.rule, self.detail, self.extra = rule, detail, extra


class Invalid(Refusal):
    """The request does not fit, in a way only the rule could see. `pointer` is a JSON pointer into the body."""

    def __init__(self, pointer: str, code: str, detail: str) -> None:
        super().__init__(detail)
        self.pointer, self.code, self.detail = pointer, code, detail


class Blocked(Refusal):
    """An identifier that identifies nobody: zeros, a test value, a role mailbox."""


class TooLarge(Refusal):
    """One event would exceed 256 KiB."""


class NotFound(Refusal):
    """There is nothing of this id that the caller may see."""


class Gone(Refusal):
    """The customer was erased, or is being erased."""


class AlreadyExists(Refusal):
    """The id given, a document number or a membership is there already."""

    def __init__(self, detail: str, existing_id: UUID | str) -> None:
        super().__init__(detail)
        self.detail, self.existing_id = detail, existing_id


class Taken(Refusal):
    """Another stream holds what this command claims."""

    def __init__(self, claim: Claim, holder: UUID) -> None:
        super().__init__(f"{claim.scope} is held by another.")
        self.claim, self.holder = claim, holder


class VersionConflict(Refusal):
    """`If-Match` named a version the stream has left."""

    def __init__(self, current: int) -> None:
        super().__init__(f"The resource is at version {current}. Read it again and decide anew.")
        self.current = current


class KeptMoving(Refusal):
    """The stream kept moving under every try."""


class KeyReused(Refusal):
    """The idempotency key was used for another request."""


class Unavailable(Refusal):
    """A dependency is away, or a queue is full. `unknown`: the command may or may not have been done; the same key tells."""

    def __init__(self, detail: str, *, retry_after: int = 1, unknown: bool = False, overloaded: bool = False) -> None:
        super().__init__(detail)
        self.detail, self.retry_after, self.unknown, self.overloaded = detail, retry_after, unknown, overloaded
