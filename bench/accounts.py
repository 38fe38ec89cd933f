"""Accounts that are there before anybody logs in, written by SQL so that thousands cost one hash."""

import psycopg
from argon2 import PasswordHasher

from bench.smtp import PASSWORD
from shared.storage.passwords import hash_now


def name(prefix: str, number: int) -> str:
    """Return the local part of one account."""
    return f"{prefix}{number:05}"


def make(url: str, domain: str, prefix: str, count: int, *, has_real_hash: bool = False) -> None:
    """Make accounts 0 to `count` - 1; a password costs what it does in life to check, or next to nothing."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    stored = hash_now(PASSWORD) if has_real_hash else cheap.hash(PASSWORD)
    with psycopg.connect(url) as connection:
        connection.execute(
            "SELECT chatmail.make_account(%s || lpad(n::text, 5, '0') || '@' || %s, %s) FROM generate_series(0, %s) n",
            (prefix, domain, stored, count - 1),
        )
