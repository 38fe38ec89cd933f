"""LIST (RFC 3501 §6.3.8, RFC 5258, RFC 5819, RFC 6154) and LSUB (RFC 3501 §6.3.9).

Strategy: the names are the account's mailboxes, those above them that are no mailboxes, and those subscribed to that
are none any more. What is below a name is noted once, when the names are put together.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from imap.commands.modseqs import heed
from imap.commands.naming import DELIMITER, pattern, quoted, spelt
from imap.commands.patterns import Patterns
from imap.commands.status import line
from imap.state import Conversation
from imap.store import Folder
from imap.wire import list_options, utf7
from imap.wire.answer import Answer, bad
from imap.wire.command import Command
from imap.wire.list_options import Wish

NAMES = 50  # looked at between breaths


@dataclass(slots=True)
class _Name:
    """A name in the hierarchy, and what is below it."""

    folder: Folder
    has_children: bool = False
    has_subscribed: bool = False  # below it
    has_uses: bool = False  # below it


async def run(talk: Conversation, command: Command) -> Answer:
    """List the names that match and are what was asked for."""
    arguments = command.arguments
    arguments.space()
    wish = list_options.read(arguments)
    arguments.end()
    if b"HIGHESTMODSEQ" in wish.status_items:
        heed(talk, "Unknown STATUS item")
    if wish.patterns == [b""] and not wish.is_extended:
        talk.output.write(
            b'* LIST (\\Noselect) "%b" ""\r\n' % DELIMITER.encode("ascii")
        )  # §6.3.8: what is the delimiter?
        return Answer("OK", "Done")
    patterns = Patterns([pattern(talk, written) for written in wish.wanted])
    names = _names(await talk.store.folders(talk.owner.account_id))
    for count, (name, known) in enumerate(names.items(), 1):
        if count % NAMES == 0:
            await talk.output.drain()
        if _is_wished(wish, known) and patterns.matches(spelt(talk, name)):
            _write(talk, b"LIST", name, _attributes(wish, known), _below(wish, known))
            await _tell_status(talk, wish, known.folder)
    return Answer("OK", "Done")


async def subscribed(talk: Conversation, command: Command) -> Answer:
    r"""List the subscribed names; where a pattern stops above one, the name above it as \Noselect (§6.3.9)."""
    arguments = command.arguments
    arguments.space()
    reference = arguments.astring()
    arguments.space()
    written = reference + arguments.list_pattern()
    arguments.end()
    if len(written) > utf7.MAX_NAME:
        raise bad("Pattern too long")
    patterns = Patterns([pattern(talk, written)])
    folders = await talk.store.folders(talk.owner.account_id)
    found = dict[str, bool]()  # and whether it is subscribed to itself
    for count, folder in enumerate(folders, 1):
        if count % NAMES == 0:
            await talk.output.drain()
        if not folder.is_subscribed:
            continue
        if patterns.matches(spelt(talk, folder.name)):
            found[folder.name] = True
        else:
            above = [name for name in _above(folder.name) if patterns.matches(spelt(talk, name))]
            found |= {name: False for name in above if name not in found}
    for name, is_subscribed in found.items():
        _write(talk, b"LSUB", name, [] if is_subscribed else [b"\\Noselect"])
    return Answer("OK", "Done")


def _above(name: str) -> Iterable[str]:
    """Yield the names above a name, the nearest first."""
    while DELIMITER in name:
        name = name.rpartition(DELIMITER)[0]
        yield name


def _names(folders: Iterable[Folder]) -> Mapping[str, _Name]:
    """Return all names in order, INBOX first."""
    names = {folder.name: _Name(folder) for folder in folders}
    for known in list(names.values()):
        folder = known.folder
        for above in _above(folder.name):
            if folder.mailbox_id is None and above not in names:
                continue  # what is no mailbox any more needs no place in the hierarchy
            over = names.setdefault(above, _Name(Folder(above, None)))
            over.has_children |= folder.mailbox_id is not None
            over.has_subscribed |= folder.is_subscribed
            over.has_uses |= bool(folder.special_use)
    return dict(sorted(names.items(), key=lambda item: (item[0] != "INBOX", item[0])))


def _is_wished(wish: Wish, known: _Name) -> bool:
    folder = known.folder
    if folder.mailbox_id is None and not known.has_children and b"SUBSCRIBED" not in wish.selected:
        return False
    return _is_selected(wish, known) or bool(_below(wish, known))


def _is_selected(wish: Wish, known: _Name) -> bool:
    folder = known.folder
    return (b"SUBSCRIBED" not in wish.selected or folder.is_subscribed) and (
        b"SPECIAL-USE" not in wish.selected or bool(folder.special_use)
    )


def _below(wish: Wish, known: _Name) -> list[bytes]:
    """Return for which selections there is something below the name (RFC 5258 §3.5), if that was asked."""
    if b"RECURSIVEMATCH" not in wish.selected:
        return []
    there = {b"SUBSCRIBED": known.has_subscribed, b"SPECIAL-USE": known.has_uses}
    return [option for option, is_there in there.items() if is_there and option in wish.selected]


def _attributes(wish: Wish, known: _Name) -> list[bytes]:
    folder = known.folder
    words = [] if folder.mailbox_id is not None else [b"\\NonExistent", b"\\Noselect"]
    words.append(b"\\HasChildren" if known.has_children else b"\\HasNoChildren")
    if folder.is_subscribed and b"SUBSCRIBED" in wish.selected | wish.returned:
        words.append(b"\\Subscribed")
    if folder.special_use:
        words.append(folder.special_use.encode("ascii"))
    return words


async def _tell_status(talk: Conversation, wish: Wish, folder: Folder) -> None:
    """Tell the numbers of a mailbox, if they were asked for and it is still there (RFC 5819 §2)."""
    if wish.status_items and folder.mailbox_id is not None:
        status = await talk.store.status(talk.owner.account_id, folder.name)
        if status is not None:
            talk.output.write(line(talk, folder.name, wish.status_items, status))


def _write(
    talk: Conversation, command: bytes, name: str, attributes: Iterable[bytes], below: Iterable[bytes] = ()
) -> None:
    options = b" ".join(b'"%b"' % option for option in below)
    info = b' ("CHILDINFO" (%b))' % options if options else b""
    words = (command, b" ".join(attributes), DELIMITER.encode("ascii"), quoted(talk, name), info)
    talk.output.write(b'* %b (%b) "%b" %b%b\r\n' % words)
