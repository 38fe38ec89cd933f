"""Parameters in binary: the same octets that psycopg makes of them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.adapt import PyFormat, Transformer
from psycopg.types.numeric import Int2, Int4, Int8

from shared.storage.binary import NotEncoded, encoder

_SMALL = st.integers(-(2**15), 2**15 - 1)
_INT = st.integers(-(2**31), 2**31 - 1)
_BIG = st.integers(-(2**63), 2**63 - 1)
_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
_FLOAT = st.floats(allow_nan=False)
# By the type's pg_type.oid: what it holds, and how to tell psycopg which type is meant.
TYPES: dict[int, tuple[st.SearchStrategy[Any], Any]] = {
    16: (st.booleans(), bool),
    17: (st.binary(), bytes),
    20: (_BIG, Int8),
    21: (_SMALL, Int2),
    23: (_INT, Int4),
    25: (_TEXT, str),
    701: (_FLOAT, float),
}
ARRAYS = {16: 1000, 17: 1001, 20: 1016, 21: 1005, 23: 1007, 25: 1009, 701: 1022}


def by_psycopg(value: Any) -> bytes:
    return bytes(Transformer().get_dumper(value, PyFormat.BINARY).dump(value) or b"")


@pytest.mark.parametrize("oid", TYPES)
@given(data=st.data())
def test_one_value_is_as_psycopg_has_it(oid: int, data: st.DataObject) -> None:
    values, kind = TYPES[oid]
    value = data.draw(values)
    assert encoder(oid)(value) == by_psycopg(kind(value))


@pytest.mark.parametrize("oid", TYPES)
@given(data=st.data())
def test_a_list_is_as_psycopg_has_it(oid: int, data: st.DataObject) -> None:
    values, kind = TYPES[oid]
    drawn = data.draw(st.lists(st.none() | values, min_size=1).filter(lambda found: set(found) != {None}))
    transformer = Transformer()
    meant = [None if value is None else kind(value) for value in drawn]
    dumper = transformer.get_dumper(meant, PyFormat.BINARY)
    assert encoder(ARRAYS[oid])(drawn) == bytes(dumper.upgrade(meant, PyFormat.BINARY).dump(meant) or b"")


@pytest.mark.parametrize("oid", ARRAYS.values())
def test_an_empty_list_has_no_dimension(oid: int) -> None:
    assert encoder(oid)([])[:8] == bytes(8)


def test_a_rare_type_has_no_short_way() -> None:
    with pytest.raises(NotEncoded):
        encoder(600)  # point
