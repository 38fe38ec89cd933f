"""What a command comes to: one tagged response, as a value (RFC 3501 §7.1).

Strategy: a command returns an `Answer` or raises a `Fault` that carries one. The session alone speaks them,
so no command can forget its tag, and anything else that is raised is our own mistake.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Answer:
    """One status response; `code` goes in brackets (RFC 5530), and may be empty."""

    word: Literal["OK", "NO", "BAD"]
    text: str
    code: str = ""

    def line(self, tag: bytes) -> bytes:
        """Return the response as it goes on the wire, under `tag`."""
        words = f"{self.word} [{self.code}] {self.text}" if self.code else f"{self.word} {self.text}"
        return tag + b" " + words.encode("ascii") + b"\r\n"


class Fault(Exception):
    """The command fails, and this is what the client is told."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.text)
        self.answer = answer


def bad(text: str) -> Fault:
    """Return the fault for what the client got wrong in the protocol."""
    return Fault(Answer("BAD", text))


def no(code: str, text: str) -> Fault:
    """Return the fault for what is understood and refused."""
    return Fault(Answer("NO", text, code))
