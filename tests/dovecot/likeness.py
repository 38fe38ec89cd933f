"""What two servers may say differently and mean the same; each rule says why. Nothing else is smoothed.

Strategy: each answer is brought into one form by itself, and the forms are compared.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from tests.dovecot.answers import CONDITIONS, Response, Value, Word

# Numbers that every server makes for itself (RFC 3501 §2.3.1.1, RFC 8474, RFC 7162).
_OWN_NUMBERS = frozenset({"UIDVALIDITY", "APPENDUID", "COPYUID"})
# Codes of extensions the other does not have: RFC 7162 §3.1.2, §3.2.11 (theirs), RFC 8474 §4.1 (ours).
_OWN_CODES = frozenset({"HIGHESTMODSEQ", "NOMODSEQ", "CLOSED", "MAILBOXID"})
# RFC 3501 §6.3.8: whether anything interesting has come is the server's guess.
_GUESSES = frozenset({"\\marked", "\\unmarked"})
_NAME_AT = {"LIST": 4, "LSUB": 4, "STATUS": 2}  # where the mailbox's name stands
_NUMBERED = re.compile(r"(BODY|BINARY)\[\d")

Like = tuple[object, ...]


def like(answer: Sequence[Response]) -> list[Like]:
    """Return what an answer means: untagged responses in order of their kind, and the tagged one."""
    untagged = [response for response in answer[:-1] if response.word not in ("RECENT", *CONDITIONS) or response.code]
    told = [one for response in _expunged(untagged) for one in _untagged(response)]
    # RFC 3501 §7: in which order responses of different kinds come is free; LIST's own order, too (§6.3.8).
    told.sort(key=lambda one: (str(one[0]), str(one[_NAME_AT[str(one[0])]]) if one[0] in _NAME_AT else ""))
    last = answer[-1]
    return [*told, (last.word, *_code(last.code))]


def _expunged(responses: Iterable[Response]) -> list[Response]:
    """Name messages by the numbers they had before the first of them went.

    RFC 3501 §7.4.1: a server may begin at either end, or tell of flags in between, which makes the numbers differ.
    """
    gone: list[int] = []
    kept = []
    for response in responses:
        number = response.number or 0
        for before in sorted(gone) if response.word in ("EXPUNGE", "FETCH") else ():
            number += before <= number
        if response.word == "EXPUNGE":
            gone.append(number)
        else:
            kept.append(replace(response, number=number) if response.word == "FETCH" else response)
    return [*kept, *(Response("*", "EXPUNGE", number) for number in sorted(gone))]


def _untagged(response: Response) -> Iterable[Like]:
    word, values = response.word, response.values
    if word in CONDITIONS:
        code = _code(response.code)
        if code:
            yield ("CODE", *code)
    elif word == "FETCH":
        assert len(values) == 1
        assert isinstance(values[0], tuple)
        # RFC 3501 §7.4.2: the items of one message come in any order.
        yield ("FETCH", response.number, *sorted(_items(values[0]), key=lambda item: str(item[0])))
    else:
        yield (word, response.number, *_KINDS.get(word, _as_it_is)(values))


def _code(code: tuple[Value, ...]) -> tuple[object, ...]:
    if not code:
        return ()
    name, *values = code
    if name in _OWN_CODES:
        return ()
    if name == "BADCHARSET":
        return (name,)  # RFC 3501 §7.1: which are known may be told or not
    if name in _OWN_NUMBERS:
        return (name, *values[1:])
    if name == "PERMANENTFLAGS":
        return (name, *_flags(tuple(values)))
    return (name, *values)


def _as_it_is(values: tuple[Value, ...]) -> tuple[object, ...]:
    return values


def _flags(values: tuple[Value, ...]) -> tuple[object, ...]:
    """Flags are a set, in any case (RFC 3501 §9); \\Recent is each session's own (§2.3.2) and gone in RFC 9051."""
    assert len(values) == 1
    assert isinstance(values[0], tuple)
    return (frozenset(str(flag).lower() for flag in values[0]) - {"\\recent"},)


def _listed(values: tuple[Value, ...]) -> tuple[object, ...]:
    attributes, delimiter, name, *more = values
    assert isinstance(attributes, tuple)
    told = frozenset(str(one).lower() for one in attributes) - _GUESSES
    if "\\nonexistent" in told:
        told -= {"\\noselect"}  # RFC 5258 §3: the one implies the other
    # RFC 5258 §6: what extended data are called is an astring.
    extended = [tuple(_astring(one) if isinstance(one, Word) else one for one in item) for item in _tuples(more)]
    return (told, delimiter, _astring(name), *extended)


def _tuples(values: Iterable[Value]) -> Iterable[tuple[Value, ...]]:
    return (value for value in values if isinstance(value, tuple))


def _status(values: tuple[Value, ...]) -> tuple[object, ...]:
    name, items = values
    assert isinstance(items, tuple)
    numbers = dict(zip(items[::2], items[1::2], strict=True))
    numbers.pop(Word("RECENT"), None)
    if "UIDVALIDITY" in numbers:
        numbers[Word("UIDVALIDITY")] = "its own"
    return (_astring(name), frozenset(numbers.items()))


def _esearch(values: tuple[Value, ...]) -> tuple[object, ...]:
    """RFC 4466 §2.6.2: the results come in any order, behind the tag and UID."""
    rest = list(values)
    tag = rest.pop(0) if rest and isinstance(rest[0], tuple) else None
    is_uid = bool(rest) and rest[0] == "UID"
    results = rest[1:] if is_uid else rest
    return (tag is not None, is_uid, frozenset(zip(map(str, results[::2]), map(str, results[1::2]), strict=True)))


_KINDS: dict[str, Callable[[tuple[Value, ...]], tuple[object, ...]]] = {
    "FLAGS": _flags,
    "LIST": _listed,
    "LSUB": _listed,
    "STATUS": _status,
    "ESEARCH": _esearch,
}


def _items(values: tuple[Value, ...]) -> Iterable[Like]:
    for name, value in zip(values[::2], values[1::2], strict=True):
        assert isinstance(name, Word)
        label = _label(name)
        if label == "FLAGS":
            yield (label, *_flags((value,)))
        elif label == "INTERNALDATE":
            # The same moment in the zone that the server likes (RFC 3501 §2.3.3).
            yield (label, _moment(value))
        elif label == "SAVEDATE":
            yield (label, value is None)  # when the server got it, by its own clock
        elif _NUMBERED.match(label) and value is None:
            yield (label, b"")  # a part that is not there: NIL, or nothing, as the server likes (RFC 3501 §9, nstring)
        elif label in ("BODY", "BODYSTRUCTURE"):
            yield (label, _structure(value))
        else:
            yield (label, value)


def _label(name: Word) -> str:
    """RFC 3501 §9: field names in any case, quoted or not."""
    return name.upper().replace('"', "")


def _moment(value: Value) -> float:
    assert isinstance(value, bytes)
    return datetime.strptime(value.decode("ascii").strip(), "%d-%b-%Y %H:%M:%S %z").timestamp()


def _astring(value: Value) -> Value:
    """A mailbox name is an astring: an atom, a number, a string, all the same (RFC 3501 §9)."""
    if value is None:
        return b"NIL"
    return str(value).encode("ascii") if isinstance(value, Word | int) else value


def _structure(value: Value) -> object:
    """Types, parameters' names, encodings and dispositions are the same in any case (RFC 2045 §5.1, §6.1; RFC 2183)."""
    assert isinstance(value, tuple)
    if isinstance(value[0], tuple):
        count = next(at for at, inner in enumerate(value) if not isinstance(inner, tuple))
        subtype, *extension = value[count:]
        told = [_parameters(extension[0]), *_extension(extension[1:])] if extension else []
        return ("multipart", *map(_structure, value[:count]), _upper(subtype), *told)
    kind, subtype, parameters, part_id, description, encoding, size, *rest = value
    said: list[object] = [_upper(kind), _upper(subtype), _parameters(parameters), part_id, description]
    said += [_upper(encoding), size]
    if (_upper(kind), _upper(subtype)) == (b"MESSAGE", b"RFC822") and rest and isinstance(rest[0], tuple):
        said += [rest[0], _structure(rest[1]), rest[2]]
        rest = rest[3:]
    elif _upper(kind) == b"TEXT":
        said.append(rest.pop(0))
    return (*said, rest[0], *_extension(rest[1:])) if rest else tuple(said)


def _extension(values: Sequence[Value]) -> list[object]:
    """Return disposition, language and location; one language may stand without parentheses (RFC 3501 §9)."""
    disposition, language, location = values
    if isinstance(disposition, tuple):
        kind, parameters = disposition
        shown: object = (_upper(kind), _parameters(parameters))
    else:
        shown = disposition
    return [shown, (language,) if isinstance(language, bytes) else language, location]


def _parameters(value: Value) -> object:
    if not isinstance(value, tuple):
        return value
    return tuple(_upper(one) if at % 2 == 0 else one for at, one in enumerate(value))


def _upper(value: Value) -> object:
    return value.upper() if isinstance(value, bytes) else value
