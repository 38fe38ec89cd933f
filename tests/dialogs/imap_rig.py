"""An IMAP service on the memory store, as the dialogues' headers and events shape it."""

import shlex
import ssl
from collections.abc import Callable
from functools import partial
from typing import Any

from imap.connection import Connection, Terms
from imap.registry import Registry
from imap.server import Server
from imap.state import House
from imap.store import Flag, Status

from shared.listen.limits import SourceLimits
from shared.listen.listener import Listener
from shared.listen.ticket import Ticket
from tests.dialogs.player import Dialog, MemoryWire, SocketWire, Step, unescape
from tests.fakes import Box, MemoryDoorkeeper, MemoryLetterbox, MemoryStore, MemoryTokens

APPEND_LIMIT = 200_000
ANN, SECRET = "ann@here.test", "secret-word"
FLAGS = {"\\Seen": Flag.SEEN, "\\Answered": Flag.ANSWERED, "\\Flagged": Flag.FLAGGED, "\\Deleted": Flag.DELETED}

_GREET = [("expect", "* OK {{.*}}")]
_LOGIN = [("send", f"b1 LOGIN {ANN} {SECRET}"), ("expect", "b1 OK {{.*}}")]
_SELECT = [("send", "b2 SELECT INBOX"), ("skip", ""), ("expect", "b2 OK {{.*}}")]
_COMPRESS = [("send", "b3 COMPRESS DEFLATE"), ("expect", "b3 OK {{.*}}"), ("deflate", "")]
_BEGINNINGS = {"": [], "login": _GREET + _LOGIN, "select": _GREET + _LOGIN + _SELECT}


class _Watched(Server):
    """A server that remembers its connections, so that time can pass for them."""

    def __init__(self, terms: Terms, connections: list[Connection]) -> None:
        super().__init__(terms)
        self._connections = connections

    def connection(self, ticket: Ticket) -> Connection:
        connection = super().connection(ticket)
        self._connections.append(connection)
        return connection


class Rig:
    """Store, doorkeeper, bell and clock of one dialogue."""

    def __init__(self, dialog: Dialog, tls: ssl.SSLContext | None) -> None:
        self.dialog = dialog
        self.store = MemoryStore()
        self.doorkeeper = MemoryDoorkeeper(self.store)
        self.tokens = MemoryTokens()
        self.letterbox = MemoryLetterbox(self.store)
        self.ring: Callable[[int, int], None] = lambda *_: None  # what other processes hear
        self.inbox: Box = self.doorkeeper.know(ANN, SECRET)
        self.is_available = not dialog.value("away")
        self.is_bell_connected = True
        self.connections: list[Connection] = []
        self.registry = Registry()
        self.now = 0.0
        self._fill()
        self._is_clear = dialog.value("door") == "clear"
        self._has_tls = tls is not None
        terms = Terms(
            store=self.store,
            doorkeeper=lambda *_: self.doorkeeper,
            house=House(
                dialog.value("comment"),
                dialog.value("admin"),
                APPEND_LIMIT,
                has_compression=bool(dialog.value("compress")),
                has_modseqs=bool(dialog.value("condstore")),
            ),
            hostname="here.test",
            registry=self.registry,
            tls=tls,
            is_available=lambda: self.is_available,
            is_bell_connected=lambda: self.is_bell_connected,
            tokens=self.tokens if dialog.value("push") else None,
            letterbox=self.letterbox,
            ring=lambda mailbox_id, modseq: self.ring(mailbox_id, modseq),
        )
        self._server = _Watched(terms, self.connections)

    @property
    def played(self) -> Dialog:
        """The dialogue with its beginning."""
        beginning = [
            Step(kind, f"{self.dialog.name}: begin", text, text.encode() + b"\r\n")  # type: ignore[arg-type]
            for kind, text in self._beginning
        ]
        return Dialog(self.dialog.name, beginning + self.dialog.steps)

    @property
    def _beginning(self) -> list[tuple[str, str]]:
        compress = _COMPRESS if self.dialog.value("compress") == "begin" else []
        return _BEGINNINGS[self.dialog.value("begin")] + compress

    def in_memory(self) -> MemoryWire:
        """Return a wire without a socket; TLS is only pretended."""
        extra = {} if self._is_clear else {"sslcontext": object()}
        return MemoryWire(self._server.connection(Ticket("here")), extra)

    async def on_socket(self, holds: int = 1 << 26) -> tuple[Listener, SocketWire]:
        """Open the real doors on loopback; return the listener and a wire to the right one."""
        doors = self._server.doors(["127.0.0.1"], 0, 0)
        listener = Listener(doors, SourceLimits(1000, 1000, 1000))
        await listener.open()
        clear, implicit = listener.ports
        port, is_tls = (clear, False) if self._is_clear else (implicit, self._has_tls)
        return listener, await SocketWire.connect("127.0.0.1", port, is_tls=is_tls, holds=holds)

    async def event(self, text: str) -> None:
        """Let happen what an `E:` line says."""
        name, *arguments = shlex.split(text, posix=False)
        getattr(self, f"_{name.replace('-', '_')}")(*arguments)

    # Events

    def _deliver(self, subject: str = "News") -> None:
        self._deliver_unheard(subject)
        self._ring()

    def _deliver_unheard(self, subject: str = "News") -> None:
        self.store.deliver(self.inbox.mailbox_id, mail(self.inbox.uidnext, subject))

    def _quota(self, octets: str) -> None:
        self.store.quota_limit = int(octets)

    def _flag(self, uid: str, *names: str) -> None:
        kept = self.inbox.messages[int(uid)]
        self.store._mark(self.inbox.mailbox_id, [int(uid)], _mask(names), kept.message.flags)

    def _keyword(self, uid: str, name: str) -> None:
        self.inbox.learn([name])
        self.store._mark(self.inbox.mailbox_id, [int(uid)], self.inbox.bits([name]), 0)

    def _expunge(self, uid: str) -> None:
        self.inbox.tombstones.append((self.inbox.bump(), int(uid)))
        del self.inbox.messages[int(uid)]

    def _ring(self) -> None:
        self.registry.ring(self.inbox.mailbox_id, self.inbox.modseq)

    def _away(self) -> None:
        self.store.is_away = self.doorkeeper.is_away = self.tokens.is_away = True

    def _back(self) -> None:
        self.store.is_away = self.doorkeeper.is_away = self.tokens.is_away = False

    def _strict(self) -> None:
        self.doorkeeper.is_strict = True

    def _bug(self) -> None:
        self.store.status = partial(_broken, self.store)  # type: ignore[method-assign]

    def _drop(self) -> None:
        self.store.drop(self.inbox.mailbox_id)
        self.registry.ring(self.inbox.mailbox_id, self.inbox.modseq + 1)

    def _time(self, seconds: str) -> None:
        self.now += float(seconds)
        for connection in self.connections:
            connection.tick(connection._opened_at + self.now)

    def _drain(self) -> None:
        for connection in self.connections:
            connection._ticket.on_drain()

    # Making it

    def _fill(self) -> None:
        for key, value in self.dialog.header:
            if key == "mail":
                words = dict(word.partition("=")[::2] for word in value.split())
                body = mail(self.inbox.uidnext, words.get("subject", "Hello"))
                self.store.deliver(self.inbox.mailbox_id, body, _mask(filter(None, words.get("flags", "").split(","))))
            elif key == "raw":
                self.store.deliver(self.inbox.mailbox_id, unescape(value))
            elif key == "many":
                for _ in range(int(value)):
                    self.store.deliver(self.inbox.mailbox_id, mail(self.inbox.uidnext, "One of many"))
            elif key == "large":
                body = mail(self.inbox.uidnext, "Large")
                self.store.deliver(self.inbox.mailbox_id, body + b"x" * (int(value) - len(body)))


def mail(uid: int, subject: str) -> bytes:
    """Return a small message."""
    lines = [
        "From: Bob <bob@there.test>",
        "To: ann@here.test",
        f"Subject: {subject}",
        f"Message-ID: <{uid}@there.test>",
        "Date: Tue, 14 Nov 2023 22:00:00 +0000",
        "",
        f"This is {uid}.",
        "",
    ]
    return "\r\n".join(lines).encode()


def _mask(names: Any) -> int:
    return sum(FLAGS[name] for name in names)


async def _broken(_store: MemoryStore, _account_id: int, _name: str) -> Status | None:
    raise KeyError("ann@here.test")
