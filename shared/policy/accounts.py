"""Which names and passwords may become an account, and how new ones are made up.

Strategy: one rule for every way in (first login, `/new`, the page, the operator's command), so that closing one
closes all. Randomness comes in as an argument: this room is pure. Defaults follow the clients, not taste:
Delta Chat invents names of 9 characters and passwords of 22 and never asks what the server would like.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from shared.address import Address

MAX_PASSWORD = 128  # octets; what follows a login is hashed, so its size is bounded
NAME_LENGTH = 9
PASSWORD_LENGTH = 22  # of 62 letters and digits: 130 bits

_NAME = re.compile(r"[a-z0-9._-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NAME_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_PASSWORD_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + _NAME_LETTERS

# Whoever holds one of these speaks for the server: RFC 2142, the mailboxes a certificate authority writes to
# (CA/Browser Forum baseline requirements §3.2.2.4.4), and what people take for official.
_OFFICIAL = """
abuse admin administrator billing bounce bounces chatmail contact daemon delta deltachat devnull dmarc echobot everyone
ftp help hostmaster info legal mail mailer mailer-daemon marketing moderator news no-reply nobody noc noreply
notification notifications operator postmaster privacy register registration root sales security server service
ssladmin ssladministrator ssl-admin staff support sysadmin system tls-reports tlsrpt usenet uucp webmaster www
"""
RESERVED = frozenset(_OFFICIAL.split())

RandomBytes = Callable[[int], bytes]


class Judgement(StrEnum):
    """What the rule says of a name or a password."""

    ACCEPTED = "accepted"
    FOREIGN_DOMAIN = "the domain is not served here"
    BAD_CHARACTERS = "only a-z, 0-9, dot, hyphen and underscore are allowed"
    TOO_SHORT = "the name is too short"
    TOO_LONG = "the name is too long"
    RESERVED = "the name is reserved"
    WEAK_PASSWORD = "the password is too short"  # noqa: S105 - a verdict, not a secret
    LONG_PASSWORD = "the password is too long"  # noqa: S105
    BAD_PASSWORD = "the password holds control characters"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Rules:
    """The operator's choices: name lengths in characters, the password's least length in octets."""

    username_min: int
    username_max: int
    password_min: int
    domains: frozenset[str]


_NO_RULES = Rules(1, 64, 1, frozenset())


class Minted(NamedTuple):
    """A fresh name and the password that goes with it."""

    local: str
    password: str


def judge_name(address: Address, rules: Rules, *, may_be_reserved: bool = False) -> Judgement:
    """Say whether an account of this address may be made; `may_be_reserved` is the operator's privilege.

    A reserved name the operator asks for may also be shorter or longer than the rule for everyone.
    """
    if address.domain not in rules.domains:
        return Judgement.FOREIGN_DOMAIN
    if not _NAME.fullmatch(address.local):
        return Judgement.BAD_CHARACTERS
    if address.local in RESERVED:
        return Judgement.ACCEPTED if may_be_reserved else Judgement.RESERVED
    if len(address.local) < rules.username_min:
        return Judgement.TOO_SHORT
    return Judgement.TOO_LONG if len(address.local) > rules.username_max else Judgement.ACCEPTED


def judge_password(password: str, rules: Rules) -> Judgement:
    """Say whether a new account may have this password."""
    try:
        size = len(password.encode())
    except UnicodeEncodeError:  # a lone surrogate: no client types one
        return Judgement.BAD_PASSWORD
    if size < rules.password_min:
        return Judgement.WEAK_PASSWORD
    if size > MAX_PASSWORD:
        return Judgement.LONG_PASSWORD
    return Judgement.BAD_PASSWORD if _CONTROL.search(password) else Judgement.ACCEPTED


def may_be_password(password: str) -> bool:
    """Tell whether any account could have this password: what is not is not worth a hash."""
    return judge_password(password, _NO_RULES) is Judgement.ACCEPTED


def judge(address: Address, password: str, rules: Rules) -> Judgement:
    """Say whether a first login with these may make an account."""
    judgement = judge_name(address, rules)
    return judge_password(password, rules) if judgement is Judgement.ACCEPTED else judgement


def mint(random_bytes: RandomBytes, rules: Rules) -> Minted:
    """Make up a name and a password that the rules accept; `random_bytes(n)` returns n unpredictable octets."""
    length = max(rules.username_min, min(NAME_LENGTH, rules.username_max))
    local = _draw(random_bytes, _NAME_LETTERS, length)
    while local in RESERVED:  # "webmaster" has nine letters
        local = _draw(random_bytes, _NAME_LETTERS, length)
    return Minted(local, _draw(random_bytes, _PASSWORD_LETTERS, max(PASSWORD_LENGTH, rules.password_min)))


def _draw(random_bytes: RandomBytes, letters: str, length: int) -> str:
    # Octets above the largest multiple of the alphabet are thrown away: a plain modulo favours its first letters.
    fair = 256 - 256 % len(letters)
    drawn = ""
    while len(drawn) < length:
        drawn += "".join(letters[octet % len(letters)] for octet in random_bytes(length) if octet < fair)
    return drawn[:length]
