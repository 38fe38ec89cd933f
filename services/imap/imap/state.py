"""How far a conversation has come, and which command is welcome when (RFC 3501 §3).

Strategy: the states and the table of commands are data. `Conversation` is all that a command may look at and
change; it is small, since ten thousand of them wait in one process.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from imap.arrivals import Arrivals
from imap.store import Account, Doorkeeper, Enclosed, Letterbox, Output, Store, Tokens
from imap.view import View


class State(Enum):
    """RFC 3501 §3, and IDLE (RFC 2177) and a begun AUTHENTICATE, in which only their own end is understood."""

    STRANGER = "not authenticated"
    AUTHENTICATING = "sending credentials"
    AUTHENTICATED = "authenticated"
    SELECTED = "selected"
    IDLING = "idling"
    LEFT = "logout"


_ANY = frozenset({State.STRANGER, State.AUTHENTICATED, State.SELECTED})
_STRANGER = frozenset({State.STRANGER})
_KNOWN = frozenset({State.AUTHENTICATED, State.SELECTED})
_SELECTED = frozenset({State.SELECTED})

WELCOME: dict[bytes, frozenset[State]] = {
    b"CAPABILITY": _ANY,
    b"ID": _ANY,
    b"LOGOUT": _ANY,
    b"NOOP": _ANY,
    b"AUTHENTICATE": _STRANGER,
    b"LOGIN": _STRANGER,
    b"STARTTLS": _STRANGER,
    b"APPEND": _KNOWN,
    b"COMPRESS": _KNOWN,
    b"CREATE": _KNOWN,
    b"DELETE": _KNOWN,
    b"ENABLE": _KNOWN,
    b"EXAMINE": _KNOWN,
    b"GETMETADATA": _KNOWN,
    b"GETQUOTA": _KNOWN,
    b"GETQUOTAROOT": _KNOWN,
    b"IDLE": _KNOWN,
    b"LIST": _KNOWN,
    b"LSUB": _KNOWN,
    b"NAMESPACE": _KNOWN,
    b"RENAME": _KNOWN,
    b"SELECT": _KNOWN,
    b"SETMETADATA": _KNOWN,
    b"SETQUOTA": _KNOWN,
    b"STATUS": _KNOWN,
    b"SUBSCRIBE": _KNOWN,
    b"UNSUBSCRIBE": _KNOWN,
    b"CHECK": _SELECTED,
    b"CLOSE": _SELECTED,
    b"COPY": _SELECTED,
    b"EXPUNGE": _SELECTED,
    b"FETCH": _SELECTED,
    b"MOVE": _SELECTED,
    b"SEARCH": _SELECTED,
    b"SORT": _SELECTED,
    b"STORE": _SELECTED,
    b"THREAD": _SELECTED,
    b"UID COPY": _SELECTED,
    b"UID EXPUNGE": _SELECTED,
    b"UID FETCH": _SELECTED,
    b"UID MOVE": _SELECTED,
    b"UID SEARCH": _SELECTED,
    b"UID SORT": _SELECTED,
    b"UID STORE": _SELECTED,
    b"UID THREAD": _SELECTED,
    b"UNSELECT": _SELECTED,
}

OPENING = frozenset({b"SELECT", b"EXAMINE"})

# RFC 3501 §5.5 and §7.4.1: no EXPUNGE while these run, so nothing is told at their end. Nor where a mailbox is opened:
# Delta Chat goes by the UIDNEXT that it reads there, and would take an EXISTS that is newer for a part of the same.
QUIET = OPENING | {b"FETCH", b"STORE", b"SEARCH", b"SORT", b"THREAD"}

_ALWAYS = b"IMAP4rev1 LITERAL- ID XCHATMAIL"
_AFTER_LOGIN = (
    b" IDLE UIDPLUS UNSELECT QUOTA QUOTA=RES-STORAGE METADATA STATUS=SIZE"
    b" NAMESPACE CHILDREN LIST-EXTENDED LIST-STATUS SPECIAL-USE CREATE-SPECIAL-USE MOVE MULTIAPPEND ENABLE"
    b" UTF8=ACCEPT OBJECTID SAVEDATE"
    b" ESEARCH SEARCHRES WITHIN SORT THREAD=REFERENCES THREAD=ORDEREDSUBJECT BINARY PREVIEW"
)


@dataclass(frozen=True, slots=True)
class House:
    """What the operator says about the server."""

    comment: str = ""
    admin: str = ""
    append_limit: int = 30 * 1024 * 1024  # octets of a message (RFC 7889)
    has_compression: bool = False
    has_modseqs: bool = False  # CONDSTORE and QRESYNC (RFC 7162) are there


class CutOff(Exception):
    """What was begun cannot be finished; the connection must end without another octet."""


class Gone(Exception):
    """The selected mailbox is no more."""


def _nobody(_mailbox_id: int) -> None:
    """Tell nobody."""


def _unheard(_mailbox_id: int, _modseq: int) -> None:
    """Ring for nobody."""


def _never() -> float:
    return 0.0


def _everybody(_account_id: int) -> bool:
    return True


@dataclass(slots=True)
class Appending:
    """An APPEND under way: its messages so far, the last of them still arriving."""

    tag: bytes
    name: str
    messages: list[Enclosed]
    octets: int  # of all of them, as announced
    closing: bytes = b""  # what stands behind the last

    def close(self) -> None:
        """Forget them."""
        for message in self.messages:
            message.octets.close()


@dataclass(slots=True)
class Conversation:
    """One client's standing; `heard` is the newest modseq that a bell told, `must_look` that a look is due anyway."""

    store: Store
    doorkeeper: Doorkeeper
    output: Output
    house: House
    is_tls: bool
    may_start_tls: bool = False
    tokens: Tokens | None = None  # None: nothing wakes devices here
    letterbox: Letterbox | None = None  # None: nothing can be appended here
    appending: Appending | None = None
    state: State = State.STRANGER
    account: Account | None = None
    view: View | None = None
    is_read_only: bool = False
    tag: bytes = b""  # of the command that IDLE or AUTHENTICATE waits to finish
    failed_logins: int = 0
    heard: int = 0
    arrivals: Arrivals = field(default_factory=Arrivals)  # what bells told besides
    must_look: bool = False
    starts_tls: bool = False  # the connection is to be upgraded now
    starts_compression: bool = False  # … is to be compressed from here on
    is_compressed: bool = False
    is_utf8: bool = False  # the client has enabled UTF8=ACCEPT (RFC 6855)
    tells_modseqs: bool = False  # with every FETCH that nobody asked for (RFC 7162 §3.1, §3.2.4)
    tells_vanished: bool = False  # in place of EXPUNGE (§3.2.10)
    told_modseq: int = 0  # the highest since the last tagged answer
    watched: int = 0  # the mailbox for which bells are heard: the one selected last
    admit: Callable[[int], bool] = field(default=_everybody)  # called at login: whether the account may have one more
    watch: Callable[[int], None] = field(default=_nobody)  # called when that changes
    touched: Callable[[int, int], None] = field(default=_unheard)  # this client brought a mailbox to a modseq
    ring: Callable[[int, int], None] = field(default=_unheard)  # … and must itself look, too
    now: Callable[[], float] = field(default=_never)  # seconds since 1970 UTC
    saved: Sequence[int] = ()  # the UIDs that the last search saved (RFC 5182)
    waited: Sequence[float] = ()  # seconds since each arrival that was told last, at the moment of the look

    @property
    def mailbox(self) -> View:
        """The selected mailbox; only for commands that are welcome in SELECTED alone."""
        assert self.view is not None
        return self.view

    @property
    def owner(self) -> Account:
        """Who has logged in; only for commands that are welcome after login."""
        assert self.account is not None
        return self.account

    @property
    def is_stale(self) -> bool:
        """Whether the selected mailbox may hold news."""
        return self.view is not None and (self.must_look or self.heard > self.view.modseq)

    def deselect(self) -> None:
        """Leave the mailbox, if one is selected."""
        self.view = None
        self.saved = ()
        self.told_modseq = 0
        self.state = State.AUTHENTICATED

    def part(self) -> None:
        """Forget the connection, which has gone: nothing that knows one another is left for the garbage collector."""
        self.drop_letters()
        self.admit, self.watch, self.touched, self.ring = _everybody, _nobody, _unheard, _unheard

    def drop_letters(self) -> None:
        """Forget what is being appended."""
        if self.appending is not None:
            self.appending.close()
            self.appending = None

    def capabilities(self) -> bytes:
        """Return what is offered in this state (RFC 3501 §7.2.1), without a final line end."""
        always = _ALWAYS if self.tokens is None else _ALWAYS + b" XDELTAPUSH"
        if self.account is not None:
            deflate = b" COMPRESS=DEFLATE" if self.house.has_compression and not self.is_compressed else b""
            modseqs = b" CONDSTORE QRESYNC" if self.house.has_modseqs else b""
            return always + _AFTER_LOGIN + b" APPENDLIMIT=%d" % self.house.append_limit + deflate + modseqs
        if self.is_tls:
            return always + b" SASL-IR AUTH=PLAIN"
        return always + (b" STARTTLS" if self.may_start_tls else b"") + b" LOGINDISABLED"
