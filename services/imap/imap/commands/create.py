"""CREATE (RFC 3501 §6.3.3), with a use (RFC 6154 §3) and the new mailbox's id (RFC 8474 §4.1)."""

from imap.commands.naming import new_name, refusal
from imap.state import Conversation
from imap.store import Arranged
from imap.wire.answer import Answer, bad, no
from imap.wire.command import Command
from imap.wire.encode import mailbox_id
from imap.wire.grammar import Scanner

# Those that a mailbox can be for; All and Flagged would be views of other mailboxes, which we have not.
USES = {name.upper().encode("ascii"): "\\" + name for name in ("Archive", "Drafts", "Junk", "Sent", "Trash")}


async def run(talk: Conversation, command: Command) -> Answer:
    """Make a mailbox, and the names above it that are missing."""
    arguments = command.arguments
    arguments.space()
    name = new_name(talk, arguments)
    uses = _uses(arguments) if arguments.takes(b" (") else []
    arguments.end()
    if len(uses) > 1:
        raise no("USEATTR", "A mailbox is for one use")
    outcome, made = await talk.store.create(talk.owner.account_id, name, uses[0] if uses else "")
    if outcome is not Arranged.DONE:
        raise refusal(outcome)
    return Answer("OK", "Done", f"MAILBOXID ({mailbox_id(made).decode('ascii')})")


def _uses(scanner: Scanner) -> list[str]:
    """Take the rest of `(USE (…))` and return the attributes."""
    if not scanner.takes_word(b"USE ("):
        raise bad("Unknown parameter")
    uses: list[str] = []
    while not scanner.takes(b")"):
        if uses:
            scanner.space()
        scanner.expect(b"\\")
        use = USES.get(scanner.keyword())
        if use is None:
            raise no("USEATTR", "No mailbox here is for that")
        uses.append(use)
    scanner.expect(b")")
    return uses
