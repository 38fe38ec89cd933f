"""Messages of which a bell told enough that the mailbox need not be asked.

Strategy: modseqs are gapless: whoever is one change behind, and hears that this change is the message with the next
UID, knows all there is to know. Whatever does not fit, a gap, another kind of change, a UID that is not the next, is
no error but a reason to look, as if nothing had been heard but the bell.
"""

from imap.view import View
from shared.mail.mailbox import Changes

MAX_HEARD = 64  # for who does not listen the mailbox is asked later


class Arrivals:
    """What one session has heard and not told."""

    __slots__ = ("_heard",)

    def __init__(self) -> None:
        self._heard: list[tuple[int, int, int]] = []

    def hear(self, modseq: int, uid: int, at: int) -> None:
        """Note a message that came `at` ms since 1970."""
        if len(self._heard) == MAX_HEARD:
            self._heard.clear()
        self._heard.append((modseq, uid, at))

    def take(self, view: View, heard: int, now: float) -> Changes | None:
        """Forget them all, and return them as changes if they lead from the view to the modseq heard; else None."""
        modseq, uidnext = view.modseq, view.uidnext
        arrived, waited = list[tuple[int, int]](), list[float]()
        for its_modseq, uid, at in self._heard:
            if its_modseq == modseq + 1 and uid == uidnext:
                modseq, uidnext = its_modseq, uid + 1
                arrived.append((uid, 0))
                waited.append(max(0.0, now - at / 1000))
        self._heard.clear()
        return Changes(modseq, uidnext, arrived, (), (), waited) if arrived and modseq >= heard else None
