"""What the corpus of tests/gate cannot show: limits of the search and boundaries at their edges."""

import pytest

from shared.mail.message import read
from tests.gate.recipe import Recipe, packet

RECIPE = Recipe(packet(18, b"\1" + b"y" * 200))


def with_boundary(boundary: bytes) -> bytes:
    return RECIPE.but(media=RECIPE.media.replace(RECIPE.boundary, boundary), boundary=boundary)


@pytest.mark.parametrize("boundary", [b"b", b"b" * 70, b"'()+_,-./:=?", b"=_---", b"--", b"0", b"A.9"])
def test_boundary(boundary: bytes) -> None:
    assert read(with_boundary(boundary)).is_encrypted


@pytest.mark.parametrize("boundary", [b"b" * 71, b"b" * 2049, b"b ", b"a b", b"\xc3\xa9", b"a*b", b"a\tb", b"<b>"])
def test_no_boundary(boundary: bytes) -> None:
    assert not read(with_boundary(boundary)).is_encrypted


@pytest.mark.parametrize(("length", "is_encrypted"), [(800, True), (1100, False), (100_000, False)])
def test_header_of_a_part(length: int, is_encrypted: bool) -> None:
    field = b"Content-Description:" + b" " * length + b"OpenPGP encrypted message\r\n"
    assert read(RECIPE.but(second_header=RECIPE.second_header + field)).is_encrypted is is_encrypted


DESCRIPTIONS = {
    b"PGP/MIME version identification": True,
    b"PGP/MIME Versions Identification": True,
    b"OpenPGP encrypted message": True,
    b"openpgp ENCRYPTED message": True,
    b"PGP/MIME encrypted message": True,
    b"This is a digitally encrypted message part": True,
    b"": False,
    b"OpenPGP encrypted message.": False,
    b"OpenPGP  encrypted message": False,
    b"See you at noon": False,
    b"OpenPGP encrypted message: " + b"see you at noon " * 50: False,
}


@pytest.mark.parametrize("description", DESCRIPTIONS, ids=lambda text: ascii(text)[:40])
def test_description_of_a_part(description: bytes) -> None:
    field = b"Content-Description: " + description + b"\r\n"
    for header in ("first_header", "second_header"):
        raw = RECIPE.but(**{header: getattr(RECIPE, header) + field})
        assert read(raw).is_encrypted is DESCRIPTIONS[description]


DISPOSITIONS = {
    b"inline": True,
    b"Attachment;": True,
    b'inline; filename="encrypted.asc"': True,
    b"inline;filename=msg.asc ;": True,
    b"attachment; filename=" + b"f" * 64: True,
    b'attachment; filename=""; size=12': True,
    b"attachment; filename=" + b"f" * 65: False,
    b'attachment; filename="see you.asc"': False,
    b'attachment; filename="msg.asc': False,
    b"attachment; filename=a; filename=b": False,
    b"attachment; filename*=utf-8''see%20you": False,
    b"attachment; size=" + b"1" * 11: False,
    b"attachment; note=noon": False,
    b"noon": False,
    b"inline (noon)": False,
    b"inline noon": False,
}


@pytest.mark.parametrize("disposition", DISPOSITIONS, ids=lambda text: ascii(text)[:40])
def test_disposition_of_a_part(disposition: bytes) -> None:
    field = b"Content-Disposition: " + disposition + b"\r\n"
    raw = RECIPE.but(second_header=RECIPE.second_header + field)
    assert read(raw).is_encrypted is DISPOSITIONS[disposition]


@pytest.mark.parametrize(("lines", "is_encrypted"), [(1, True), (200, True), (1000, False), (100_000, False)])
def test_empty_lines_at_the_end(lines: int, is_encrypted: bool) -> None:
    assert read(RECIPE.but(epilogue=b"\r\n" * lines)).is_encrypted is is_encrypted


def test_delimiter_is_a_line_of_its_own() -> None:
    raw = RECIPE.render()
    delimiter = b"--" + RECIPE.boundary
    assert not read(raw.replace(b"\r\n" + delimiter, b"\r\nx" + delimiter)).is_encrypted
    assert not read(raw.replace(delimiter + b"\r\n", delimiter + b"x\r\n", 1)).is_encrypted


def test_hundred_thousand_empty_parts() -> None:
    part = b"--" + RECIPE.boundary + b"\r\n\r\n"
    assert not read(RECIPE.but(preamble=b"\r\n" + part * 100_000)).is_encrypted
    assert not read(RECIPE.but(further=part * 100_000)).is_encrypted
