"""How messages that clients append come in: the gate, as at every door, and then the store.

Strategy: octets are received as SMTP's are, in memory and then in an unlinked file, within one budget of the process.
What is large is read and judged on a thread, two at a time.
"""

import asyncio
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from imap.store import Arriving, Enclosed, Letter, NoSpace, NotPut, Put, TooMuch, Unfit
from shared.listen.disk import Disk
from shared.mail import message, reply
from shared.policy import gate
from shared.policy.verdict import Reject
from shared.smtp.spool import Budget, Received
from shared.storage.appends import Appends

BUDGET = 128 * 1024 * 1024  # octets that are being appended at one time
LARGE = 256 * 1024  # octets
LARGE_AT_ONCE = 2

_NO_LINE = re.compile(rb"\x00|\r(?!\n)|(?<!\r)\n")  # RFC 5322 §2.3, RFC 3501 §4.3: lines end in CRLF, and NUL is none


class Letterbox:
    """Fulfils `imap.store.Letterbox`; `has_gate` says whether only encrypted mail passes."""

    def __init__(self, appends: Appends, budget: Budget, folder: Path, disk: Disk, *, has_gate: bool) -> None:
        self._appends = appends
        self._disk = disk
        self._budget = budget
        self._folder = folder
        self._has_gate = has_gate
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)
        self._pool = ThreadPoolExecutor(LARGE_AT_ONCE, "append")

    def receive(self, account_id: int) -> Received:
        """See `imap.store.Letterbox`."""
        if self._disk.is_low:
            raise NoSpace
        return Received(self._budget, self._folder, str(account_id))

    async def put(self, account_id: int, name: str, messages: Sequence[Enclosed]) -> Put | NotPut:
        """See `imap.store.Letterbox`."""
        size = sum(_received(one.octets).size for one in messages)
        if any(_received(one.octets).has_failed for one in messages):
            raise TooMuch
        if size <= LARGE:
            return await self._appends.store(account_id, name, self._letters(messages))
        async with self._large:
            letters = await asyncio.get_running_loop().run_in_executor(self._pool, self._letters, messages)
            return await self._appends.store(account_id, name, letters)

    def close(self) -> None:
        """End the threads, once they have nothing to do."""
        self._pool.shutdown(wait=False)

    def _letters(self, messages: Sequence[Enclosed]) -> list[Letter]:
        """Return the messages as they are stored; raise Unfit."""
        return [self._letter(one) for one in messages]

    def _letter(self, enclosed: Enclosed) -> Letter:
        body = _received(enclosed.octets).read()
        if _NO_LINE.search(body):
            raise Unfit(reply.BARE_CR_LF.text)
        facts = message.read(body)
        verdict = gate.judge(facts)
        if self._has_gate and isinstance(verdict, Reject):
            raise Unfit(verdict.reply.text)
        return Letter(body, facts.header_size, enclosed.flags, enclosed.keywords, enclosed.dated)


def _received(octets: Arriving) -> Received:
    assert isinstance(octets, Received)
    return octets
