"""What the doors for mail count: which reply said no and why, and what was accepted.

A reply's reason is a word for operators; several replies may share one, and one that stands nowhere here is `other`.
"""

from shared.mail import reply
from shared.mail.reply import Reply
from shared.metrics import catalog
from shared.metrics.catalog import Reason

_REPLIES: dict[Reason, tuple[Reply, ...]] = {
    "cleartext": (reply.NOT_ENCRYPTED,),
    "forged_from": (reply.FORGED_FROM,),
    "foreign_sender": (reply.FOREIGN_SENDER, reply.USE_SUBMISSION),
    "unsigned": (reply.NO_SIGNATURE,),
    "bad_signature": (reply.NO_VALID_SIGNATURE,),
    "origin": (
        reply.FOREIGN_LITERAL,
        reply.ORIGIN_UNKNOWN,
        reply.NO_WAY_BACK,
        reply.SPF_FAILED,
        reply.SPF_BROKEN,
        reply.DMARC_OBJECTS,
    ),
    "no_user": (reply.NO_SUCH_USER, reply.NO_RECIPIENTS),
    "quota": (reply.MAILBOX_FULL, reply.MAILBOX_JUST_FULL, reply.TOO_MUCH_WAITING),
    "too_big": (reply.TOO_LARGE,),
    "malformed": (
        reply.MALFORMED,
        reply.BARE_CR_LF,
        reply.LINE_TOO_LONG,
        reply.BAD_SENDER,
        reply.BAD_RECIPIENT,
        reply.NOT_ASCII,
        reply.DOMAIN_NOT_ASCII,
    ),
    "loop": (reply.LOOP,),
    "pace": (reply.TOO_FAST, reply.HIGH_LOAD),
    "too_many_recipients": (reply.TOO_MANY_RECIPIENTS, reply.TOO_MANY_AT_ONCE),
    "guessing": (reply.TOO_MANY_UNKNOWN, reply.AUTH_TOO_OFTEN),
    "closed_domain": (reply.CLOSED_DOMAIN, reply.REFUSED_DOMAIN),
    "relaying": (reply.RELAYING_DENIED,),
    "no_tls": (reply.NEED_TLS, reply.AUTH_NEEDS_TLS),
    "no_login": (reply.NEED_AUTH,),
    "credentials": (reply.BAD_CREDENTIALS, reply.ACCOUNT_CLOSED, reply.AUTH_CANCELLED, reply.AUTH_SYNTAX),
    "protocol": (
        reply.BAD_SEQUENCE,
        reply.UNKNOWN_COMMAND,
        reply.NOT_IMPLEMENTED,
        reply.BAD_SYNTAX,
        reply.UNKNOWN_PARAMETER,
        reply.COMMAND_TOO_LONG,
        reply.OUT_OF_STEP,
        reply.NOT_SMTP,
        reply.ALREADY_TLS,
        reply.BAD_MECHANISM,
    ),
    "too_many_errors": (reply.TOO_MANY_ERRORS,),
    "too_slow": (reply.TOO_SLOW,),
    "crowded": (reply.TOO_MANY_CONNECTIONS,),
    "no_space": (reply.NO_SPACE,),
    "stopping": (reply.SHUTTING_DOWN,),
    "our_trouble": (reply.TROUBLE, reply.UNAVAILABLE, reply.AUTH_UNAVAILABLE),
}
REASON_OF: dict[Reply, Reason] = {said: reason for reason, replies in _REPLIES.items() for said in replies}


def spoken(said: Reply) -> Reply:
    """Count a reply that is about to be spoken, if it says no; return it."""
    if said.code >= 400:
        catalog.REFUSALS.count(REASON_OF.get(said, "other"))
    return said


def accepted(octets: int, recipients: int) -> None:
    """Count a message that was accepted."""
    catalog.MESSAGES.count()
    catalog.OCTETS.count(by=octets)
    catalog.RECIPIENTS.count(by=recipients)
