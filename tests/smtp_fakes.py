"""Rooms in memory for the SMTP services, and mail that passes the gate."""

import asyncio
from base64 import b64encode
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from shared.address import Address, parse
from shared.delivery import Delivered, Full, Gone, Incoming, Outcome, Overdrawn
from shared.inbound.desk import Desk
from shared.inbound.guesses import Guesses
from shared.inbound.reception import Reception
from shared.intake import Intake
from shared.listen.pace import SourcePace, a_second
from shared.listen.ticket import Ip
from shared.login import BadCredentials, LoggedIn, TooOften
from shared.mail import reply
from shared.mail.message import Facts
from shared.mail.trouble import NoSpace, Unavailable
from shared.policy.verdict import Accept, Reject, Verdict
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
    "postmaster@here.test": Recipient(1, True),  # an alias
}
# What may come out when the origin of a stranger's message is asked about.
ORIGINS: dict[str, Verdict] = {
    "good": Accept(),
    "unsigned": Reject(reply.NO_SIGNATURE),
    "invalid": Reject(reply.NO_VALID_SIGNATURE),
    "unknown": Reject(reply.ORIGIN_UNKNOWN),
    "literal": Reject(reply.FOREIGN_LITERAL),
    "spf": Reject(reply.SPF_FAILED),
    "dmarc": Reject(reply.DMARC_OBJECTS),
}


@dataclass
class World:
    """Everything a service asks, with switches for what can go wrong."""

    is_available: bool = True
    is_low: bool = False
    trouble: str = ""  # login, too-often, lookup, store, space, full, gone, overdrawn, rules, crash, banned
    may_go: list[bool] = field(default_factory=list)
    stored: list[Incoming] = field(default_factory=list)
    looked_up: list[int] = field(default_factory=list)
    gate: asyncio.Event | None = None  # if given, a delivery waits for it
    origin: str = "good"
    origins: list[tuple[Address | None, Ip, str]] = field(default_factory=list)  # asked about: sender, peer, helo
    refused: frozenset[str] = frozenset()  # domains the operator does not let in

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

    def may_send(self, account_id: int, times: int = 1) -> asyncio.Future[bool]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bool] = loop.create_future()
        loop.call_soon(answer.set_result, self.may_go.pop(0) if self.may_go else True)
        return answer

    async def deliver(self, incoming: Incoming) -> Outcome:
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
            case "overdrawn":
                return Overdrawn()
        self.stored.append(incoming)
        return Delivered()

    async def may_pass(self, domain: str) -> bool:
        await asyncio.sleep(0)
        if self.trouble == "rules":
            raise Unavailable
        return domain not in self.refused

    async def judge(self, raw: bytes, facts: Facts, sender: Address | None, peer: Ip, helo: str) -> Verdict:
        await asyncio.sleep(0)
        self.origins.append((sender, peer, helo))
        if self.origin == "crash":
            raise RuntimeError("no answer from 192.0.2.99")
        return ORIGINS[self.origin]

    def _user(self, address: Address) -> Recipient | None:
        if address.local.startswith("group-"):
            return Recipient(1000 + int(address.local[6:]), True)
        return USERS.get(f"{address.local.partition('+')[0]}@{address.domain}")


def reception(
    world: World,
    *,
    pace: SourcePace | None = None,
    guesses: Guesses | None = None,
    plain_for: Collection[str] = (),
    unsigned_from: Collection[str] = (),
) -> Reception:
    """Return the reception of the inbound doors, over rooms in memory."""
    desk = Desk(
        recipients=world,
        federation=world,
        origins=world,
        intake=Intake(world),
        database=world,
        disk=world,
        hostname="mx.here.test",
        domains=DOMAINS,
        pace=pace or SourcePace(a_second(1000)),
        guesses=guesses or Guesses(),
        plain_for=frozenset(plain_for),
        unsigned_from=frozenset(unsigned_from),
    )
    return Reception(desk)


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
