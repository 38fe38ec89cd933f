"""Messages and accounts that are there already, written by SQL: a million in minutes.

Strategy: rows as `accept` would have written them, in the order in which they would have come: message after message,
each to another mailbox, so that a mailbox's messages lie scattered as they do in life. Bodies are cuts of one message
and never parsed. Afterwards VACUUM and ANALYZE, as autovacuum would have done by then.
"""

from dataclasses import dataclass

import psycopg

from bench.accounts import make
from bench.messages import Messages

# A stride without a common divisor with any number of mailboxes used here: it scatters without repeating.
STRIDE = 7919
AT_ONCE = 20_000
_OLDEST_DAYS = 21.0  # a twenty-first part is due to expire with the usual twenty days

_BODIES = f"""
INSERT INTO chatmail.body (id, header_size, data) OVERRIDING SYSTEM VALUE
    SELECT %(base)s + n, %(header)s, substring(%(text)s::bytea FOR (%(least)s + n * {STRIDE} %% %(spread)s)::integer)
    FROM generate_series(%(begin)s::bigint, %(end)s::bigint - 1) n
"""
_MESSAGES = f"""
INSERT INTO chatmail.message (mailbox_id, uid, body_id, modseq, arrived, size, flags, is_shared)
    SELECT %(mailbox)s + n * {STRIDE} %% %(mailboxes)s, 1 + n / %(mailboxes)s, %(base)s + n, 2 + n / %(mailboxes)s,
        now() - make_interval(secs => 86400 * %(days)s * (1 - n / %(total)s::float)),
        %(least)s + n * {STRIDE} %% %(spread)s, 1, false
    FROM generate_series(%(begin)s::bigint, %(end)s::bigint - 1) n
"""
_COUNTERS = """
UPDATE chatmail.mailbox b SET uidnext = t.last + 1, modseq = t.last + 1, messages = t.times, bytes = t.octets
    FROM (SELECT mailbox_id, max(uid) AS last, count(*) AS times, sum(size) AS octets FROM chatmail.message
        WHERE mailbox_id BETWEEN %(mailbox)s AND %(mailbox)s + %(mailboxes)s - 1 GROUP BY 1) t
    WHERE b.id = t.mailbox_id
"""
_SEQUENCE = "SELECT setval(pg_get_serial_sequence('chatmail.body', 'id'), (SELECT max(id) FROM chatmail.body))"


@dataclass(frozen=True, slots=True)
class Sizes:
    """Octets of messages, evenly from `least` to `most`."""

    least: int
    most: int


def fill(url: str, domain: str, prefix: str, accounts: int, messages: int, sizes: Sizes) -> None:
    """Make accounts `prefix00000` and on, and spread so many messages over their mailboxes; they must be new."""
    make(url, domain, prefix, accounts)
    text = Messages(f"{prefix}@{domain}", sizes.most + 100).numbered("stock")
    with psycopg.connect(url, autocommit=True) as connection:
        numbers = {
            "base": _one(connection, "SELECT coalesce(max(id), 0) + 1 FROM chatmail.body"),
            "mailbox": _first_mailbox(connection, f"{prefix}00000@{domain}"),
            "mailboxes": accounts,
            "total": messages,
            "days": _OLDEST_DAYS,
            "least": sizes.least,
            "spread": sizes.most - sizes.least + 1,
            "header": text.index(b"\r\n\r\n") + 4,
        }
        for begin in range(0, messages, AT_ONCE):
            part = {**numbers, "text": text, "begin": begin, "end": min(messages, begin + AT_ONCE)}
            connection.execute(_BODIES, part)
            connection.execute(_MESSAGES, part)
        connection.execute(_COUNTERS, numbers)
        connection.execute(_SEQUENCE)


def settle(url: str) -> None:
    """Leave the tables as autovacuum and a checkpoint would."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def octets(url: str) -> int:
    """Return the size of the database."""
    with psycopg.connect(url) as connection:
        return _one(connection, "SELECT pg_database_size(current_database())")


def _first_mailbox(connection: "psycopg.Connection[tuple[int]]", address: str) -> int:
    return _one(
        connection,
        "SELECT b.id FROM chatmail.mailbox b JOIN chatmail.account a ON a.id = b.account_id WHERE a.address = %s",
        (address,),
    )


def _one(connection: "psycopg.Connection[tuple[int]]", statement: str, values: tuple[str, ...] = ()) -> int:
    row = connection.execute(statement, values).fetchone()
    assert row
    return int(row[0])
