"""A letter to many recipients, in transactions that a server takes.

Strategy: 100 recipients are what every server must take in one (RFC 5321 §4.5.3.1.8), so no transaction names more.
Some take fewer and answer the rest with 452: those get a transaction of their own at once (§4.5.3.1.10), and the later
ones name no more than were taken. How many there may be is bounded; whom they do not reach waits for the next try.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from queue_worker.transport.values import Letter, Outcome, Result, Stopped, try_later

MOST = 100
MAX_MORE = 20  # transactions more than a letter needs where 100 are taken

LEFT_OUT = try_later("4.5.3", "The server takes too few recipients at once", code=452, is_of_destination=False)

# What says that there were too many; the RFC wants 552 of old servers read in the same way. Some say 452 and no more.
_TOO_MANY = {(452, "4.5.3"), (452, "4.0.0"), (552, "5.5.3")}


async def send(letter: Letter, transact: Callable[[Letter], Awaitable[list[Result]]]) -> list[Result]:
    """Return a result for each recipient in their order; raise Stopped only while nobody was judged."""
    results = [LEFT_OUT] * len(letter.recipients)
    waiting, most = list(range(len(results))), MOST
    for turn in range(len(results) // MOST + 1 + MAX_MORE):
        portion, waiting = waiting[:most], waiting[most:]
        if not portion:
            break
        try:
            answers = await transact(replace(letter, recipients=tuple(letter.recipients[at] for at in portion)))
        except Stopped as stopped:
            if not turn:
                raise
            return _with(results, portion + waiting, [stopped.result] * len(portion + waiting))
        results = _with(results, portion, answers)
        left = [at for at, answer in zip(portion, answers, strict=True) if (answer.code, answer.enhanced) in _TOO_MANY]
        if left and any(answer.outcome is Outcome.DELIVERED for answer in answers):
            waiting, most = left + waiting, max(portion.index(left[0]), 1)
    return results


def _with(results: list[Result], places: list[int], answers: list[Result]) -> list[Result]:
    known = dict(zip(places, answers, strict=True))
    return [known.get(at, result) for at, result in enumerate(results)]
