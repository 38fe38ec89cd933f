"""Looks for texts in a text that comes in pieces."""

from collections.abc import Iterable

from imap.content.charset import text_decoder
from imap.content.part import Part
from imap.content.transfer import decoder


class Seeker:
    """Looks for case-folded texts; `missing` are those not found yet. Keeps no more than the longest of them."""

    def __init__(self, wanted: Iterable[str]) -> None:
        self.missing = {text for text in wanted if text}  # an empty one is everywhere
        self._overlap = max(map(len, self.missing), default=1) - 1
        self._tail = ""

    def look(self, piece: str) -> None:
        """Look into the next piece."""
        window = self._tail + piece.casefold()
        self.missing -= {text for text in self.missing if text in window}
        self._tail = window[-self._overlap :] if self._overlap else ""

    def turn(self) -> None:
        """What follows is another text."""
        self._tail = ""


class PartReader:
    """Turns the octets of a part, slice by slice, into text."""

    def __init__(self, part: Part) -> None:
        self._octets = decoder(part.encoding) or decoder(b"binary")
        self._text = text_decoder(part.type.says(b"charset") or b"utf-8")

    def feed(self, data: bytes) -> str:
        """Return what a slice says."""
        assert self._octets is not None
        return self._text.decode(self._octets.feed(data))

    def finish(self) -> str:
        """Return the rest."""
        assert self._octets is not None
        return self._text.decode(self._octets.finish(), True)
