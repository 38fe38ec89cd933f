"""A session without a connection: what it says, and what it reports."""

from imap.session import Session
from imap.state import Conversation, House

from tests.fakes import MemoryDoorkeeper, MemoryStore


class Said:
    def __init__(self) -> None:
        self.text = b""
        self.drains = 0

    def write(self, data: bytes) -> None:
        self.text += data

    async def drain(self) -> None:
        self.drains += 1

    def taken(self) -> bytes:
        text, self.text = self.text, b""
        return text


class Table:
    """A session at a table: what it says, and what it reports."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.keeper = MemoryDoorkeeper(self.store)
        self.box = self.keeper.know("ann@here.test", "secret")
        self.said = Said()
        self.reports: list[tuple[str, BaseException]] = []
        self.talk = Conversation(self.store, self.keeper, self.said, House(), is_tls=True)
        self.session = Session(self.talk, lambda name, error: self.reports.append((name, error)))

    async def say(self, text: str) -> bytes:
        await self.session.handle(text.encode() + b"\r\n")
        return self.said.taken()

    async def open(self, *bodies: bytes) -> None:
        """Log in and select an INBOX that holds these messages."""
        for body in bodies:
            self.store.deliver(self.box.mailbox_id, body)
        await self.say("a LOGIN ann@here.test secret")
        await self.say("a SELECT INBOX")
