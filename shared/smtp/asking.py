"""Asking a handler, so that whatever goes wrong on our side becomes a reply that is transient and says nothing of it.

Strategy: one function per hook. A handler that is cancelled (it took too long) has failed like one that raised.
"""

from asyncio import CancelledError
from collections.abc import Sequence

from shared import log
from shared.address import Address
from shared.mail import reply
from shared.mail.reply import Reply
from shared.smtp import path
from shared.smtp.auth import Credentials
from shared.smtp.handler import Envelope, Handler
from shared.smtp.spool import Received

MAX_RECIPIENTS = 1000


async def log_in(handler: Handler, credentials: Credentials) -> Reply:
    """Ask whether these credentials hold."""
    try:
        return await handler.authenticate(credentials.name, credentials.password)
    except (Exception, CancelledError) as error:
        log.failure("login_failed", error)
        return reply.AUTH_UNAVAILABLE


def begin(handler: Handler, envelope: Envelope) -> Reply:
    """Ask whether this sender may begin a message."""
    try:
        return handler.sender(envelope)
    except Exception as error:
        log.failure("sender_failed", error)
        return reply.TROUBLE


async def judge_recipients(
    handler: Handler, envelope: Envelope, arguments: Sequence[str], domain: str = ""
) -> list[Reply]:
    """Answer the arguments of several RCPTs in order, and add the accepted to the envelope, each once.

    `domain` is that of `<postmaster>`.
    """
    read = [path.read_rcpt(argument, may_be_utf8=envelope.smtp_utf8, domain=domain) for argument in arguments]
    answers = dict.fromkeys(envelope.rcpt_tos, reply.RECIPIENT_OK)
    new = list(dict.fromkeys(entry for entry in read if isinstance(entry, Address) and entry not in answers))
    room = MAX_RECIPIENTS - len(answers)
    answers.update(dict.fromkeys(new[room:], reply.TOO_MANY_RECIPIENTS))
    if asked := new[:room]:
        answers.update(zip(asked, await _look_up(handler, envelope, asked), strict=True))
        envelope.rcpt_tos += [recipient for recipient in asked if answers[recipient].code < 300]
    return [entry if isinstance(entry, Reply) else answers[entry] for entry in read]


async def store(handler: Handler, envelope: Envelope, received: Received) -> Reply:
    """Give the message away, and free what it held here."""
    try:
        return await handler.message(envelope, received)
    except (Exception, CancelledError) as error:
        log.failure("message_failed", error)
        return reply.TROUBLE
    finally:
        received.close()


async def _look_up(handler: Handler, envelope: Envelope, asked: Sequence[Address]) -> Sequence[Reply]:
    try:
        return await handler.recipients(envelope, asked)
    except (Exception, CancelledError) as error:
        log.failure("recipients_failed", error)
        return [reply.TROUBLE] * len(asked)
