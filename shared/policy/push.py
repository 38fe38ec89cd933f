"""Device tokens: what may be one, and when to tell one again.

Strategy: a token is opaque. The device encrypts its own address to the push service, so that all we can know is that
it is short and of printable ASCII without spaces: it goes into lists divided by spaces and into other people's logs.
"""

import re
from dataclasses import dataclass

MAX_TOKEN = 4096  # octets; Delta Chat's have at most as many
MAX_TOKENS = 20  # of an account: one a device
VALID_DAYS = 90  # since a device set it last

TOLD = 200
GONE = 410

_TOKEN = re.compile(rb"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Patience:
    """Again `step` to the power of n seconds after the n-th failure, up to `total` seconds after the mail came."""

    step: float = 8.0
    total: float = 5 * 3600.0


@dataclass(frozen=True, slots=True)
class Done:
    """The device is told."""


@dataclass(frozen=True, slots=True)
class Forget:
    """The push service knows no such device."""


@dataclass(frozen=True, slots=True)
class Again:
    """To be told again in so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Too late: whoever was to be told has looked meanwhile, or does not care."""


Outcome = Done | Forget | Again | GiveUp


def is_token(value: bytes) -> bool:
    """Say whether a device's word of itself is fit to be kept and passed on, given that it is not too long."""
    return _TOKEN.fullmatch(value) is not None


def judge(status: int, attempts: int, age: float, patience: Patience) -> Outcome:
    """Judge an HTTP status (0: no answer) after `attempts` that failed before, `age` seconds after the mail came."""
    if status == TOLD:
        return Done()
    if status == GONE:
        return Forget()
    # Capped, since a power that nobody waits for may be too large for a float.
    seconds = patience.step ** min(attempts + 1, 10)
    return Again(seconds) if age + seconds <= patience.total else GiveUp()
