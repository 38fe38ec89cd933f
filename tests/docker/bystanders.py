"""Who watches while something is replaced: strangers who knock at the doors all the time, and two friends who talk."""

import socket
import time
from pathlib import Path
from threading import Event, Thread
from typing import Self

from deltachat_rpc_client import Chat

from tests.deltachat.core import Core, Profile, join
from tests.deltachat.links import invent
from tests.suite import Suite

PATIENCE = 30.0
PAUSE = 0.05
FAREWELLS = {"port_smtp": b"QUIT\r\n", "port_submission": b"QUIT\r\n", "port_imap": b"a LOGOUT\r\n"}
CONVERSATION_SECONDS = 150.0


class Knocker(Thread):
    """Somebody who comes, hears a greeting, says goodbye and comes again; `refused` are the times there was none."""

    def __init__(self, suite: Suite, port: str, is_over: Event) -> None:
        super().__init__(daemon=True)
        self.port = port
        self._suite = suite
        self._is_over = is_over
        self.times = 0
        self.refused: list[str] = []
        self.gap = 0.0  # the longest time between two welcomes, in seconds

    def run(self) -> None:
        welcomed = time.monotonic()
        while not self._is_over.is_set():
            try:
                self._knock()
            except OSError as error:
                self.refused.append(f"{time.strftime('%T')} {error!r}")
            else:
                self.times += 1
                self.gap, welcomed = max(self.gap, time.monotonic() - welcomed), time.monotonic()
            self._is_over.wait(PAUSE)

    def _knock(self) -> None:
        with socket.create_connection((self._suite.address, self._suite.ports[self.port]), PATIENCE) as door:
            door.settimeout(PATIENCE)
            if self.port == "port_http":
                door.sendall(b"GET / HTTP/1.0\r\n\r\n")
            if not door.recv(1000):
                raise ConnectionResetError("no greeting")
            if farewell := FAREWELLS.get(self.port):
                door.sendall(farewell)
                door.recv(1000)


class Talk:
    """Two friends in one core who answer one another, word by word; `longest` is what a word took, in seconds."""

    def __init__(self, suite: Suite, core: Core, is_over: Event) -> None:
        self._core = core
        self._is_over = is_over
        self.alice, self.bob = (core.log_in(invent(suite), name, is_bot=True) for name in ("Alice", "Bob"))
        self._chats = join(self.alice, self.bob)
        self._thread = Thread(target=self._talk, daemon=True)
        self.words = 0
        self.longest = 0.0
        self.trouble = ""

    def start(self) -> None:
        """Begin."""
        self._core.take_complaints()
        self._thread.start()

    def finish(self) -> None:
        """Wait until the last word has come."""
        self._thread.join(CONVERSATION_SECONDS)
        assert not self._thread.is_alive(), "a word is on its way"
        assert not self.trouble, self.trouble

    def _talk(self) -> None:
        try:
            while not self._is_over.is_set():
                for chat, hearer in zip(self._chats, (self.bob, self.alice), strict=True):
                    self._say(chat, hearer)
        except Exception as error:
            self.trouble = repr(error)

    def _say(self, chat: Chat, hearer: Profile) -> None:
        self.words += 1
        text = f"word-{self.words:04}-{id(self)}"
        began = time.monotonic()
        message = chat.send_text(text)
        hearer.receive(text, CONVERSATION_SECONDS)
        self.longest = max(self.longest, time.monotonic() - began)
        assert message.get_snapshot().error is None, "shown as failed"


class Bystanders:
    """Four who knock, and two who talk."""

    def __init__(self, suite: Suite, folder: Path) -> None:
        self._is_over = Event()
        self._core = Core(folder)
        self._suite = suite
        self.knockers = [Knocker(suite, port, self._is_over) for port in (*FAREWELLS, "port_http")]

    def __enter__(self) -> Self:
        self._core.__enter__()
        try:
            self.talk = Talk(self._suite, self._core, self._is_over)
        except BaseException:
            self._core.__exit__(None, None, None)
            raise
        self.talk.start()
        for knocker in self.knockers:
            knocker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._core.__exit__(None, None, None)

    def finish(self) -> list[str]:
        """End it; return the errors that a user was shown."""
        self._is_over.set()
        for knocker in self.knockers:
            knocker.join(2 * PATIENCE)
        self.talk.finish()
        self._core.take_complaints()
        return [*self.talk.alice.errors, *self.talk.bob.errors]

    @property
    def refused(self) -> list[str]:
        """Every knock that was not answered."""
        return [f"{knocker.port} {refused}" for knocker in self.knockers for refused in knocker.refused]

    @property
    def gap(self) -> float:
        """The longest that somebody was not welcome, in seconds."""
        return max(knocker.gap for knocker in self.knockers)
