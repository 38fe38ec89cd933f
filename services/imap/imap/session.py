"""One client's conversation: a framed command in, its answer out.

Strategy: the session speaks every tagged response, in one place, and turns what goes wrong into one: a fault says
its own answer, a store that is away is never the client's fault, and whatever else is raised is a mistake of ours
that is reported and told without a word of it. It is `async` but waits only on the store and the output it was
given, so it plays without sockets, clock or loop of its own.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from imap.commands import COMMANDS, append, authenticate, idle, login
from imap.commands.look import check, look
from imap.commands.modseqs import settle
from imap.state import OPENING, QUIET, WELCOME, Conversation, CutOff, Gone, State
from imap.store import NoSpace, Unavailable
from imap.view import Astray, Outlived
from imap.wire import command
from imap.wire.answer import Answer, Fault, bad
from imap.wire.command import Command
from imap.wire.framer import TooBig

MAX_BAD_BEFORE_LOGIN = 3
MAX_BAD = 20  # in a row

# Never with the word "authentication": the client would tell its user that the password is wrong (design §4.5).
_UNAVAILABLE = Answer("NO", "Temporary server problem, try again later", "UNAVAILABLE")
_LATER = "[UNAVAILABLE] Temporary server problem, try again later"
_OUR_MISTAKE = Answer("NO", "Internal server problem", "SERVERBUG")
_GONE = "Mailbox is gone"
_ASTRAY = "[UNAVAILABLE] Message numbers are lost, connect again"

Report = Callable[[str, BaseException], None]


class Session:
    """Drives a Conversation; `report` takes our own mistakes."""

    __slots__ = ("_bad", "_report", "talk")

    def __init__(self, talk: Conversation, report: Report) -> None:
        self.talk = talk
        self._report = report
        self._bad = 0

    def greet(self, hostname: str) -> None:
        """Say who we are and what we offer (RFC 3501 §7.1.1)."""
        self.talk.output.write(b"* OK [CAPABILITY %b] %b ready\r\n" % (self.talk.capabilities(), hostname.encode()))

    def bye(self, text: str) -> None:
        """End the conversation from our side."""
        self.talk.output.write(f"* BYE {text}\r\n".encode("ascii"))
        self.talk.state = State.LEFT

    def refuse(self, too_big: TooBig) -> None:
        """Answer a command over the limit; end if what follows could be its rest (RFC 7888 §4)."""
        tag = command.tag_of(too_big.head) if self.talk.appending is None else self.talk.appending.tag
        self.talk.drop_letters()
        self._speak(tag, Answer("BAD", "Command too long"))
        if too_big.is_fatal and self.talk.state is not State.LEFT:
            self.bye("[TOOBIG] Command too long")

    async def handle(self, frame: bytes) -> None:
        """Answer one framed command, or one line of IDLE or AUTHENTICATE; raise CutOff if the connection must end."""
        if self.talk.state is State.IDLING or self.talk.state is State.AUTHENTICATING:
            answer = await self._guarded(self._go_on(frame))
            await self.look()
            self._speak(self.talk.tag, answer)
            return
        try:
            opened = command.read(frame, is_utf8=self.talk.is_utf8)
        except Fault as fault:
            self._speak(command.tag_of(frame), fault.answer)
            return
        answer = await self._guarded(self._run(opened))
        if opened.name not in QUIET:
            await self.look()
        settle(self.talk)
        self._speak(opened.tag, answer)
        if answer is _UNAVAILABLE and opened.name in OPENING:
            self.bye(_LATER)  # Delta Chat would go on, and idle for minutes without a mailbox

    async def announced(self, head: bytes, size: int, *, is_first: bool) -> bool:
        """Read what an APPEND says before a message of `size` octets; return whether it is wanted.

        If it is not, this was answered; what comes all the same is dropped. `is_first`: the command begins here.
        """
        appending = self.talk.appending
        if appending is None and not is_first:
            return False
        if self.talk.state is State.IDLING or self.talk.state is State.AUTHENTICATING:
            await self.handle(head)
            return False
        try:
            opened = command.read(head, is_utf8=self.talk.is_utf8) if is_first else None
        except Fault as fault:
            self._speak(command.tag_of(head), fault.answer)
            return False
        tag = opened.tag if opened is not None else appending.tag if appending is not None else b"*"
        answer = await self._guarded(self._begin(opened, head, size))
        if answer is not None or self.talk.state is State.LEFT:
            self.talk.drop_letters()
            self._speak(tag, answer)
            return False
        return True

    def take(self, octets: bytes) -> None:
        """Take octets of a message that was announced."""
        append.take(self.talk, octets)

    async def end_message(self, line: bytes) -> None:
        """Store the messages of an APPEND, at its last line; one that was refused is answered already."""
        appending, self.talk.appending = self.talk.appending, None  # from here on ours: the client may hang up
        if appending is None:
            return
        try:
            answer = await self._guarded(append.finish(self.talk, appending, line))
        finally:
            appending.close()
        await self.look()
        self._speak(appending.tag, answer)

    async def look(self) -> None:
        """Tell what has happened in the mailbox, if anything may have; a store that is away is asked another time."""
        if self.talk.is_stale and self.talk.state is not State.LEFT:
            await self._asked(look(self.talk))

    async def check(self) -> None:
        """End if a look is due and the mailbox is gone; tell nothing else, since no command is under way."""
        if self.talk.view is not None and self.talk.must_look:
            await self._asked(check(self.talk))

    async def _asked(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Unavailable:
            pass
        except Gone:
            self.bye(_GONE)
        except Astray as error:
            self._lose(error)
        except CutOff:
            raise
        except Exception as error:
            self._report("imap_look", error)
            self.talk.must_look, self.talk.heard = False, 0

    async def _run(self, opened: Command) -> Answer | None:
        run = COMMANDS.get(opened.name)
        if run is None:
            raise bad("Unknown command")
        if self.talk.state not in WELCOME[opened.name]:
            raise bad("Not now")
        return await run(self.talk, opened)

    async def _begin(self, opened: Command | None, line: bytes, size: int) -> Answer | None:
        """Get ready for a message; return an answer only if it is not wanted."""
        if opened is None:
            await append.go_on(self.talk, line, size)
        elif opened.name != b"APPEND" or self.talk.state not in WELCOME[b"APPEND"]:
            raise bad("Not now")
        else:
            await append.begin(self.talk, opened, size)
        return None

    async def _go_on(self, line: bytes) -> Answer:
        if self.talk.state is State.IDLING:
            return idle.done(self.talk, line)
        return await authenticate.go_on(self.talk, line)

    async def _guarded(self, work: Coroutine[Any, Any, Answer | None]) -> Answer | None:
        try:
            return await work
        except Fault as fault:
            return fault.answer
        except (Unavailable, NoSpace):
            return _UNAVAILABLE
        except Gone:
            self.bye(_GONE)
            return None
        except Astray as error:
            self._lose(error)
            return None
        except CutOff:
            raise
        except Exception as error:
            self._report("imap_command", error)
            return _OUR_MISTAKE

    def _lose(self, error: Astray) -> None:
        """End: the numbers are wrong by a mistake of ours, or may be, and a new session has right ones."""
        if not isinstance(error, Outlived):
            self._report("imap_numbers", error)
        self.bye(_ASTRAY)

    def _speak(self, tag: bytes, answer: Answer | None) -> None:
        if answer is None or (self.talk.state is State.LEFT and answer.word != "OK"):
            return
        self.talk.output.write(answer.line(tag))
        self._count(answer)

    def _count(self, answer: Answer) -> None:
        is_stranger = self.talk.account is None
        if answer.word == "BAD":
            self._bad += 1
        elif not is_stranger:
            self._bad = 0
        if self.talk.state is State.LEFT:
            return
        if self._bad >= (MAX_BAD_BEFORE_LOGIN if is_stranger else MAX_BAD):
            self.bye("Too many bad commands")
        elif is_stranger and self.talk.failed_logins >= login.MAX_FAILURES:
            self.bye("Too many failed logins")
