"""An IMAP client that sends lines as they are written and takes whatever is answered.

In a line `<<text>>` is sent as a literal, for whose turn the client waits (`<<~text>>`: a literal8), `\\n` in it as a
line's end, and `\\xNN` as an octet.
"""

import re
import socket
import ssl
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from tests.dovecot.answers import Response, read
from tests.people import trusting

PATIENCE = 30.0  # seconds

_ENDS_IN_LITERAL = re.compile(rb"\{(\d+)\}\r\n\Z")
_LITERAL = re.compile(rb"<<(~?)(.*?)>>", re.DOTALL)
_OCTET = re.compile(rb"\\x([0-9a-f]{2})")


class Client:
    """A connection that is logged in."""

    def __init__(self, address: str, port: int, user: str, password: str) -> None:
        plain = socket.create_connection((address, port), PATIENCE)
        self._socket: ssl.SSLSocket = trusting().wrap_socket(plain, server_hostname=address)
        self._file = self._socket.makefile("rb")
        self._tags = 0
        self._response()
        answer = self.say(f'LOGIN "{user}" "{password}"')
        assert answer[-1].word == "OK", answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._file.close()
        self._socket.close()

    def say(self, command: str) -> list[Response]:
        """Send a command; return all that is answered, the tagged response last, or that it hung up."""
        line = _OCTET.sub(lambda match: bytes([int(match[1], 16)]), command.encode("utf-8"))
        pieces, texts = _pieces(line)
        return self.send(pieces, texts)

    def send(self, pieces: Sequence[bytes], texts: Sequence[bytes]) -> list[Response]:
        """Send a command whose pieces have literals between them, or what is typed after `+`."""
        self._tags += 1
        found: list[Response] = []
        try:
            self._exchange(f"t{self._tags}", pieces, texts, found)
        except OSError as error:
            if isinstance(error, TimeoutError):
                raise
            found.append(Response("*", "HUNG UP"))
        return found

    def _exchange(self, tag: str, pieces: Sequence[bytes], texts: Sequence[bytes], found: list[Response]) -> None:
        line = tag.encode() + b" " + pieces[0]
        for piece, text in zip((*pieces[1:], None), (*texts, b""), strict=True):
            self._socket.sendall(line + b"\r\n")
            while not found or found[-1].tag not in ("+", tag):
                found.append(self._response())
            if found[-1].tag == tag or piece is None:
                break
            found.pop()
            line = text + piece

    def _response(self) -> Response:
        octets = b""
        while True:
            line = self._file.readline()
            if not line:
                raise ConnectionResetError
            octets += line
            match = _ENDS_IN_LITERAL.search(line)
            if match is None:
                return read(octets)
            octets += self._file.read(int(match[1]))


def _pieces(line: bytes) -> tuple[list[bytes], list[bytes]]:
    """Cut a line where literals stand; IDLE's own is what ends it."""
    if line.upper().split(b" ")[0] == b"IDLE":
        return [line, b""], [b"DONE"]
    pieces, texts, at = [], [], 0
    for match in _LITERAL.finditer(line):
        text = match[2].replace(b"\\n", b"\r\n")
        pieces.append(line[at : match.start()] + b"%b{%d}" % (match[1], len(text)))
        texts.append(text)
        at = match.end()
    return [*pieces, line[at:]], texts
