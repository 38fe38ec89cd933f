"""The outbox in tests: mail put in as submission does it, workers, and what is left of everything afterwards."""

import hashlib
from itertools import count
from typing import Any

import psycopg

from shared.address import Address
from shared.storage.accounts import Account
from shared.storage.deliveries import ACCEPT, Incoming, Outcome, Outgoing, _Deliver
from tests.storage.conftest import QUOTA, one

Owner = psycopg.Connection[tuple[Any, ...]]

BODY = b"Message-ID: <1@localhost>\r\n\r\nciphertext\r\n"
REPORT = b"From: <mailer-daemon@example.org>\r\n\r\nIt failed.\r\n"
REPORT_HEADER = REPORT.index(b"\r\n\r\n") + 4
_numbers = count(1)
TABLES = ("outbox", "outbox_message", "destination", "worker", "body", "body_holders", "message", "receipt", "push_due")

# Bodies whose count of holders is not what holds them, or that nothing holds.
UNBALANCED = """
WITH held AS (
    SELECT body_id, is_shared FROM chatmail.message UNION ALL SELECT body_id, is_shared FROM chatmail.outbox_message
), counted AS (SELECT body_id, count(*) AS times, bool_or(is_shared) AS is_shared FROM held GROUP BY body_id)
SELECT coalesce(b.id, c.body_id, h.body_id), c.times, h.holders
FROM chatmail.body b FULL JOIN counted c ON c.body_id = b.id FULL JOIN chatmail.body_holders h ON h.body_id = c.body_id
WHERE b.id IS NULL OR c.body_id IS NULL OR c.is_shared <> (h.body_id IS NOT NULL) OR h.holders <> c.times
"""


def clear(owner: Owner) -> None:
    """Forget all mail, destinations and workers."""
    for table in TABLES:
        owner.execute(f"DELETE FROM chatmail.{table}".encode())
    owner.execute(b"UPDATE chatmail.mailbox SET messages = 0, bytes = 0")


def addresses(*texts: str) -> tuple[Address, ...]:
    return tuple(Address(*text.split("@")) for text in texts)


def letter(
    origin: Account | None, *recipients: str, here: tuple[int, ...] = (), salt: object = "", body: bytes = BODY
) -> Incoming:
    """A message to other servers, and to mailboxes here; another `salt` makes it another message."""
    sender = f"user{origin.account_id}@example.org" if origin else ""
    outgoing = Outgoing(sender, addresses(*recipients), "example.org") if recipients else None
    digest = hashlib.sha256(body + str(salt).encode()).digest()
    header_size = body.index(b"\r\n\r\n") + 4
    return Incoming(here, body, header_size, digest, origin.mailbox_id if origin else None, outgoing)


def waiting(owner: Owner) -> list[str]:
    """The recipients in the outbox, in order."""
    return [row[0] for row in owner.execute(b"SELECT recipient FROM chatmail.outbox ORDER BY recipient, id")]


def assert_balanced(owner: Owner) -> None:
    """Every body has its holders, and every count of them is right."""
    assert owner.execute(UNBALANCED.encode()).fetchall() == []


def reports(owner: Owner, account: Account) -> list[bytes]:
    """The bodies in an account's mailbox, oldest first."""
    statement = b"""
        SELECT b.data FROM chatmail.message m JOIN chatmail.body b ON b.id = m.body_id
        WHERE m.mailbox_id = %s ORDER BY m.uid"""
    return [bytes(row[0]) for row in owner.execute(statement, (account.mailbox_id,))]


def die(owner: Owner, token: int) -> None:
    """Let a worker have been silent for too long."""
    owner.execute(b"UPDATE chatmail.worker SET alive_until = now() - interval '1 second' WHERE token = %s", (token,))


def rows(owner: Owner, column: str) -> list[Any]:
    """A column of the outbox, by recipient."""
    return [row[0] for row in owner.execute(f"SELECT {column} FROM chatmail.outbox ORDER BY recipient, id".encode())]


def destination(owner: Owner, domain: str) -> int:
    return int(one(owner, "SELECT id FROM chatmail.destination WHERE domain = %s", domain))


def put(owner: Owner, incoming: Incoming, quota: int = QUOTA) -> Outcome:
    """Accept a message, as the doors do."""
    rows = owner.execute(ACCEPT.encode(), _Deliver(quota).parameters([incoming])).fetchall()
    return _Deliver.answers([incoming], rows, 0)[0]


def born(owner: Owner) -> Account:
    """Make an account."""
    address = f"person{next(_numbers)}@example.org"
    assert one(owner, "SELECT chatmail.make_account(%s, 'hash')", address)
    statement = b"SELECT account_id, id FROM chatmail.mailbox ORDER BY id DESC LIMIT 1"
    account_id, mailbox_id = owner.execute(statement).fetchone() or (0, 0)
    return Account(account_id, mailbox_id, "hash", False)
