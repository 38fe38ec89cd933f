"""The letterbox: what it takes, what it refuses, and what it holds meanwhile."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from imap.letterbox import LARGE, Letterbox
from imap.store import Enclosed, Letter, NoSpace, NotPut, Put, TooMuch, Unfit

from shared.listen.disk import Disk
from shared.smtp.spool import Budget
from tests.people import encrypted_letter

SEALED = encrypted_letter("ann@here.test")
PLAIN = b"Subject: x\r\n\r\nin the clear\r\n"


class Appends:
    """Remembers what it was given."""

    def __init__(self) -> None:
        self.letters: Sequence[Letter] = ()

    async def store(self, account_id: int, name: str, letters: Sequence[Letter]) -> Put | NotPut:
        self.letters = letters
        return Put(account_id, 1, 2, 3)


def letterbox(
    folder: Path, appends: Appends, *, has_gate: bool = True, octets: int = 4_000_000, free: int = 0
) -> Letterbox:
    return Letterbox(appends, Budget(octets), folder, Disk(folder, free), has_gate=has_gate)  # type: ignore[arg-type]


def enclose(box: Letterbox, *bodies: bytes) -> list[Enclosed]:
    enclosed = []
    for body in bodies:
        arriving = box.receive(7)
        for at in range(0, len(body), 50_000):
            arriving.write(body[at : at + 50_000])
        enclosed.append(Enclosed(arriving, 1, ("Junk",), 5))
    return enclosed


def close(enclosed: list[Enclosed]) -> None:
    for one in enclosed:
        one.octets.close()


async def test_what_is_sealed_passes_with_what_is_said_of_it(tmp_path: Path) -> None:
    appends = Appends()
    box = letterbox(tmp_path, appends)
    assert await box.put(7, "INBOX", enclose(box, SEALED)) == Put(7, 1, 2, 3)
    assert list(appends.letters) == [Letter(SEALED, SEALED.index(b"\r\n\r\n") + 4, 1, ("Junk",), 5)]


def test_nothing_is_received_where_the_disk_is_low(tmp_path: Path) -> None:
    with pytest.raises(NoSpace):
        letterbox(tmp_path, Appends(), free=1 << 60).receive(7)


@pytest.mark.parametrize("size", [0, LARGE], ids=["small", "large"])
async def test_i10_cleartext_does_not_pass_the_gate(tmp_path: Path, size: int) -> None:
    body = PLAIN + b"and more\r\n" * (size // 10)
    appends = Appends()
    box = letterbox(tmp_path, appends)
    with pytest.raises(Unfit, match="Encryption Needed"):
        await box.put(7, "INBOX", enclose(box, SEALED, body))
    assert not appends.letters
    box = letterbox(tmp_path, appends, has_gate=False)
    await box.put(7, "INBOX", enclose(box, SEALED, body))
    assert [letter.body for letter in appends.letters] == [SEALED, body]


@pytest.mark.parametrize("octets", [b"a\nb", b"a\rb", b"a\0b", b"\n", b"\r"], ids=repr)
@pytest.mark.parametrize("has_gate", [True, False])
async def test_lines_end_in_crlf(tmp_path: Path, octets: bytes, has_gate: bool) -> None:
    box = letterbox(tmp_path, Appends(), has_gate=has_gate)
    with pytest.raises(Unfit, match="bare CR or LF, or NUL"):
        await box.put(7, "INBOX", enclose(box, b"Subject: x\r\n\r\n" + octets))


async def test_one_account_has_its_share_of_the_room(tmp_path: Path) -> None:
    box = letterbox(tmp_path, Appends(), has_gate=False)
    first = enclose(box, PLAIN + b"x" * 900_000)
    with pytest.raises(TooMuch):
        await box.put(7, "INBOX", enclose(box, PLAIN + b"x" * 900_000))
    first[0].octets.close()
    assert await box.put(7, "INBOX", enclose(box, PLAIN + b"x" * 900_000))
    box.close()


async def test_nothing_is_left_in_the_folder(tmp_path: Path) -> None:
    box = letterbox(tmp_path, Appends(), has_gate=False, octets=16_000_000)
    enclosed = enclose(box, PLAIN + b"x" * 2_000_000)
    assert list(tmp_path.iterdir()) == []
    await box.put(7, "INBOX", enclosed)
    close(enclosed)
    box.close()
