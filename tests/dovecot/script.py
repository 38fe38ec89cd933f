"""The table of commands: groups of lines, each group played from its beginning on an account of its own.

== name letters=12 open=EXAMINE     the first letters (or `all`), and how INBOX is opened (SELECT; `none`)
one    SEARCH FROM ann              a command and what it is called
two    B: STORE 1 +FLAGS (work)     one of another session
part   FETCH {n} (BODY[1])          `{n}`: a command for each letter, called `part@03-mime-plain`
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.dovecot.answers import Response
from tests.dovecot.client import Client

_HERE = Path(__file__).parent
_STEP = re.compile(r"(\S+)\s+(?:(B): )?(.+)")


@dataclass(frozen=True)
class Letter:
    """A message, when it came, and its flags."""

    stem: str
    date: str
    flags: str

    @property
    def octets(self) -> bytes:
        return (_HERE / "letters" / f"{self.stem}.eml").read_bytes()


@dataclass(frozen=True)
class Step:
    """A command, who says it, and what it is called."""

    name: str
    speaker: str
    command: str


@dataclass(frozen=True)
class Group:
    """Commands that follow each other."""

    name: str
    letters: Sequence[Letter]
    opening: str
    steps: list[Step] = field(default_factory=list)

    def play(self, address: str, port: int, user: str, password: str) -> dict[str, list[Response]]:
        """Say everything; return the answers by the commands' names."""
        connect = partial(Client, address, port, user, password)
        with connect() as first, connect() as second:
            _fill(first, self.letters)
            if self.opening != "none":
                first.say(f"{self.opening} INBOX")
            said = {"": first, "B": second}
            return {step.name: _say(said[step.speaker], step.command) for step in self.steps}


def letters() -> list[Letter]:
    """Return all letters, in order."""
    lines = [line.split('"') for line in _lines(_HERE / "letters.txt")]
    return [Letter(stem.strip(), date, flags.strip()) for stem, date, flags in lines]


def groups() -> list[Group]:
    """Return the table."""
    found: list[Group] = []
    for line in _lines(_HERE / "commands.txt"):
        if line.startswith("== "):
            name, *options = line[3:].split()
            said = dict(option.split("=") for option in options)
            count = said.get("letters", "all")
            kept = letters() if count == "all" else letters()[: int(count)]
            found.append(Group(name, kept, said.get("open", "SELECT")))
        else:
            found[-1].steps.extend(_steps(line, found[-1]))
    return found


def differences() -> dict[str, str]:
    """Return the known differences: why (a heading), by the commands' names (`group/name`)."""
    known: dict[str, str] = {}
    why = ""
    for line in _lines(_HERE / "differences.txt"):
        if line.startswith("== "):
            why = line[3:]
        else:
            assert line not in known, f"twice: {line}"
            known[line] = why
    return known


def _lines(path: Path) -> Iterator[str]:
    """Yield the lines that are neither empty nor a comment."""
    return (line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("# "))


def _steps(line: str, group: Group) -> Iterable[Step]:
    match = _STEP.fullmatch(line)
    assert match, line
    name, speaker, command = f"{group.name}/{match[1]}", match[2] or "", match[3]
    if "{n}" not in command:
        return [Step(name, speaker, command)]
    return [
        Step(f"{name}@{letter.stem}", speaker, command.replace("{n}", str(number)))
        for number, letter in enumerate(group.letters, 1)
    ]


def _fill(client: Client, kept: Sequence[Letter]) -> None:
    pieces = [b"APPEND INBOX"]
    for letter in kept:
        pieces[-1] += f' ({letter.flags}) "{letter.date}" {{{len(letter.octets)}}}'.encode()
        pieces.append(b"")
    answer = client.send(pieces, [letter.octets for letter in kept])
    assert answer[-1].word == "OK", answer


def _say(client: Client, command: str) -> list[Response]:
    answer = client.say(command)
    if answer[-1].word == "BAD":
        client.say("NOOP")  # both hang up after so many in a row
    return answer
