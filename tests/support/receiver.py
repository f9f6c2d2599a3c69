"""How does a receiver of webhooks look that believes nobody? A real HTTP server that verifies each message with the `standardwebhooks` package."""

import threading
from collections.abc import Callable, Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

Answering = Callable[[dict[str, Any], int], "int | tuple[int, Mapping[str, str]]"]


class Receiver:
    """Answers as `answering(event, times this message came)` says: a status, or with headers; what it answered with 2xx is in `taken`, in order of arrival."""

    def __init__(self, secrets: Iterable[str] = (), answering: Answering | None = None, host: str = "127.0.0.1", port: int = 0) -> None:
        self.secrets, self.answering = list(secrets), answering
        self.taken: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.forged = 0
        self.seen: dict[str, int] = {}
        self._news = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                content = self.rfile.read(length)
                if len(content) < length:  # the sender died in the middle of it
                    self.close_connection = True
                    return
                status, more = receiver._took(content, {name.lower(): value for name, value in self.headers.items()})
                self.send_response(status)
                for name, value in {"Content-Length": "0", **more}.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A sender that was killed hangs up in the middle."""

        self._server = Server((host, port), Handler)
        self.port = self._server.server_address[1]
        self._serving = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._serving.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/رویداد?for=تیم"

    @property
    def arrived(self) -> int:
        """Messages of any kind and outcome."""
        return sum(self.seen.values())

    def ids(self) -> list[str]:
        return [event["id"] for event in self.taken]

    def close(self) -> None:
        self._server.shutdown()
        self._serving.join()
        self._server.server_close()

    def _took(self, content: bytes, headers: dict[str, str]) -> tuple[int, Mapping[str, str]]:
        event = self._verified(content, headers)
        if event is None:
            self.forged += 1
            return 401, {}
        with self._news:
            times = self.seen[event["id"]] = self.seen.get(event["id"], 0) + 1
            self.headers.append(headers)
        answer = self.answering(event, times) if self.answering else 204
        status, more = answer if isinstance(answer, tuple) else (answer, {})
        if status < 300:
            with self._news:
                self.taken.append(event)
        return status, more

    def _verified(self, content: bytes, headers: dict[str, str]) -> dict[str, Any] | None:
        for secret in self.secrets:
            try:
                event: dict[str, Any] = Webhook(secret).verify(content, headers)
            except WebhookVerificationError:
                continue
            assert event["id"] == headers["webhook-id"]
            return event
        return None
