"""What may come between us and a certificate."""

from collections.abc import Sequence


class Trouble(Exception):
    """No certificate this time: `word` says why, `names` which names of ours it is about, `retry` is in seconds.

    A word is one of RFC 8555 §6.7's error types, or one of ours: "unresolved", "unfit name", "away" (the authority does
    not answer), "timeout", "bad certificate", "interrupted", or "refused" for whatever has no word.
    """

    def __init__(self, word: str, names: Sequence[str] = (), retry: float = 0.0) -> None:
        super().__init__(word)
        self.word = word
        self.names = tuple(names)
        self.retry = retry
