"""The commands, a file each: read the arguments, do it, answer."""

from collections.abc import Awaitable, Callable

from imap.commands import (
    authenticate,
    capability,
    close,
    expunge,
    fetch,
    identify,
    idle,
    list,
    login,
    logout,
    metadata,
    noop,
    quota,
    search,
    select,
    sort,
    starttls,
    status,
    store,
    thread,
)
from imap.state import Conversation
from imap.wire.answer import Answer
from imap.wire.command import Command

Run = Callable[[Conversation, Command], Awaitable[Answer | None]]  # None: not finished, more is to come

COMMANDS: dict[bytes, Run] = {
    b"AUTHENTICATE": authenticate.run,
    b"CAPABILITY": capability.run,
    b"CHECK": noop.run,
    b"CLOSE": close.run,
    b"EXAMINE": select.run,
    b"EXPUNGE": expunge.run,
    b"FETCH": fetch.run,
    b"GETMETADATA": metadata.get,
    b"GETQUOTA": quota.run,
    b"GETQUOTAROOT": quota.run,
    b"ID": identify.run,
    b"IDLE": idle.run,
    b"LIST": list.run,
    b"LOGIN": login.run,
    b"LOGOUT": logout.run,
    b"LSUB": list.run,
    b"NOOP": noop.run,
    b"SEARCH": search.run,
    b"SELECT": select.run,
    b"SETMETADATA": metadata.put,
    b"SORT": sort.run,
    b"STARTTLS": starttls.run,
    b"STATUS": status.run,
    b"STORE": store.run,
    b"THREAD": thread.run,
    b"UID EXPUNGE": expunge.run,
    b"UID FETCH": fetch.run,
    b"UID SEARCH": search.run,
    b"UID SORT": sort.run,
    b"UID STORE": store.run,
    b"UID THREAD": thread.run,
    b"UNSELECT": close.run,
}
