"""Tag lists, `name=value; name=value`: the form of signatures and key records alike (RFC 6376 §3.2)."""

import re

_NAME = re.compile(rb"[A-Za-z][A-Za-z0-9_]*+")
_WHITE = b" \t\r\n"


def read_tags(text: bytes) -> dict[bytes, bytes] | None:
    """Return the values by name, white space around them removed; None if it is no list or a name comes twice.

    Names keep their case, which tells them apart. The caller bounds the length; the cost is linear in it.
    """
    parts = text.split(b";")
    if len(parts) > 1 and not parts[-1].strip(_WHITE):
        parts.pop()
    found: dict[bytes, bytes] = {}
    for part in parts:
        name, equals, value = part.partition(b"=")
        name = name.strip(_WHITE)
        if not equals or name in found or not _NAME.fullmatch(name):
            return None
        found[name] = value.strip(_WHITE)
    return found
