"""How does an operator's command talk to reporting? Over HTTP, with a token, so that all of it is on record; never to the database."""

import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import httpx2

FOR_NOW = frozenset({502, 503, 504})
PAUSE = 0.5  # seconds before a request is sent again


class Wrong(Exception):
    """What is wanted was not done or is not so. The message says why and what to do; `code` is the program's exit code."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


class Operations:
    """The operations under `url`. `patience`: seconds a request that is not answered for now is sent again, always under the same key."""

    def __init__(self, url: str, token: str, *, patience: float) -> None:
        self._url, self.patience = url.rstrip("/"), patience
        self._http = httpx2.Client(headers={"Authorization": f"Bearer {token}"}, timeout=60)

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def get(self, path: str, *, again: bool = True, **asked: str | int | None) -> Any:
        """What is there. Raises Wrong. `again` False: what is not answered for now is not asked again."""
        return self._done("GET", path, asked, again=again)

    def post(self, path: str, body: object = None) -> Any:
        """Have something done, once. Raises Wrong."""
        return self._done("POST", path, {}, body)

    def pages(self, path: str, most: int, **asked: str | None) -> Iterator[Any]:
        """The items of a list, page by page, at most so many."""
        cursor: str | None = None
        while most > 0:
            page = self._done("GET", path, {"limit": min(most, 100), "cursor": cursor, **asked})
            yield from page["items"]
            most, cursor = most - len(page["items"]), page["next"]
            if cursor is None:
                return

    def _done(self, method: str, path: str, asked: Mapping[str, object], body: object = None, *, again: bool = True) -> Any:
        query = {name: str(value) for name, value in asked.items() if value is not None}
        head = {"Idempotency-Key": uuid.uuid4().hex} if method == "POST" else {}
        until = time.monotonic() + self.patience
        while True:
            try:
                answer = self._http.request(method, f"{self._url}/v1/operations/{path}", params=query, json=body, headers=head)
            except httpx2.InvalidURL as error:
                raise Wrong("REPORTING_URL is no address, as http://127.0.0.1:8004.", 2) from error
            except httpx2.TransportError as error:
                why, pause = f"Reporting does not answer ({type(error).__name__}). Check REPORTING_URL and that it runs.", PAUSE
            else:
                if answer.is_success:
                    return answer.json()
                if answer.status_code not in FOR_NOW:
                    raise Wrong(_told(answer), 2 if answer.status_code in (400, 401, 403, 422) else 1)
                why, pause = _told(answer), float(answer.headers.get("Retry-After", PAUSE))
            if not again or time.monotonic() + pause > until:
                raise Wrong(why)
            time.sleep(pause)


def _told(answer: httpx2.Response) -> str:
    """The problem in a line."""
    try:
        problem = answer.json()
        wrong = [f"{error.get('pointer') or error.get('parameter')}: {error['detail']}" for error in problem.get("errors", ())]
        return " ".join([f"{answer.status_code} {problem['title']}: {problem['detail']}", *wrong])
    except (ValueError, KeyError, AttributeError):
        return f"{answer.status_code}: this is not reporting's operators' API. Check REPORTING_URL."
