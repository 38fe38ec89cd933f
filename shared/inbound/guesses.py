"""How many unknown names may be asked for, and what is said beyond that.

Strategy: one user of a large server must not be able to shut that server out of ours, so a sender's guesses count for
that sender. Because a server may invent senders, what all of them guess counts for the server too, thirty times as
generously. Beyond either limit known and unknown names are answered alike, and nobody is looked up. The table of
senders cannot be flooded: a source that is over its own limit leaves nothing in it.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import TypeVar

from shared import abuse
from shared.address import Address
from shared.listen.pace import SourcePace
from shared.listen.ticket import Ip
from shared.mail import reply
from shared.mail.reply import Reply
from shared.policy.pace import Rate

OF_SENDER = Rate(per_minute=20, burst=20)
OF_SOURCE = Rate(per_minute=600, burst=600)

_GUESSED = (reply.NO_SUCH_USER, reply.RELAYING_DENIED)

_WORDS: dict[Reply, abuse.Word] = {
    reply.RELAYING_DENIED: "relay_attempt",
    reply.TOO_MANY_UNKNOWN: "unknown_recipients",
    reply.TOO_MANY_ERRORS: "unknown_recipients",
}

Judged = TypeVar("Judged")


class Guesses:
    """Counts the names a source asked for in vain: `source` is a keyed hash, a sender of None the null sender."""

    def __init__(
        self, of_sender: Rate = OF_SENDER, of_source: Rate = OF_SOURCE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._senders = SourcePace(of_sender, clock)
        self._sources = SourcePace(of_source, clock)

    def refusal(self, source: str, sender: Address | None) -> Reply | None:
        """Return what every name is answered with, known or not, or None while there are guesses left."""
        return self._refusal(source, _key(source, sender))

    def tell(
        self, source: str, sender: Address | None, judged: Mapping[Address, Judged | Reply]
    ) -> dict[Address, Judged | Reply]:
        """Count the names that do not exist, or are not ours, in their order; return what may be told of each."""
        key, told = _key(source, sender), dict[Address, Judged | Reply]()
        for address, answer in judged.items():
            told[address] = self._refusal(source, key) or answer
            if told[address] in _GUESSED:
                self._sources.count(source)
                self._senders.count(key)
        return told

    def _refusal(self, source: str, key: str) -> Reply | None:
        if not self._sources.may_go(source):
            return reply.TOO_MANY_ERRORS
        return None if self._senders.may_go(key) else reply.TOO_MANY_UNKNOWN


def tell_firewall(peer: Ip, answers: Iterable[object]) -> None:
    """Write down in the abuse log who asked for what it should not, once for the answers of one question."""
    for word in {_WORDS[answer] for answer in answers if isinstance(answer, Reply) and answer in _WORDS}:
        abuse.tell(word, peer)


def _key(source: str, sender: Address | None) -> str:
    """Return what a sender is counted by, which is no address."""
    return sha256(f"{source} <{sender or ''}>".encode()).hexdigest()
