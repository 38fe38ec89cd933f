"""How a received message is worked on and stored, whatever door it came through.

Strategy: a small message is read and judged where it is, a large one on a thread, two at a time (design §4.9). What is
being committed is not abandoned: the client may hang up and our own deadline may pass, the commit goes on.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import ParamSpec, Protocol, TypeVar

from shared.delivery import Delivered, Full, Gone, Incoming, Outcome, Overdrawn
from shared.mail import reply
from shared.mail.reply import Reply
from shared.mail.trouble import NoSpace, Unavailable

LARGE = 256 * 1024  # octets
LARGE_AT_ONCE = 2

P = ParamSpec("P")
T = TypeVar("T")


class Delivery(Protocol):
    """`shared.delivery.Delivery`."""

    async def deliver(self, incoming: Incoming) -> Outcome:
        """Deliver to all or none; raise Unavailable or NoSpace."""


class Intake:
    """One service's way from a received message to a stored one."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)
        self._pool = ThreadPoolExecutor(LARGE_AT_ONCE, "large")
        self._storing: set[asyncio.Future[Outcome]] = set()

    @property
    def storing(self) -> int:
        """How many messages are being committed."""
        return len(self._storing)

    def turn(self, size: int) -> AbstractAsyncContextManager[None]:
        """Return what to enter before working on or storing a message of `size` octets: large ones wait for it."""
        return self._large if size > LARGE else nullcontext()

    async def work(self, size: int, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what the function makes of a message of `size` octets, on a thread if it is large."""
        if size <= LARGE:
            return function(*args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: function(*args, **kwargs))

    async def store(self, incoming: Incoming) -> Reply:
        """Store, and say how it went: ACCEPTED only once it cannot be lost."""
        storing = asyncio.ensure_future(self._delivery.deliver(incoming))
        self._storing.add(storing)
        storing.add_done_callback(self._forget)
        try:
            return _told(await asyncio.shield(storing))
        except NoSpace:
            return reply.NO_SPACE
        except Unavailable:
            return reply.TROUBLE

    def _forget(self, storing: "asyncio.Future[Outcome]") -> None:
        self._storing.discard(storing)
        if not storing.cancelled():
            storing.exception()  # seen, also when nobody waits for it any more


def _told(outcome: Outcome) -> Reply:
    match outcome:
        case Delivered():
            return reply.ACCEPTED
        case Full():
            return reply.MAILBOX_JUST_FULL
        case Overdrawn():
            return reply.TOO_MUCH_WAITING
        case Gone():
            return reply.NO_SUCH_USER
