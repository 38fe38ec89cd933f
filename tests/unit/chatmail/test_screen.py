"""The drawn code can be scanned; nothing that happens to the terminal stops the suite."""

import io

import pytest
import zxingcpp
from PIL import Image

from chatmail import screen
from chatmail.screen import Screen, draw

LINK = "dclogin:abcdefghi@[127.0.0.1]/?p=ABCDEFGHIJKLMNOPQRSTUV&v=1&ih=127.0.0.1&ip=10993&sh=127.0.0.1&sp=10465"
UPPER, LOWER = "▀█", "▄█"


def scanned(drawing: str, *, ink: int) -> str:
    """Read the code as a camera would: each half block is a square of `ink`, the rest its opposite."""
    rows = [row for line in drawing.splitlines() for row in ([c in UPPER for c in line], [c in LOWER for c in line])]
    image = Image.new("L", (len(rows[0]), len(rows)), 255 - ink)
    image.putdata([ink if square else 255 - ink for row in rows for square in row])
    image = image.resize((image.width * 8, image.height * 8), Image.Resampling.NEAREST)
    (code,) = zxingcpp.read_barcodes(image, try_invert=False)
    return str(code.text)


@pytest.mark.parametrize("link", [LINK, LINK + "x" * 40])
def test_the_code_can_be_scanned(link: str) -> None:
    plain = draw(screen._matrix(link), has_colours=False)
    assert scanned(plain, ink=255) == link  # light squares on a dark terminal
    coloured = draw(screen._matrix(link), has_colours=True)
    squares = coloured.replace(screen._BLACK_ON_WHITE, "").replace(screen._PLAIN, "")
    assert scanned(squares, ink=0) == link


def test_a_narrow_terminal_gets_no_broken_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    assert "too narrow" in Screen(io.StringIO(), io.StringIO()).qr(LINK)


def test_logs_are_heard_only_after_the_answer() -> None:
    out, err = io.StringIO(), io.StringIO()
    shown = Screen(out, err)
    shown.hear("imap", "early")
    shown.show("answer\n")
    shown.hear("imap", "late")
    assert (out.getvalue(), err.getvalue()) == ("answer\n", "late\n")


def test_a_closed_terminal_does_no_harm() -> None:
    gone = io.StringIO()
    gone.close()
    Screen(gone, gone).say("hello")


def test_a_terminal_without_blocks_gets_the_rest() -> None:
    raw = io.BytesIO()
    ascii_only = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    Screen(ascii_only, ascii_only).show("█ link\n")
    assert raw.getvalue() == b"? link\n"
