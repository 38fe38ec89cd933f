"""What a killed parent left is ended; what only has its number is not."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatmail import strays

DEAF = "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint(1, flush=True)\ntime.sleep(60)"


@pytest.fixture
def child() -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout
        process.stdout.readline()
        yield process
        process.kill()


def test_a_stray_is_ended_even_if_it_does_not_listen(tmp_path: Path, child: "subprocess.Popen[bytes]") -> None:
    strays.record(tmp_path, {"imap": child.pid})
    assert strays.stop(tmp_path, patience=0.1) == ["imap"]
    assert child.wait(10) == -9
    assert strays.stop(tmp_path) == []


@pytest.mark.parametrize("part", ["boot", "start"])
def test_another_process_with_the_same_number_is_left_alone(
    tmp_path: Path, child: "subprocess.Popen[bytes]", part: str
) -> None:
    strays.record(tmp_path, {"imap": child.pid})
    record = tmp_path / "processes"
    boot, line = record.read_text().splitlines()
    record.write_text(f"another\n{line}\n" if part == "boot" else f"{boot}\n{line}7\n")
    assert strays.stop(tmp_path) == []
    assert child.poll() is None


@pytest.mark.parametrize("text", ["", "\n", "boot\nimap one 1\n", "boot\nimap\n"])
def test_a_broken_record_is_no_record(tmp_path: Path, text: str) -> None:
    (tmp_path / "processes").write_text(text.replace("boot", strays._boot()))
    assert strays.stop(tmp_path) == []
