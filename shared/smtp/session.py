"""One client's dialogue (RFC 5321 §3, §4.1.4; RFC 2920; RFC 4954).

Strategy: `feed` takes octets, `step` returns the answer to the next thing that is complete: octets, or an awaitable of
octets where a handler has to look something up, or None if more is needed. Whoever drives the session awaits one
answer before the next step, and cancels it where it takes too long. The session touches no socket; that it wants to end
or to start TLS, its driver reads from `is_over` and `wants_tls`.
"""

import re
from collections.abc import Awaitable, Callable, Sequence

from shared.mail import reply
from shared.mail.reply import Reply
from shared.smtp import asking, path, tally
from shared.smtp.asking import MAX_RECIPIENTS
from shared.smtp.auth import MECHANISMS, Credentials, Exchange
from shared.smtp.framer import BadLine, Chunk, End, Framer, Line, Verdict
from shared.smtp.handler import Envelope, Handler, Terms
from shared.smtp.spool import Received

MAX_JUNK = 20  # commands that move no mail, and errors, between two messages
MAX_REJECTS = 20  # refused recipients in a session
MAX_LOGIN_FAILURES = 3
MAX_COMMAND = 510  # octets without CRLF (RFC 5321 §4.5.3.1.4); MAIL's parameters and AUTH have their own
_LONGER = {"MAIL": 600, "AUTH": 12_286}

_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_NAME = re.compile(r"[^\x00-\x20\x7f]{1,255}")
_WEB = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PATCH", "PRI"}
_WRONG_MESSAGE = {
    Verdict.BARE: reply.BARE_CR_LF,
    Verdict.UNSTUFFED: reply.MALFORMED,
    Verdict.LONG_LINE: reply.LINE_TOO_LONG,
    Verdict.TOO_LARGE: reply.TOO_LARGE,
}

Answer = bytes | Awaitable[bytes]


class Session:
    """The dialogue of one connection; `may_start_tls` where STARTTLS is offered."""

    def __init__(self, handler: Handler, terms: Terms, *, is_tls: bool, may_start_tls: bool = False) -> None:
        self._handler = handler
        self._terms = terms
        self._framer = Framer()
        self._is_tls = is_tls
        self._may_start_tls = may_start_tls
        self._host_name: str | None = None
        self._is_authenticated = False
        self._exchange: Exchange | None = None
        self._envelope: Envelope | None = None
        self._received: Received | None = None
        self._junk = self._rejects = self._login_failures = 0
        self.is_over = False
        self.wants_tls = False

    @property
    def is_receiving(self) -> bool:
        """A message is under way."""
        return self._framer.is_in_message

    @property
    def pending(self) -> int:
        """Octets that wait for a step."""
        return self._framer.pending

    def greet(self) -> bytes:
        """Return the greeting, or the reason why there is none."""
        refusal = self._handler.welcome()
        if refusal is None and not self._framer.pending:
            return f"220 {self._terms.hostname} ESMTP\r\n".encode()
        return self._end(refusal or reply.OUT_OF_STEP)

    def feed(self, octets: bytes) -> None:
        """Take what has arrived."""
        if not self.is_over:
            self._framer.feed(octets)

    def step(self) -> Answer | None:
        """Answer the next complete thing (b"" if it wants no answer), or return None if there is none."""
        if self.is_over or self.wants_tls:
            return None
        event = self._framer.next()
        if event is None:
            return None
        if isinstance(event, Line):
            return self._line(event.octets)
        if isinstance(event, Chunk):
            assert self._received
            self._received.write(event.octets)
            return b""
        if isinstance(event, End):
            return self._end_of_message(event)
        return self._bad_line(event)

    def secured(self) -> None:
        """TLS has begun: what was said before does not count (RFC 3207 §4.2)."""
        self._is_tls, self.wants_tls = True, False
        self._host_name = self._envelope = self._exchange = None
        self._is_authenticated = False

    def end(self, last: Reply) -> bytes:
        """End the dialogue from our side, saying why."""
        return self._end(last)

    def close(self) -> None:
        """The connection is gone, or soon will be: free what a half-received message holds."""
        self.is_over = True
        if self._received:
            self._received.close()

    # Lines

    def _line(self, octets: bytes) -> Answer:
        if self._exchange:
            return self._go_on_with_auth(octets)
        if _CONTROL.search(octets):
            return self._junked(reply.UNKNOWN_COMMAND)
        try:
            text = octets.decode()
        except UnicodeDecodeError:
            return self._junked(reply.BAD_SYNTAX)
        verb, _, argument = text.partition(" ")
        verb = verb.upper()
        if len(octets) > _LONGER.get(verb, MAX_COMMAND):
            return self._junked(reply.COMMAND_TOO_LONG)
        command = _COMMANDS.get(verb)
        return command(self, argument.rstrip(" ")) if command else self._unknown(verb)

    def _bad_line(self, event: BadLine) -> bytes:
        self._exchange = None
        match event:
            case BadLine.BARE:
                return self._junked(reply.UNKNOWN_COMMAND)
            case BadLine.TOO_LONG:
                return self._junked(reply.COMMAND_TOO_LONG)
            case BadLine.FLOOD:
                return self._end(reply.COMMAND_TOO_LONG)
            case BadLine.TLS:
                return self._end(reply.NOT_SMTP)

    def _unknown(self, verb: str) -> bytes:
        if verb in _WEB or verb.endswith(":"):
            return self._end(reply.NOT_SMTP)
        return self._junked(reply.UNKNOWN_COMMAND)

    # Commands that move no mail

    def _ehlo(self, argument: str) -> bytes:
        if not _NAME.fullmatch(argument):
            return self._junked(reply.BAD_SYNTAX)
        self._host_name, self._envelope = argument, None
        words = ["PIPELINING", f"SIZE {self._terms.max_size}", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"]
        if self._may_start_tls and not self._is_tls:
            words.append("STARTTLS")
        if self._terms.has_auth and self._is_tls:
            words.append("AUTH " + " ".join(MECHANISMS))
        lines = [self._terms.hostname, *words]
        text = "".join(f"250-{line}\r\n" for line in lines[:-1]) + f"250 {lines[-1]}\r\n"
        return self._counted() or text.encode()

    def _helo(self, argument: str) -> bytes:
        if not _NAME.fullmatch(argument):
            return self._junked(reply.BAD_SYNTAX)
        self._host_name, self._envelope = argument, None
        return self._counted() or f"250 {self._terms.hostname}\r\n".encode()

    def _noop(self, _argument: str) -> bytes:
        return self._junked(reply.OK)

    def _rset(self, argument: str) -> bytes:
        if argument:
            return self._junked(reply.BAD_SYNTAX)
        self._envelope = None
        return self._junked(reply.OK)

    def _vrfy(self, argument: str) -> bytes:
        return self._junked(reply.CANNOT_VRFY if argument else reply.BAD_SYNTAX)

    def _help(self, _argument: str) -> bytes:
        return self._junked(reply.HELP)

    def _expn(self, _argument: str) -> bytes:
        return self._junked(reply.NOT_IMPLEMENTED)

    def _bdat(self, _argument: str) -> bytes:
        # It was not offered, and what follows it would be read as commands.
        return self._end(reply.NOT_IMPLEMENTED)

    def _quit(self, argument: str) -> bytes:
        return self._junked(reply.BAD_SYNTAX) if argument else self._end(reply.BYE)

    # TLS and AUTH

    def _starttls(self, argument: str) -> bytes:
        if self._is_tls:
            return self._junked(reply.ALREADY_TLS)
        if not self._may_start_tls:
            return self._junked(reply.NOT_IMPLEMENTED)
        if argument:
            return self._junked(reply.BAD_SYNTAX)
        if self._framer.pending:  # said in clear text, it must never count as said under TLS (CVE-2011-0411)
            return self._end(reply.OUT_OF_STEP)
        self.wants_tls = True
        return reply.START_TLS.line()

    def _auth(self, argument: str) -> Answer:
        if not self._terms.has_auth:
            return self._junked(reply.NOT_IMPLEMENTED)
        if not self._is_tls:
            return self._junked(reply.AUTH_NEEDS_TLS)
        if self._host_name is None or self._envelope or self._is_authenticated:
            return self._junked(reply.BAD_SEQUENCE)
        mechanism, *initial = argument.split(" ")
        if mechanism.upper() not in MECHANISMS:
            return self._junked(reply.BAD_MECHANISM if mechanism else reply.BAD_SYNTAX)
        if len(initial) > 1 or initial == [""]:
            return self._junked(reply.BAD_SYNTAX)
        self._exchange = Exchange(mechanism.upper())
        return self._go_on_with_auth(initial[0].encode() if initial else None)

    def _go_on_with_auth(self, response: bytes | None) -> Answer:
        assert self._exchange
        result = self._exchange.take(response)
        if isinstance(result, bytes):
            return result
        self._exchange = None
        if isinstance(result, Reply):
            return self._login_failed(result)
        return self._log_in(result)

    async def _log_in(self, credentials: Credentials) -> bytes:
        answer = await asking.log_in(self._handler, credentials)
        if answer.code >= 300:
            return self._login_failed(answer)
        self._is_authenticated = True
        return answer.line()

    def _login_failed(self, answer: Reply) -> bytes:
        if answer.code == 421:
            return self._end(answer)
        self._login_failures += 1
        if self._login_failures < MAX_LOGIN_FAILURES:
            return tally.spoken(answer).line()
        return tally.spoken(answer).line() + self._end(reply.TOO_MANY_ERRORS)

    # Mail

    def _mail(self, argument: str) -> bytes:
        wrong = self._before_mail()
        if wrong:
            return self._junked(wrong)
        reverse = path.read_mail(argument, self._terms.max_size)
        if isinstance(reverse, Reply):
            return self._junked(reverse)
        envelope = Envelope(reverse.address, reverse.is_utf8, helo=self._host_name or "")
        answer = asking.begin(self._handler, envelope)
        if answer.code >= 300:
            return self._junked(answer)
        self._envelope = envelope
        return answer.line()

    def _before_mail(self) -> Reply | None:
        if (self._terms.has_auth or self._terms.needs_tls) and not self._is_tls:
            return reply.NEED_TLS
        if self._terms.has_auth and not self._is_authenticated:
            return reply.NEED_AUTH
        return reply.BAD_SEQUENCE if self._host_name is None or self._envelope else None

    def _rcpt(self, argument: str) -> Answer:
        if self._envelope is None:
            return self._junked(reply.BAD_SEQUENCE)
        # A pipelining client names all recipients in one breath: they are looked up together.
        arguments = [argument]
        while len(arguments) < MAX_RECIPIENTS and (line := self._framer.next_line_if(b"RCPT TO:")) is not None:
            arguments.append(line[5:].decode(errors="replace").rstrip(" "))
        return self._judge_recipients(self._envelope, arguments)

    async def _judge_recipients(self, envelope: Envelope, arguments: Sequence[str]) -> bytes:
        return self._told(await asking.judge_recipients(self._handler, envelope, arguments, self._terms.domain))

    def _told(self, replies: Sequence[Reply]) -> bytes:
        lines: list[bytes] = []
        for answer in replies:
            if answer.is_permanent:
                self._rejects += 1
            if self._rejects > MAX_REJECTS or answer.code == 421:
                return b"".join(lines) + self._end(answer if answer.code == 421 else reply.TOO_MANY_ERRORS)
            lines.append(tally.spoken(answer).line())
        return b"".join(lines)

    def _data(self, argument: str) -> bytes:
        if self._framer.pending:  # a message sent before we asked for it; its lines must not be read as commands
            return self._end(reply.OUT_OF_STEP)
        if argument:
            return self._junked(reply.BAD_SYNTAX)
        if self._envelope is None:
            return self._junked(reply.BAD_SEQUENCE)
        if not self._envelope.rcpt_tos:
            return self._junked(reply.NO_RECIPIENTS)
        if self._terms.budget.is_spent(self._envelope.payer):
            return self._junked(reply.NO_SPACE)
        self._received = Received(self._terms.budget, self._terms.folder, self._envelope.payer)
        self._framer.start_message(self._terms.max_size)
        return reply.START_DATA.line()

    def _end_of_message(self, event: End) -> Answer:
        envelope, received = self._envelope, self._received
        assert envelope
        assert received
        self._envelope = self._received = None
        received.write(event.octets)
        if event.verdict is None and not received.has_failed:
            return self._store(envelope, received)
        received.close()
        answer = _WRONG_MESSAGE[event.verdict] if event.verdict else reply.NO_SPACE
        return self._end(answer) if event.is_doubtful else self._junked(answer)

    async def _store(self, envelope: Envelope, received: Received) -> bytes:
        size = received.size  # which it is no more once it is given away
        answer = await asking.store(self._handler, envelope, received)
        if answer.code >= 300:
            return self._junked(answer)
        tally.accepted(size, len(envelope.rcpt_tos))
        self._junk = 0
        return answer.line()

    # Counting

    def _junked(self, answer: Reply) -> bytes:
        # 421 from a handler means what it says (RFC 5321 §3.8).
        return self._counted() or (self._end(answer) if answer.code == 421 else tally.spoken(answer).line())

    def _counted(self) -> bytes:
        self._junk += 1
        return self._end(reply.TOO_MANY_ERRORS) if self._junk > MAX_JUNK else b""

    def _end(self, last: Reply) -> bytes:
        self.close()  # now: the client may take its time to hang up
        self._framer.clear()
        return tally.spoken(last).line()


_COMMANDS: dict[str, Callable[[Session, str], Answer]] = {
    "EHLO": Session._ehlo,
    "HELO": Session._helo,
    "NOOP": Session._noop,
    "RSET": Session._rset,
    "VRFY": Session._vrfy,
    "EXPN": Session._expn,
    "ETRN": Session._expn,
    "HELP": Session._help,
    "QUIT": Session._quit,
    "STARTTLS": Session._starttls,
    "AUTH": Session._auth,
    "MAIL": Session._mail,
    "RCPT": Session._rcpt,
    "DATA": Session._data,
    "BDAT": Session._bdat,
}
