"""curl, with which scripts look into mailboxes: a command a run, over TLS and over STARTTLS."""

import subprocess
from pathlib import Path

import pytest

from tests.clients.letters import append, letter, subjects
from tests.needs import needs
from tests.people import Person


class Curl:
    """curl as a person, trusting the suite's certificate."""

    def __init__(self, person: Person, scheme: str) -> None:
        self._root = f"{scheme}://{person.suite.address}:{person.suite.ports[f'port_{scheme}']}"
        self._words = ["--silent", "--show-error", "--insecure", "--ssl-reqd", "--max-time", "30"]
        self._words += ["--user", f"{person.address}:{person.password}"]

    def __call__(self, path: str, *words: str) -> bytes:
        done = subprocess.run(
            [needs("curl"), *self._words, *words, f"{self._root}/{path}"], capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout


@pytest.mark.parametrize("scheme", ["imaps", "imap"])
def test_a_script_lists_reads_flags_and_adds(ann: Person, tmp_path: Path, scheme: str) -> None:
    with ann.imap() as client:
        append(client, "INBOX", "one", "two")
    curl = Curl(ann, scheme)
    assert b'"/" "INBOX"' in curl("")
    assert curl("INBOX;MAILINDEX=2") == letter("two")
    assert curl("INBOX;UID=1;SECTION=HEADER.FIELDS%20(SUBJECT)") == b"Subject: one\r\n\r\n"
    assert curl("INBOX?SUBJECT%20two").split() == [b"*", b"SEARCH", b"2"]
    curl("INBOX", "--request", r"STORE 1 +FLAGS (\Deleted)")
    curl("INBOX", "--request", "EXPUNGE")
    curl("", "--request", "CREATE Sent")
    sent = tmp_path / "sent.eml"
    sent.write_bytes(letter("three"))
    curl("Sent", "--upload-file", str(sent))
    assert subjects(ann) == {"two": {r"\Seen"}}
    assert subjects(ann, "Sent") == {"three": {r"\Seen"}}
