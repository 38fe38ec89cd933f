"""Which messages a command means, and how it ends if some of them are no more."""

from imap.state import Conversation
from imap.wire.answer import Answer
from imap.wire.command import Command
from imap.wire.sequence_set import SequenceSet


def chosen(talk: Conversation, command: Command, numbers: SequenceSet) -> list[int]:
    """Return the UIDs that a set of UIDs or of message numbers, as the command has it, stands for."""
    if numbers.is_saved:
        return [uid for uid in talk.saved if talk.mailbox.number(uid)]
    return talk.mailbox.by_uid(numbers) if command.is_uid else talk.mailbox.by_number(numbers)


def done(talk: Conversation, command: Command, missing: int) -> Answer:
    """Answer OK; a client that asked by number for messages that are gone is told to look (RFC 5530)."""
    if not missing:
        return Answer("OK", "Done")
    talk.must_look = True
    return Answer("OK", "Done") if command.is_uid else Answer("OK", "Some messages are gone", "EXPUNGEISSUED")
