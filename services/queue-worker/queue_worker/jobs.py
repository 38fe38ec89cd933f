"""What RQ may run here: the functions that `shared.queue.contract` names, each on one integer.

A job is a doorbell. It asks for something to be looked at now rather than at the next sweep, and returns.
"""

from collections.abc import Callable

Doorbell = Callable[[int], None]

_bells: dict[str, Doorbell] = {}


def serve(*, trim: Doorbell, deliver: Doorbell, push: Doorbell) -> None:
    """Say who hears the bells, once, before the first job runs; they are rung from RQ's thread."""
    _bells.update(trim=trim, deliver=deliver, push=push)


def trim(mailbox_id: int) -> None:
    """A mailbox's account is nearly full."""
    _bells["trim"](mailbox_id)


def deliver(destination_id: int) -> None:
    """Mail waits for a destination."""
    _bells["deliver"](destination_id)


def push(_: int) -> None:
    """Somebody's devices are to be told."""
    _bells["push"](0)
