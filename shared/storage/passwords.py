"""Passwords as they are stored: argon2id in OWASP's smallest profile, 20 ms of CPU and 19 MiB each.

Hashes run in two threads beside the event loop (argon2 releases the interpreter); a line of those that wait is bounded.
"""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from shared.storage.errors import Unavailable

HASHES_AT_ONCE = 2
HASHES_WAITING = 200

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_pool = ThreadPoolExecutor(HASHES_AT_ONCE, thread_name_prefix="hash")
_waiting = 0

T = TypeVar("T")


def hash_now(password: str) -> str:
    """Return the stored form of a password; 20 ms of CPU, not for an event loop."""
    return _HASHER.hash(password)


def is_right_now(password_hash: str, password: str) -> bool:
    """Tell whether this is the password; as slow as `hash_now`."""
    try:
        return _HASHER.verify(password_hash, password)
    except (Argon2Error, InvalidHashError):
        return False


# What an unknown name is compared with: the password of nobody.
NOBODY = hash_now(secrets.token_hex())


async def hash_password(password: str) -> str:
    """Return the stored form of a password; raise Unavailable where too many wait."""
    return await _beside(lambda: hash_now(password))


async def is_right(password_hash: str, password: str) -> bool:
    """Tell whether this is the password; raise Unavailable where too many wait."""
    return await _beside(lambda: is_right_now(password_hash, password))


async def _beside(work: Callable[[], T]) -> T:
    global _waiting
    if _waiting >= HASHES_WAITING:
        raise Unavailable
    _waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_pool, work)
    finally:
        _waiting -= 1
