"""How are events read over HTTP, page by page, across faults, without a gap or a repeat?"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

FOR_NOW = frozenset({429, 502, 503, 504})
PAUSE = 0.5  # seconds before a request is sent again, and between two looks at whether something is new
_NEVER = "9999-12-31T00:00:00Z"


class Wrong(Exception):
    """What was asked for cannot be had. The message says why and what to do; `code` is the program's exit code."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Page:
    """`lines`: CloudEvents as JSON, one a line, in order. `after`: the position up to which all was told; `end`: of the last event there is."""

    lines: tuple[bytes, ...]
    after: int
    end: int


class Journal:
    """Reporting's `GET /v1/events` under `url`. `patience`: seconds a request that is not answered for now is sent again."""

    def __init__(self, url: str, token: str, *, patience: float = 30.0) -> None:
        self._url, self._patience = f"{url.rstrip('/')}/v1/events", patience
        self._http = httpx2.Client(headers={"Authorization": f"Bearer {token}"}, timeout=60)

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def end(self) -> int:
        """The position of the last event there is. Raises Wrong."""
        return self._page(0, {"from": _NEVER, "limit": "1"}).end  # nothing fits: nobody is read about

    def pages(self, after: int, wanted: Mapping[str, str], *, until: int | None = None, size: int = 500) -> Iterator[Page]:
        """What follows a position up to another (default: the end as it is when this begins). Raises Wrong."""
        while True:
            page = self._page(after, {**wanted, "limit": str(size)})
            until = page.end if until is None else until
            yield page
            after = page.after
            if after >= min(until, page.end):
                return

    def follow(self, after: int, wanted: Mapping[str, str]) -> Iterator[Page]:
        """The same without end: what is told from now on comes within a second. Raises Wrong."""
        while True:
            for page in self.pages(after, wanted):
                after = page.after
                yield page
            time.sleep(PAUSE)

    def _page(self, after: int, wanted: Mapping[str, str]) -> Page:
        answer = self._answered({"after": str(after), **wanted})
        try:
            lines = tuple(line for line in answer.content.split(b"\n") if line)
            return Page(lines, int(answer.headers["Next-After"]), int(answer.headers["Journal-End"]))
        except (KeyError, ValueError):
            raise Wrong("This is not reporting's API. Check REPORTING_URL.", 2) from None

    def _answered(self, asked: Mapping[str, str]) -> httpx2.Response:
        until = time.monotonic() + self._patience
        while True:
            try:
                answer = self._http.get(self._url, params=dict(asked))
            except httpx2.InvalidURL as error:
                raise Wrong("REPORTING_URL is no address, as http://127.0.0.1:8004.", 2) from error
            except httpx2.TransportError as error:
                why, pause = f"Reporting does not answer ({type(error).__name__}). Check REPORTING_URL and that it runs.", PAUSE
            else:
                if answer.status_code == 200:
                    return answer
                if answer.status_code not in FOR_NOW:
                    raise Wrong(_told(answer), 2 if answer.status_code in (400, 401, 403, 422) else 1)
                why, pause = _told(answer), _pause(answer)
            if time.monotonic() + pause > until:
                raise Wrong(why)
            time.sleep(pause)


def _pause(answer: httpx2.Response) -> float:
    told = answer.headers.get("Retry-After", "")
    return float(told) if told.isdigit() else PAUSE


def _told(answer: httpx2.Response) -> str:
    """The problem in a line."""
    try:
        problem: Any = answer.json()
        wrong = [f"{error.get('pointer') or error.get('parameter')}: {error['detail']}" for error in problem.get("errors", ())]
        return " ".join([f"{answer.status_code} {problem['title']}: {problem['detail']}", *wrong])
    except (ValueError, KeyError, AttributeError, TypeError):
        return f"{answer.status_code}: this is not reporting's API. Check REPORTING_URL."
