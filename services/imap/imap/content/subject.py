"""The base subject, by which replies and forwards belong together (RFC 5256 §2.1)."""

import re

MAX_SUBJECT = 1000  # letters that are read

_LEADER = re.compile(r"\s+|(?:\[[^\[\]]*\]\s*)*(?:re|fwd?)\s*(?:\[[^\[\]]*\]\s*)?:", re.IGNORECASE)
_BLOB = re.compile(r"\[[^\[\]]*\]\s*")


def base_subject(subject: str) -> tuple[str, bool]:
    """Return the base of a decoded subject, case folded, and whether it was a reply or a forward."""
    rest = " ".join(subject[:MAX_SUBJECT].split())
    is_reply = False
    while True:
        rest, is_shorter = _without_trailer(rest)
        is_reply |= is_shorter
        rest, is_shorter = _without_leaders(rest)
        is_reply |= is_shorter
        if not (rest[:5].lower() == "[fwd:" and rest.endswith("]")):
            return rest.casefold(), is_reply
        rest, is_reply = rest[5:-1], True


def _without_trailer(rest: str) -> tuple[str, bool]:
    is_reply = False
    while True:
        rest = rest.rstrip()
        if rest[-5:].lower() != "(fwd)":
            return rest, is_reply
        rest, is_reply = rest[:-5], True


def _without_leaders(rest: str) -> tuple[str, bool]:
    """Take away `Re:` and its like, and `[words]` as long as something is left."""
    is_reply = False
    while True:
        if match := _LEADER.match(rest):
            is_reply |= bool(match[0].strip())
            rest = rest[match.end() :]
        elif (match := _BLOB.match(rest)) and match.end() < len(rest):
            rest = rest[match.end() :]
        else:
            return rest, is_reply
