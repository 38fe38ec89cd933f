"""LIST and LSUB (RFC 3501 §6.3.8, §6.3.9): every mailbox counts as subscribed."""

from imap.state import Conversation
from imap.wire import utf7
from imap.wire.answer import Answer, bad
from imap.wire.command import Command
from imap.wire.encode import mailbox

DELIMITER = "/"


async def run(talk: Conversation, command: Command) -> Answer:
    """List the names that match reference and pattern together."""
    arguments = command.arguments
    arguments.space()
    reference = arguments.astring()
    arguments.space()
    pattern = arguments.list_pattern()
    arguments.end()
    if len(reference) + len(pattern) > utf7.MAX_NAME:
        raise bad("Pattern too long")
    if not pattern:
        # §6.3.8: an empty pattern asks for the delimiter.
        _write(talk, command.name, rb"(\Noselect)", b'""')
        return Answer("OK", "Done")
    wanted = (reference + pattern).decode("ascii", "replace")
    for name in await talk.store.names(talk.owner.account_id):
        if matches(wanted, utf7.encode(name).decode("ascii")):
            _write(talk, command.name, b"()", mailbox(name))
    return Answer("OK", "Done")


def _write(talk: Conversation, command: bytes, attributes: bytes, name: bytes) -> None:
    talk.output.write(b'* %b %b "%b" %b\r\n' % (command, attributes, DELIMITER.encode(), name))


def matches(pattern: str, name: str) -> bool:
    """Say whether a name matches; `*` stands for anything, `%` for anything but the delimiter.

    All places the pattern may have reached are carried along, so that no pattern costs more than its length for each
    letter of the name.
    """
    if name.upper() == "INBOX":
        pattern, name = pattern.upper(), "INBOX"
    places = _rest_at_wildcards(pattern, {0})
    for letter in name:
        reached = set()
        for at in places:
            if at < len(pattern):
                wish = pattern[at]
                if wish == "*" or (wish == "%" and letter != DELIMITER):
                    reached.add(at)
                elif wish == letter:
                    reached.add(at + 1)
        places = _rest_at_wildcards(pattern, reached)
    return len(pattern) in places


def _rest_at_wildcards(pattern: str, places: set[int]) -> set[int]:
    """Add the places reached because a wildcard may stand for nothing."""
    for start in list(places):
        at = start
        while at < len(pattern) and pattern[at] in "*%" and (at + 1) not in places:
            at += 1
            places.add(at)
    return places
