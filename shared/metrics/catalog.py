"""Everything that is measured, each once: what to look for in the code, and what docs/metrics.md explains.

Units are seconds and octets. A label's words are closed: no address, domain or token can become one.
"""

from typing import Literal, get_args

from shared.metrics.metric import Counter, Gauge, Histogram

SMTP = ("smtp-in", "submission")
DOORS = (*SMTP, "register")  # where mail comes in; register has /mxdeliv
LISTENING = (*DOORS, "imap")
WORKER = ("queue-worker",)

_UP_TO_A_MINUTE = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0]
_COMMITS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0]
_DELIVERIES = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0]

# Connections

CONNECTIONS = Gauge("chatmail_connections", "Connections open now.", services=LISTENING)
Accept = Literal["admitted", "refused", "handshake_failed"]
ACCEPTS: Counter[Accept] = Counter(
    "chatmail_accepts_total",
    "Connections that came, by what became of them; one whose handshake failed had been admitted.",
    "outcome",
    get_args(Accept),
    LISTENING,
)

# Mail that comes in

Reason = Literal[
    "cleartext",
    "forged_from",
    "foreign_sender",
    "unsigned",
    "bad_signature",
    "origin",
    "no_user",
    "quota",
    "too_big",
    "malformed",
    "loop",
    "pace",
    "too_many_recipients",
    "guessing",
    "closed_domain",
    "relaying",
    "no_tls",
    "no_login",
    "credentials",
    "protocol",
    "too_many_errors",
    "too_slow",
    "crowded",
    "no_space",
    "stopping",
    "our_trouble",
    "other",
]
REFUSALS: Counter[Reason] = Counter(
    "chatmail_refusals_total", "Replies that said no, for now or for good.", "reason", get_args(Reason), DOORS
)
MESSAGES = Counter[str]("chatmail_messages_total", "Messages accepted: stored and committed.", services=DOORS)
OCTETS = Counter[str]("chatmail_message_bytes_total", "Octets of messages accepted, as they came.", services=DOORS)
RECIPIENTS = Counter[str]("chatmail_recipients_total", "Recipients of messages accepted.", services=DOORS)

# People

Login = Literal["ok", "new", "wrong", "limited", "unavailable"]
LOGINS: Counter[Login] = Counter(
    "chatmail_logins_total",
    "Logins; `new` are those that made their account.",
    "outcome",
    get_args(Login),
    ("submission", "imap"),
)
Birth = Literal["login", "token"]
BIRTHS: Counter[Birth] = Counter(
    "chatmail_births_total",
    "Accounts made, by a first login or with a token.",
    "door",
    get_args(Birth),
    ("submission", "imap", "register"),
)
SESSIONS = Gauge("chatmail_imap_sessions", "IMAP connections that have logged in.", services=("imap",))
IDLING = Gauge("chatmail_imap_idling", "IMAP connections that wait in IDLE.", services=("imap",))
READABLE = Histogram(
    "chatmail_accept_to_readable_seconds",
    "From a message's acceptance until a session that idles was told, by the clocks of the hosts that did it.",
    _UP_TO_A_MINUTE,
    ("imap",),
)

# Mail that leaves, and other work behind the doors

OUTBOX = Gauge("chatmail_outbox_waiting", "Recipients at other servers that wait, 100000 at the most.", max, WORKER)
OLDEST = Gauge("chatmail_outbox_oldest_seconds", "The age of the oldest message that waits.", max, WORKER)
Attempt = Literal["delivered", "deferred", "refused", "ambiguous"]
ATTEMPTS: Counter[Attempt] = Counter(
    "chatmail_delivery_attempts_total",
    "Recipients tried at other servers, by what came of it.",
    "outcome",
    get_args(Attempt),
    WORKER,
)
DELIVERY = Histogram(
    "chatmail_delivery_seconds", "How long it took to hand one message to one server.", _DELIVERIES, WORKER
)
Report = Literal["failure", "delay"]
REPORTS: Counter[Report] = Counter(
    "chatmail_reports_total", "Reports written to senders.", "kind", get_args(Report), WORKER
)
Push = Literal["told", "forgotten", "again", "given_up"]
PUSHES: Counter[Push] = Counter(
    "chatmail_pushes_total",
    "Devices told of mail, by what came of it.",
    "outcome",
    get_args(Push),
    WORKER,
)
EXPIRED = Counter[str]("chatmail_expired_messages_total", "Messages that went because of their age.", services=WORKER)

# What stands behind

COMMITS = Histogram("chatmail_commit_seconds", "How long one batch that must not be lost took.", _COMMITS)
POSTGRES = Gauge("chatmail_postgres_available", "1 while every worker reaches Postgres.", min)
BELL = Gauge("chatmail_bell_connected", "1 while every worker hears the bell.", min, ("imap",))
DISK = Gauge("chatmail_disk_low", "1 while mail is refused for want of space.", max, DOORS)
CERTIFICATE = Gauge(
    "chatmail_certificate_expiry_timestamp_seconds", "When the certificate in force ends.", min, LISTENING
)
