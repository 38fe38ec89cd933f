"""Reads the arguments of MAIL and RCPT (RFC 5321 §4.1.1.2, §4.1.1.3, §4.1.2).

Strategy: `<`, what `shared.address` takes for an address, `>`, parameters. No source route, no quoted local part, no
comment; a reader of message headers has no business here. Wrong input is answered by the reply it deserves.
"""

import re
from dataclasses import dataclass

from shared import address
from shared.address import Address, AddressError
from shared.mail import reply
from shared.mail.reply import Reply

_ARGUMENT = re.compile(r" ?<([^<>]*)>((?: +[^ ]+)*) *")
_KEYWORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_SIZE = re.compile(r"[0-9]{1,20}")  # RFC 1870 §4


@dataclass(frozen=True, slots=True)
class Reverse:
    """MAIL's argument: who sends (None is the null sender), and whether its addresses may be UTF-8 (RFC 6531)."""

    address: Address | None
    is_utf8: bool


def read_mail(argument: str, max_size: int) -> Reverse | Reply:
    """Read what follows `MAIL `."""
    match = _match("FROM:", argument)
    if match is None:
        return reply.BAD_SENDER
    path, parameters = match
    is_utf8 = any(parameter.upper() == "SMTPUTF8" for parameter in parameters)
    if not path.isascii() and not is_utf8:
        return reply.NOT_ASCII
    try:
        sender = address.parse(path, may_be_utf8=is_utf8) if path else None
    except AddressError:
        return reply.BAD_SENDER
    return _judge_parameters(parameters, max_size) or Reverse(sender, is_utf8)


def read_rcpt(argument: str, *, may_be_utf8: bool, domain: str = "") -> Address | Reply:
    """Read what follows `RCPT `; `<postmaster>` alone is that of `domain`, if given (RFC 5321 §4.1.1.3, §4.5.1)."""
    match = _match("TO:", argument)
    if match is None:
        return reply.BAD_RECIPIENT
    path, parameters = match
    if not path.isascii() and not may_be_utf8:
        return reply.NOT_ASCII
    if domain and path.lower() == "postmaster":
        path = f"postmaster@{domain}"
    try:
        recipient = address.parse(path, may_be_utf8=may_be_utf8)
    except AddressError:
        return reply.BAD_RECIPIENT
    return reply.UNKNOWN_PARAMETER if parameters else recipient


def _match(word: str, argument: str) -> tuple[str, list[str]] | None:
    if argument[: len(word)].upper() != word:
        return None
    match = _ARGUMENT.fullmatch(argument, len(word))
    return (match[1], match[2].split()) if match else None


def _judge_parameters(parameters: list[str], max_size: int) -> Reply | None:
    seen: set[str] = set()
    for parameter in parameters:
        keyword, _, value = parameter.partition("=")
        keyword = keyword.upper()
        if keyword in seen or not _KEYWORD.fullmatch(keyword):
            return reply.BAD_SYNTAX
        seen.add(keyword)
        wrong = _judge_parameter(keyword, value, parameter, max_size)
        if wrong:
            return wrong
    return None


def _judge_parameter(keyword: str, value: str, parameter: str, max_size: int) -> Reply | None:
    match keyword:
        case "SIZE":
            if not _SIZE.fullmatch(value):
                return reply.BAD_SYNTAX
            return reply.TOO_LARGE if int(value) > max_size else None
        case "BODY":
            return None if value.upper() in ("7BIT", "8BITMIME") else reply.BAD_SYNTAX
        case "SMTPUTF8":
            return reply.BAD_SYNTAX if "=" in parameter else None
        case _:
            return reply.UNKNOWN_PARAMETER
