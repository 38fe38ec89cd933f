"""Ringing the bell from a thread without an event loop."""

from shared.queue import contract
from shared.queue.client import Away, open_sync


def ring(url: str, rings: list[tuple[int, int]]) -> None:
    """Say that mailboxes changed, as (mailbox id, modseq); Redis away is ignored, sessions look by themselves."""
    if not rings:
        return
    redis = open_sync(url)
    try:
        redis.publish(contract.BELL, contract.write(rings))
    except Away:
        return
    finally:
        redis.close()
