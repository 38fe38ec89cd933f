"""The remote matrix as a table: what a stranger's server does, and what must become of the mail for it.

A cell is one domain with one mail server, which goes wrong at one step in one way. Its fates are those of its
recipients while the trouble lasts: Waits with the code shown to the operator, Fails with the status the sender is told,
or Arrives. Once the trouble is mended, what waited arrives once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.faults.ground import Ground
from tests.remote import DRIP, DROP, HANG, RESET, Action

Change = Callable[[Ground], None]


@dataclass(frozen=True)
class Waits:
    """Tried again and again; `may_arrive`: a whole message arrives with every try, for nobody answers it.

    `enhanced` are the codes that may stand there, in one string: a reset may reach us while we connect, or after.
    """

    code: int
    enhanced: str
    may_arrive: bool = False
    is_reached: bool = True


@dataclass(frozen=True)
class Fails:
    """Given up at the first try, and its sender is told this status."""

    status: str


@dataclass(frozen=True)
class Arrives:
    """Taken at the first try."""

    way: str = "smtp"


Fate = Waits | Fails | Arrives


@dataclass(frozen=True)
class Cell:
    """See the module's text; `is_large`: the message is one that no buffer on the way holds."""

    name: str
    trouble: Change
    fates: Mapping[str, Fate]
    mend: Change | None = field(default=Ground.forget)
    is_large: bool = False


def at(step: str, action: Action) -> Change:
    return lambda ground: ground.remote.at(step, action)


def post(action: Action) -> Change:
    def change(ground: Ground) -> None:
        ground.has_door()
        ground.remote.at("POST", action)

    return change


def _cell(
    name: str, trouble: Change, fate: Fate, mend: Change | None = Ground.forget, *, is_large: bool = False
) -> Cell:
    return Cell(name, trouble, {"bob": fate}, mend, is_large)


GARBAGE = Waits(451, "4.5.0")
LOST = Waits(451, "4.4.2")
UNANSWERED = Waits(451, "4.4.2", may_arrive=True)
UNPROVED = Waits(451, "4.7.5")
UNKNOWN = Waits(451, "4.4.3", is_reached=False)
NOBODY, BUSY = "550 5.1.1 nobody", "421 4.3.2 busy"
SHUT = Waits(421, "4.3.2")

WAY = [
    _cell("refused", Ground.close, Waits(451, "4.4.1", is_reached=False), Ground.open),
    _cell("no-answer-to-syn", Ground.clog, Waits(451, "4.4.1", is_reached=False), Ground.unclog),
    _cell("no-route", lambda ground: ground.move("240.0.0.1"), Waits(451, "4.4.4", is_reached=False), None),
    _cell("mx-without-address", Ground.hide, Waits(451, "4.4.4", is_reached=False), None),
    _cell("nxdomain", Ground.vanish, Fails("5.1.2")),
    _cell("null-mx", lambda ground: ground.exchangers("0 ."), Fails("5.1.10")),
    _cell("leads-back-to-us", Ground.point_at_us, Fails("5.4.6")),
    _cell("servfail", lambda ground: ground.dns.fail(ground.domain), UNKNOWN, Ground.heal_dns),
    _cell("dns-silent", lambda ground: ground.dns.silence(ground.domain), UNKNOWN, Ground.heal_dns),
    _cell("dns-junk", lambda ground: ground.dns.junk(ground.domain, b"\xff" * 40), UNKNOWN, Ground.heal_dns),
    _cell("servfail-of-the-host", lambda ground: ground.dns.fail(ground.host), UNKNOWN, Ground.heal_dns),
]

GREETING = [
    _cell("connect-reset", at("CONNECT", RESET), Waits(451, "4.4.1 4.4.2")),
    _cell("connect-drop", at("CONNECT", DROP), LOST),
    _cell("connect-silent", at("CONNECT", HANG), LOST),
    _cell("connect-drip", at("CONNECT", DRIP), LOST),
    _cell("connect-421", at("CONNECT", BUSY), SHUT),
    _cell("connect-450", at("CONNECT", "450 4.3.2 busy"), GARBAGE),
    _cell("connect-554", at("CONNECT", "554 5.7.1 go away"), GARBAGE),
    _cell("connect-ssh", at("CONNECT", b"SSH-2.0-OpenSSH_9.9\r\n"), GARBAGE),
    _cell("connect-endless-line", at("CONNECT", b"220-" + b"x" * 100_000), GARBAGE),
    _cell("connect-endless-lines", at("CONNECT", b"220-hello\r\n" * 10_000), GARBAGE),
    _cell("ehlo-421", at("EHLO", BUSY), SHUT),
    _cell("ehlo-451", at("EHLO", "451 4.3.0 later"), GARBAGE),
    _cell("ehlo-502", at("EHLO", "502 5.5.1 what"), GARBAGE),
    _cell("ehlo-drop", at("EHLO", DROP), LOST),
    _cell("ehlo-hang", at("EHLO", HANG), LOST),
]

TLS = [
    _cell("starttls-not-offered", Ground.offer_no_tls, Waits(451, "4.7.4"), Ground.offer_tls),
    _cell("starttls-421", at("STARTTLS", BUSY), SHUT),
    _cell("starttls-454", at("STARTTLS", "454 4.7.0 not now"), GARBAGE),
    _cell("starttls-554", at("STARTTLS", "554 5.7.0 never"), GARBAGE),
    _cell("starttls-drop", at("STARTTLS", DROP), LOST),
    _cell("starttls-injected", at("STARTTLS", b"220 go\r\n250 ha\r\n"), Waits(451, "4.7.0")),
    _cell("tls-drop", at("TLS", DROP), UNPROVED),
    _cell("tls-reset", at("TLS", RESET), UNPROVED),
    _cell("tls-hang", at("TLS", HANG), UNPROVED),
    _cell("self-signed", Ground.sign_oneself, Arrives()),
    _cell("sts-self-signed", lambda ground: ground.sts().sign_oneself(), UNPROVED, Ground.certify),
    _cell("sts-wrong-name", lambda ground: ground.sts().certify("mx.other.test"), UNPROVED, Ground.certify),
    _cell("sts-expired", lambda ground: ground.sts().certify(days=-1), UNPROVED, Ground.certify),
    _cell("sts-no-tls", lambda ground: ground.sts().offer_no_tls(), Waits(451, "4.7.4"), Ground.offer_tls),
    _cell(
        "sts-another-host", lambda ground: ground.sts(mx="mx.other.test"), Waits(451, "4.7.5", is_reached=False), None
    ),
    _cell("sts-testing", lambda ground: ground.sts("testing").sign_oneself(), Arrives()),
    _cell("dane-match", lambda ground: ground.sign_oneself().pin(), Arrives()),
    _cell("dane-mismatch", lambda ground: ground.pin().sign_oneself(), UNPROVED, Ground.certify_as_at_first),
    _cell("dane-servfail", Ground.fail_tlsa, UNKNOWN, Ground.heal_dns),
]

ENVELOPE = [
    _cell("mail-421", at("MAIL", BUSY), SHUT),
    _cell("mail-451", at("MAIL", "451 4.7.1 greylisted"), Waits(451, "4.7.1")),
    _cell("mail-550", at("MAIL", "550 5.7.1 not you"), Fails("5.7.1")),
    _cell("mail-drop", at("MAIL", DROP), LOST),
    _cell("mail-reset", at("MAIL", RESET), LOST),
    _cell("mail-hang", at("MAIL", HANG), LOST),
    _cell("rcpt-421", at("RCPT", BUSY), SHUT),
    _cell("rcpt-450", at("RCPT", "450 4.2.0 later"), Waits(450, "4.2.0")),
    _cell("rcpt-550", at("RCPT", NOBODY), Fails("5.1.1")),
    _cell("rcpt-550-bare", at("RCPT", "550 nobody"), Fails("5.0.0")),
    _cell("rcpt-drop", at("RCPT", DROP), LOST),
    _cell("rcpt-hang", at("RCPT", HANG), LOST),
    _cell("rcpt-drip", at("RCPT", DRIP), LOST),
    _cell("rcpt-garbage", at("RCPT", "999 what"), GARBAGE),
    _cell("rcpt-354", at("RCPT", "354 go on"), GARBAGE),
    Cell(
        "rcpt-mixed",
        lambda ground: ground.refuse(eve=NOBODY, joe="452 4.2.2 full"),
        {"bob": Arrives(), "eve": Fails("5.1.1"), "joe": Waits(452, "4.2.2"), "sue": Arrives()},
    ),
]

MESSAGE = [
    _cell("data-421", at("DATA", BUSY), SHUT),
    _cell("data-451", at("DATA", "451 4.3.0 later"), Waits(451, "4.3.0")),
    _cell("data-554", at("DATA", "554 5.7.1 no"), Fails("5.7.1")),
    _cell("data-250", at("DATA", "250 ok"), GARBAGE),
    _cell("data-drop", at("DATA", DROP), LOST),
    _cell("data-hang", at("DATA", HANG), LOST),
    _cell("body-drop", at("BODY", DROP), LOST, is_large=True),
    _cell("body-reset", at("BODY", RESET), LOST, is_large=True),
    _cell("body-tarpit", at("BODY", DRIP), Waits(451, "4.4.2")),
    _cell("dot-421", at("DOT", BUSY), Waits(421, "4.3.2", may_arrive=True)),
    _cell("dot-452", at("DOT", "452 4.3.1 full"), Waits(452, "4.3.1", may_arrive=True)),
    _cell("dot-523", at("DOT", "523 5.7.1 Encryption Needed"), Fails("5.7.1")),
    _cell("dot-drop", at("DOT", DROP), UNANSWERED),
    _cell("dot-reset", at("DOT", RESET), UNANSWERED),
    _cell("dot-hang", at("DOT", HANG), UNANSWERED),
    _cell("dot-drip", at("DOT", DRIP), UNANSWERED),
    _cell("dot-garbage", at("DOT", "what"), UNANSWERED),
]

HTTPS = [
    _cell("https-200", Ground.has_door, Arrives("https")),
    _cell("https-post-400-554", post((400, "554 5.7.1 no")), Fails("5.7.1")),
    _cell("https-post-400-451", post((400, "451 4.7.1 later")), Waits(451, "4.7.1", may_arrive=True)),
    _cell("https-post-400-words", post((400, "no idea")), Arrives()),
    _cell("https-post-413", post((413, "too big")), Fails("5.3.4")),
    _cell("https-post-500", post((500, "oops")), Arrives()),
    _cell("https-post-504", post((504, "lost it")), UNANSWERED),
    _cell("https-post-drop", post(DROP), UNANSWERED),
    _cell("https-post-hang", post(HANG), UNANSWERED),
    _cell("https-no-door", at("GET", (404, "")), Arrives()),
    _cell("https-get-hang", at("GET", HANG), Arrives()),
    _cell("https-handshake-drop", at("HTTPS", DROP), Arrives()),
    _cell("https-handshake-hang", at("HTTPS", HANG), Arrives()),
]

HOSTS = [
    _cell("first-421-second-well", lambda ground: ground.second().remote.at("CONNECT", BUSY), Arrives()),
    _cell("first-hangs-second-well", lambda ground: ground.second().remote.at("EHLO", HANG), Arrives()),
    _cell("first-refuses-second-well", lambda ground: ground.second().remote.at("RCPT", NOBODY), Fails("5.1.1")),
    _cell("first-unanswered-second-well", lambda ground: ground.second().remote.at("DOT", DROP), UNANSWERED),
]

CELLS = [*WAY, *GREETING, *TLS, *ENVELOPE, *MESSAGE, *HTTPS, *HOSTS]
