"""What `chatmail up` shows: a progress line while it starts, then where everything is and a code to scan."""

import shutil
import sys
from collections.abc import Iterable
from typing import IO

from chatmail.suite import Suite

_HALVES = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}
_BLACK_ON_WHITE, _PLAIN = "\x1b[38;5;16;48;5;231m", "\x1b[0m"


class Screen:
    """Standard error for what happens, standard output for what was asked for."""

    def __init__(self, out: IO[str] | None = None, err: IO[str] | None = None) -> None:
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        self._is_starting = True

    def progress(self, text: str) -> None:
        """Say what is being done now; on a terminal the line replaces the one before."""
        self._write(self._err, f"\r\x1b[K{text} …" if _is_terminal(self._err) else f"{text} …\n")

    def say(self, text: str) -> None:
        """Report something that happened."""
        self._end_progress()
        self._write(self._err, f"chatmail: {text}\n")

    def hear(self, _name: str, line: str) -> None:
        """Pass on a line of a service's log, once the suite runs; before, it would only hide the progress."""
        if not self._is_starting:
            self._write(self._err, line + "\n")

    def show(self, text: str) -> None:
        """Print the answer, and let the services be heard from now on."""
        self._end_progress()
        self._is_starting = False
        self._write(self._out, text)

    def qr(self, link: str) -> str:
        """Draw a link for this terminal, or say that it is too narrow."""
        matrix = _matrix(link)
        if len(matrix) > shutil.get_terminal_size().columns:
            return "(The terminal is too narrow for the code.)\n"
        return draw(matrix, has_colours=_is_terminal(self._out))

    def _end_progress(self) -> None:
        if self._is_starting and _is_terminal(self._err):
            self._write(self._err, "\r\x1b[K")

    def _write(self, stream: IO[str], text: str) -> None:
        try:
            stream.write(text)
            stream.flush()
        except UnicodeEncodeError:  # a ValueError too, so it stands first
            stream.write(text.encode("ascii", "replace").decode())
        except (OSError, ValueError):  # the terminal is gone; mail goes on
            return


def _is_terminal(stream: IO[str]) -> bool:
    return not stream.closed and stream.isatty()


def draw(matrix: list[list[bool]], *, has_colours: bool) -> str:
    """Draw modules as half blocks, two rows a line: black on white, or light on the dark of an unknown terminal."""
    if not has_colours:
        matrix = [[not module for module in row] for row in matrix]
    if len(matrix) % 2:
        matrix = [*matrix, [not has_colours] * len(matrix[0])]
    before, after = (_BLACK_ON_WHITE, _PLAIN) if has_colours else ("", "")
    pairs = zip(matrix[::2], matrix[1::2], strict=True)
    return "".join(f"{before}{_line(upper, lower)}{after}\n" for upper, lower in pairs)


def summary(suite: Suite) -> str:
    """Return where everything is, one line a thing."""
    ports, host = suite.status()["ports"], suite.settings.hostname
    rows = [
        ("web page", suite.page),
        ("imap", f"{host}  {ports['port_imaps']} (TLS)  {ports['port_imap']} (STARTTLS)"),
        ("submission", f"{host}  {ports['port_submissions']} (TLS)  {ports['port_submission']} (STARTTLS)"),
        ("smtp", f"{host}  {ports['port_smtp']}"),
        ("listening on", ", ".join(suite.settings.addresses)),
        ("data", str(suite.folder.root)),
    ]
    return f"\nchatmail serves {suite.settings.domain}\n\n" + "".join(f"  {name:13} {text}\n" for name, text in rows)


def _line(upper: Iterable[bool], lower: Iterable[bool]) -> str:
    return "".join(_HALVES[pair] for pair in zip(upper, lower, strict=True))


def _matrix(link: str) -> list[list[bool]]:
    from qrcode.constants import ERROR_CORRECT_L  # here: the suite is up before anything is drawn
    from qrcode.main import QRCode

    code = QRCode(border=2, error_correction=ERROR_CORRECT_L)
    code.add_data(link)
    code.make()
    return [[bool(module) for module in row] for row in code.get_matrix()]
