"""What RQ may run here: the functions that `shared.queue.contract` names, each on one integer.

A job is a doorbell. It asks the housekeeper to look at something now rather than at the next sweep, and returns.
"""

from queue_worker.housekeeping import Housekeeper

_housekeeper: Housekeeper | None = None


def serve(housekeeper: Housekeeper) -> None:
    """Say who does the work, once, before the first job runs."""
    global _housekeeper
    _housekeeper = housekeeper


def trim(mailbox_id: int) -> None:
    """Ask for a nearly full account to be trimmed; what is full already is done, and twice does no harm."""
    if _housekeeper:
        _housekeeper.trim_soon(mailbox_id)
