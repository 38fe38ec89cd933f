"""A push service on loopback, and how a device makes itself known."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from tests.people import Person


class PushService:
    """Notes every token it is told, and answers with what `answers` has for it, or 200."""

    def __init__(self) -> None:
        self.told: list[bytes] = []
        self.fields: set[str] = set()
        self.answers: dict[bytes, int] = {}
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                token = self.rfile.read(int(self.headers["Content-Length"]))
                service.fields |= set(self.headers)
                service.told.append(token)
                self.send_response(service.answers.get(token, 200))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/notify"

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def set_token(person: Person, token: str) -> None:
    """Do what an app does once a connection."""
    client = person.imap()
    assert client.xatom("SETMETADATA", "INBOX", f'(/private/devicetoken "{token}")')[0] == "OK"
    client.logout()
