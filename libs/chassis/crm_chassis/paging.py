"""Where does the next page begin? Opaque cursors, signed, and good only for the listing, order and filters they were given for."""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import urlencode

import orjson
from fastapi import Depends, Query, Request
from pydantic import BaseModel, Field

from crm_chassis.problems import Problem

DEFAULT, MOST = 50, 200


T = TypeVar("T")


class PageOf(BaseModel, Generic[T]):
    """How a page looks: `**query(PageOf[TicketAnswer])`."""

    items: list[T]
    next: str | None = Field(description="`cursor` of the next page; null on the last.")


@dataclass(frozen=True, slots=True)
class Page:
    """`after` is what `call.page` was given as `next_key` for the page before: JSON values, None for the first page."""

    limit: int = DEFAULT
    after: tuple[Any, ...] | None = None


class Cursors:
    """Writes and reads cursors with one key. `listing` names what the cursor is good for."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def write(self, listing: bytes, key: tuple[Any, ...]) -> str:
        """The position `key`, JSON values, as text for an URL."""
        content = orjson.dumps(key, default=str)
        return base64.urlsafe_b64encode(self._mark(listing, content) + content).rstrip(b"=").decode()

    def read(self, listing: bytes, cursor: str) -> tuple[Any, ...]:
        """Problem `bad-cursor` for a cursor of another listing, or none of ours."""
        try:
            raw = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except ValueError:
            raise Problem("bad-cursor") from None
        mark, content = raw[:16], raw[16:]
        if not hmac.compare_digest(mark, self._mark(listing, content)):
            raise Problem("bad-cursor")
        return tuple(orjson.loads(content))

    def _mark(self, listing: bytes, content: bytes) -> bytes:
        return hmac.digest(self._key, hashlib.sha256(listing).digest() + content, "sha256")[:16]


def listing_of(request: Request) -> bytes:
    """Path, order and filters; page size and cursor may change."""
    told = sorted((name, value) for name, value in request.query_params.multi_items() if name not in ("cursor", "limit"))
    return f"{request.url.path}?{urlencode(told)}".encode()


def next_link(request: Request, cursor: str, limit: int) -> str:
    """The `Link` header to the page after this one."""
    told = [(name, value) for name, value in request.query_params.multi_items() if name not in ("cursor", "limit")]
    return f'<{request.url.path}?{urlencode([*told, ("limit", str(limit)), ("cursor", cursor)])}>; rel="next"'


async def _page(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=MOST, description="Items on a page.")] = DEFAULT,
    cursor: Annotated[str | None, Query(max_length=2000, description="`next` of the page before.")] = None,
) -> Page:
    if cursor is None:
        return Page(limit)
    cursors: Cursors = request.app.state.chassis.cursors
    return Page(limit, cursors.read(listing_of(request), cursor))


Paging = Annotated[Page, Depends(_page)]
"""A route that answers a page takes `page: Paging` and ends with `return await call.page(items, next_key, page.limit)`."""
