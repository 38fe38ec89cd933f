"""Clients that see every octet: submission on smtplib, IMAP in a few lines, and a proxy that can go mute."""

import base64
import re
import smtplib
import socket
import ssl
from contextlib import suppress
from threading import Event, Thread
from types import TracebackType
from typing import Self

from bench.messages import Messages, encrypted
from tests.suite import Suite

PATIENCE = 30.0  # seconds for any one answer: under Delta Chat's 60, over the service's own 25
PASSWORD = "a password for the faults"
SIZE = 2500
LARGE = 5_000_000
_MESSAGE_ID = re.compile(rb"^Message-ID: <([^@>]*?)x*@", re.MULTILINE)
_LITERAL = re.compile(rb"\{(\d+)\}\r\n$")

GONE = (OSError, EOFError, smtplib.SMTPServerDisconnected)  # the server ended it, or there is none


def context() -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    return made


def address(suite: Suite, name: str) -> str:
    return f"{name}@{suite.domain}"


def message(sender: str, name: str) -> bytes:
    """Return an encrypted message; its Message-ID begins with `name`, which holds no x."""
    return Messages(sender, SIZE).numbered(name)


def large_message(sender: str, name: str) -> bytes:
    """Return the same of more octets than the buffers on the way hold; without a checksum, which takes Python long."""
    text = base64.b64encode(encrypted(LARGE))
    lines = b"\r\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    head, begin, rest = message(sender, name).partition(b"-----BEGIN PGP MESSAGE-----\r\n\r\n")
    _, end, tail = rest.partition(b"\r\n-----END")
    return head + begin + lines + end + tail


def identity(octets: bytes) -> str:
    """Return the name in a message's Message-ID."""
    found = _MESSAGE_ID.search(octets)
    return found[1].decode() if found else ""


class Sender:
    """A connection to port 465 of a user who has logged in; raises one of GONE when the server does."""

    def __init__(self, suite: Suite, user: str, port: int = 0) -> None:
        self.address = address(suite, user)
        number = port or suite.ports["port_submissions"]
        self._smtp = smtplib.SMTP_SSL(suite.address, number, "bench", context=context(), timeout=PATIENCE)
        self._smtp.ehlo()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._smtp.close()

    def log_in(self) -> int:
        """Return the code of the answer."""
        self._smtp.user, self._smtp.password = self.address, PASSWORD
        try:
            return self._smtp.auth("PLAIN", self._smtp.auth_plain)[0]
        except smtplib.SMTPAuthenticationError as error:
            return error.smtp_code

    def begin(self, recipients: list[str]) -> tuple[int, bytes]:
        """Say MAIL, RCPT and DATA; return 354, or the first answer that is an error."""
        for command in (f"MAIL FROM:<{self.address}>", *(f"RCPT TO:<{to}>" for to in recipients)):
            code, text = self._smtp.docmd(command)
            if code != 250:
                return code, text
        return self._smtp.docmd("DATA")

    def say(self, octets: bytes) -> None:
        """Send the message with its final dot."""
        self._smtp.send(octets + b".\r\n")

    def answer(self) -> tuple[int, bytes]:
        return self._smtp.getreply()

    def send(self, recipients: list[str], octets: bytes) -> int:
        """Send a message and return the code of the answer that ended it."""
        code, _ = self.begin(recipients)
        if code != 354:
            return code
        self.say(octets)
        return self.answer()[0]


class Reader:
    """A connection to port 993; raises one of GONE when the server ends it, AssertionError at any answer but OK."""

    def __init__(self, suite: Suite, user: str, *, is_logged_in: bool = True) -> None:
        raw = socket.create_connection((suite.address, suite.ports["port_imaps"]), PATIENCE)
        self._socket = context().wrap_socket(raw)
        self._buffer = bytearray()
        self._tag = 0
        self.greeting = self.line()
        self._address = address(suite, user)
        if is_logged_in:
            self.ok(self.login())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def ask(self, words: str) -> None:
        """Say a command and do not wait for its answer."""
        self._tag += 1
        self._socket.sendall(b"a%d " % self._tag + words.encode() + b"\r\n")

    def take_some(self) -> None:
        """Take one record (RFC 8446 §5.1) of an answer, and forget it."""
        assert self._socket.recv(16 * 1024)

    def login(self) -> bytes:
        """Return the whole answer."""
        return self.command(f'LOGIN "{self._address}" "{PASSWORD}"')

    def command(self, words: str) -> bytes:
        """Say a command and return everything up to its tagged answer."""
        self.ask(words)
        return self._until(b"a%d " % self._tag)

    def ok(self, answer: bytes) -> bytes:
        assert b" OK " in answer.splitlines()[-1], answer
        return answer

    def select(self) -> int:
        """Select INBOX and return its UIDVALIDITY."""
        found = re.search(rb"\[UIDVALIDITY (\d+)\]", self.ok(self.command("SELECT INBOX")))
        assert found
        return int(found[1])

    def fetch(self, first: int = 1) -> list[tuple[int, str]]:
        """Return (UID, id) of every message from UID `first` on."""
        answer = self.ok(self.command(f"UID FETCH {first}:* (UID BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])"))
        found = re.findall(rb"UID (\d+) [^<]*<([^@>]*?)x*@", answer)
        return [(int(uid), name.decode()) for uid, name in found if int(uid) >= first]

    def idle(self) -> None:
        self._tag += 1
        self._socket.sendall(b"a%d IDLE\r\n" % self._tag)
        line = self.line()
        assert line.startswith(b"+"), line

    def hears(self, word: bytes, seconds: float) -> bool:
        """Wait while idling until a line with this word comes."""
        self._socket.settimeout(seconds)
        try:
            while word not in self.line():
                pass
        except TimeoutError:
            return False
        finally:
            self._socket.settimeout(PATIENCE)
        return True

    def done(self) -> None:
        self._socket.sendall(b"DONE\r\n")
        self.ok(self._until(b"a%d " % self._tag))

    def line(self) -> bytes:
        while not (end := self._buffer.find(b"\n") + 1):
            self._receive()
        return self._take(end)

    def _until(self, tag: bytes) -> bytes:
        heard: list[bytes] = []
        while not heard or not heard[-1].startswith(tag):
            heard.append(self.line())
            if literal := _LITERAL.search(heard[-1]):
                while len(self._buffer) < int(literal[1]):
                    self._receive()
                heard += [self._take(int(literal[1])), self.line()]
        return b"".join(heard)

    def _receive(self) -> None:
        octets = self._socket.recv(65536)
        if not octets:
            raise EOFError
        self._buffer += octets

    def _take(self, end: int) -> bytes:
        taken = bytes(self._buffer[:end])
        del self._buffer[:end]
        return taken


def make_account(suite: Suite, user: str) -> str:
    """Log in for the first time; return the address."""
    with Reader(suite, user):
        return address(suite, user)


def are_open(suite: Suite) -> bool:
    """Whether both doors welcome a client."""
    try:
        with Sender(suite, ""), Reader(suite, "", is_logged_in=False) as reader:
            return reader.greeting.startswith(b"* OK")
    except GONE:
        return False


class Proxy:
    """Passes octets on to a port of the suite, until `mute` is set: then no answer reaches the client any more."""

    def __init__(self, suite: Suite, port: int) -> None:
        self._target = (suite.address, port)
        self._listening = socket.create_server((suite.address, 0))
        self.port = int(self._listening.getsockname()[1])
        self.mute = Event()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()
        self.cut()

    def cut(self) -> None:
        """End every connection through here."""
        for pair in self._pairs:
            for end in pair:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(self._target, PATIENCE)
                self._pairs.append((client, server))
                Thread(target=self._pass_on, args=(client, server, Event()), daemon=True).start()
                Thread(target=self._pass_on, args=(server, client, self.mute), daemon=True).start()

    @staticmethod
    def _pass_on(source: socket.socket, sink: socket.socket, mute: Event) -> None:
        with suppress(OSError):
            while octets := source.recv(65536):
                if not mute.is_set():
                    sink.sendall(octets)
        if not mute.is_set():
            with suppress(OSError):
                sink.shutdown(socket.SHUT_WR)
