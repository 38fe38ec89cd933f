"""Rooms in memory for the SMTP services, and mail that passes the gate."""

import asyncio
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.address import Address, parse
from shared.delivery import Delivered, Full, Gone, Incoming
from shared.login import BadCredentials, LoggedIn, TooOften
from shared.mail.trouble import NoSpace, Unavailable
from shared.storage.recipients import Recipient

DOMAINS = frozenset({"here.test", "[192.0.2.25]"})
PASSWORD = "secret-word"
# Users by address: mailbox id, and whether it has room.
USERS = {
    "ann@here.test": Recipient(1, True),
    "bob@here.test": Recipient(2, True),
    "cat@here.test": Recipient(3, True),
    "full@here.test": Recipient(4, False),
    "dan@[192.0.2.25]": Recipient(5, True),
}


@dataclass
class World:
    """Everything a service asks, with switches for what can go wrong."""

    is_available: bool = True
    is_low: bool = False
    trouble: str = ""  # login, too-often, lookup, store, space, full, gone, crash, banned
    may_go: list[bool] = field(default_factory=list)
    stored: list[Incoming] = field(default_factory=list)
    looked_up: list[int] = field(default_factory=list)
    gate: asyncio.Event | None = None  # if given, a delivery waits for it

    async def authenticate(self, name: str, password: str, source: str) -> LoggedIn:
        await asyncio.sleep(0)
        if self.trouble == "login":
            raise Unavailable
        if self.trouble == "too-often":
            raise TooOften
        found = USERS.get(name.lower())
        if found is None or password != PASSWORD:
            raise BadCredentials
        return LoggedIn(found.mailbox_id * 10, found.mailbox_id, parse(name))

    async def find(self, addresses: Sequence[Address]) -> list[Recipient | None]:
        await asyncio.sleep(0)
        self.looked_up.append(len(addresses))
        if self.trouble == "lookup":
            raise Unavailable
        if self.trouble == "crash":
            raise RuntimeError("connection to server at 192.0.2.99 failed")
        return [None if self.trouble == "banned" else self._user(address) for address in addresses]

    async def may_send(self, account_id: int) -> bool:
        await asyncio.sleep(0)
        return self.may_go.pop(0) if self.may_go else True

    async def deliver(self, incoming: Incoming) -> Delivered | Full | Gone:
        await asyncio.sleep(0)
        if self.gate:
            await self.gate.wait()
        match self.trouble:
            case "store":
                raise Unavailable
            case "space":
                raise NoSpace
            case "full":
                return Full()
            case "gone":
                return Gone()
        self.stored.append(incoming)
        return Delivered()

    def _user(self, address: Address) -> Recipient | None:
        if address.local.startswith("group-"):
            return Recipient(1000 + int(address.local[6:]), True)
        return USERS.get(str(address))


def encrypted(sender: str = "ann@here.test", *, size: int = 33, extra: str = "") -> bytes:
    """Return a message with one SEIPD packet of `size` octets, which only looks encrypted."""
    packet = b"\xd2\xff" + size.to_bytes(4, "big") + b"\x01" + bytes(size - 1)
    armor = b64encode(packet)
    lines = b"\r\n".join(armor[at : at + 76] for at in range(0, len(armor), 76))
    return (
        (
            f"From: <{sender}>\r\n{extra}"
            'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary="b"\r\n\r\n'
            "--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n"
            "--b\r\nContent-Type: application/octet-stream\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n\r\n"
        ).encode()
        + lines
        + b"\r\n-----END PGP MESSAGE-----\r\n--b--\r\n"
    )
