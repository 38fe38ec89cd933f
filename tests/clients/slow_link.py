"""A link on which every octet takes a while, as one to a real server does."""

import socket
import socketserver
import threading
import time
from types import TracebackType
from typing import Self

DELAY = 0.03  # seconds each way
CHUNK = 65536


class SlowLink:
    """Forwards connections from `port` at a server's address to the server's own port."""

    def __init__(self, address: str, port: int) -> None:
        self._server = _Server((address, 0), _Forward)
        self._server.target = (address, port)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    target = ("", 0)


class _Forward(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        with socket.create_connection(self.server.target) as far:
            back = threading.Thread(target=_pump, args=(far, self.request), daemon=True)
            back.start()
            _pump(self.request, far)
            back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Pass on what comes until one of the two is gone, and tell the other."""
    try:
        while octets := source.recv(CHUNK):
            time.sleep(DELAY)
            sink.sendall(octets)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # whoever hung up knows
