import pytest
from imap.content.seeker import PartReader, Seeker
from imap.content.structure import scan


@pytest.mark.parametrize("size", [1, 2, 7, 100])
def test_finds_across_pieces(size: int) -> None:
    text = "Only STRASSE and Grüße here"
    seeker = Seeker(["straße".casefold(), "grüsse", "absent", ""])
    for at in range(0, len(text), size):
        seeker.look(text[at : at + size])
    assert seeker.missing == {"absent"}


def test_texts_do_not_run_together() -> None:
    seeker = Seeker(["ab"])
    seeker.look("a")
    seeker.turn()
    seeker.look("b")
    assert seeker.missing == {"ab"}


def test_reads_a_part() -> None:
    message = b"Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: base64\r\n\r\nR3L8\r\n32U="
    part = scan(message, message.index(b"\r\n\r\n") + 4)
    reader = PartReader(part)
    said = "".join(reader.feed(message[at : at + 1]) for at in range(part.body, part.end)) + reader.finish()
    assert said == "Grüße"
