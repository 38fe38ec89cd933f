"""Parameters in Postgres's binary form, by the type that Postgres wants.

Strategy: what lanes send is numbers, texts and octets, and lists of them: a few types, each one `struct` call or none.
That is a tenth of what a driver does that has to find out the type of every value first.
"""

import struct
from collections.abc import Callable, Sequence
from typing import Any

Encode = Callable[[Any], bytes]

_NULL = b"\xff\xff\xff\xff"  # the length of what is not there
_LENGTH = struct.Struct(">i")
_HEADER = struct.Struct(">iiIii")  # dimensions, whether there are NULLs, type of an element, elements, first index
_EMPTY = struct.Struct(">iiI")


class NotEncoded(Exception):
    """There is no short way for this type."""


def encoder(oid: int) -> Encode:
    """Return what makes octets of a value of this type (`pg_type.oid`); raise NotEncoded."""
    try:
        return _ENCODERS[oid]
    except KeyError:
        raise NotEncoded from None


def _fixed(form: str) -> Encode:
    return struct.Struct(f">{form}").pack


def _text(value: str) -> bytes:
    return value.encode()


def _octets(value: bytes) -> bytes:
    return value


def _array(oid: int, encode: Encode) -> Encode:
    def array(values: Sequence[Any]) -> bytes:
        if not values:
            return _EMPTY.pack(0, 0, oid)
        parts = [_HEADER.pack(1, None in values, oid, len(values), 1)]
        for value in values:
            octets = None if value is None else encode(value)
            parts += (_NULL,) if octets is None else (_LENGTH.pack(len(octets)), octets)
        return b"".join(parts)

    return array


def _numbers(oid: int, form: str, size: int) -> Encode:
    """As `_array`; numbers that are all there are packed at one go."""
    one_by_one = _array(oid, _fixed(form))

    def numbers(values: Sequence[Any]) -> bytes:
        if not values or None in values:
            return one_by_one(values)
        count = len(values)
        flat: list[Any] = [size] * (2 * count)
        flat[1::2] = values
        return struct.pack(">iiIii" + f"i{form}" * count, 1, 0, oid, count, 1, *flat)

    return numbers


# By pg_type.oid: of the type and of its array.
_SCALARS: dict[int, Encode] = {
    16: _fixed("?"),
    17: _octets,
    20: _fixed("q"),
    21: _fixed("h"),
    23: _fixed("i"),
    25: _text,
    701: _fixed("d"),
}
_ENCODERS: dict[int, Encode] = _SCALARS | {
    1000: _numbers(16, "?", 1),
    1001: _array(17, _octets),
    1005: _numbers(21, "h", 2),
    1007: _numbers(23, "i", 4),
    1009: _array(25, _text),
    1016: _numbers(20, "q", 8),
    1022: _numbers(701, "d", 8),
}
