"""LOGIN (RFC 3501 §6.2.3), and the way in that AUTHENTICATE shares."""

from imap.state import Conversation, State
from imap.store import Refused, TooOften
from imap.wire.answer import Answer, no
from imap.wire.command import Command

MAX_FAILURES = 3

# The client takes the word "authentication" for a wrong password, and after two of them tells the user so.
_REFUSED = Answer("NO", "Wrong address or password", "AUTHENTICATIONFAILED")
_TOO_OFTEN = Answer("NO", "Too many attempts, try again later", "LIMIT")
_TOO_MANY = Answer("NO", "Too many connections of this account", "LIMIT")


async def run(talk: Conversation, command: Command) -> Answer:
    """Log in with a name and a password."""
    arguments = command.arguments
    arguments.space()
    name = arguments.astring()
    arguments.space()
    password = arguments.astring()
    arguments.end()
    require_tls(talk)
    return await enter(talk, name, password)


def require_tls(talk: Conversation) -> None:
    """Refuse credentials that crossed the net in clear (RFC 9051 §6.2.3)."""
    if not talk.is_tls:
        raise no("PRIVACYREQUIRED", "Log in under TLS only")


async def enter(talk: Conversation, name: bytes, password: bytes) -> Answer:
    """Ask the doorkeeper; the OK carries the capabilities, which saves the client a round trip."""
    try:
        account = await talk.doorkeeper.login(name.decode("utf-8"), password.decode("utf-8"))
    except (Refused, UnicodeDecodeError):
        talk.failed_logins += 1
        return _REFUSED
    except TooOften:
        talk.failed_logins += 1
        return _TOO_OFTEN
    if not talk.admit(account.account_id):
        talk.failed_logins += 1
        return _TOO_MANY
    talk.account = account
    if account.inbox_id:  # whoever hears its bells before it is opened need not look again behind that
        talk.watched = account.inbox_id
        talk.watch(account.inbox_id)
    talk.state = State.AUTHENTICATED
    return Answer("OK", "Logged in", f"CAPABILITY {talk.capabilities().decode('ascii')}")
