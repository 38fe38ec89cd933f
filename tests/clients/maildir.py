"""A local Maildir that mbsync keeps the same as an account on the suite."""

import re
import subprocess
from pathlib import Path

from tests.needs import needs
from tests.people import Person

_CONFIGURATION = """
IMAPAccount suite
Host {address}
Port {port}
User {person.address}
Pass {person.password}
SSLType IMAPS
CertificateFile {certificate}

IMAPStore far
Account suite

MaildirStore near
Path {folder}/
Inbox {folder}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
CopyArrivalDate yes
SyncState *
"""
_SENT = re.compile(r">>> \d+ (.*?)\r?$", re.M)  # a command, as mbsync tells of it
_SUBJECT = re.compile(rb"^Subject: (.*?)\r?$", re.M)


class Maildir:
    """The near side; the far side is a person's account."""

    def __init__(self, person: Person, certificate: Path, folder: Path) -> None:
        self.folder = folder / "mail"
        self.folder.mkdir()
        self._mbsync = needs("mbsync")
        self._configuration = folder / "mbsyncrc"
        self._configuration.write_text(
            _CONFIGURATION.format(
                address=person.suite.address,
                port=person.suite.ports["port_imaps"],
                person=person,
                certificate=certificate,
                folder=self.folder,
            )
        )

    def sync(self) -> list[str]:
        """Bring both sides together and return the commands that were sent for it."""
        command = [self._mbsync, "-c", str(self._configuration), "-Dn", "-a"]
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)
        words = (done.stdout + done.stderr).decode(errors="replace")
        assert done.returncode == 0, words[-3000:]
        return _SENT.findall(words)

    def add(self, subject: str, letter: bytes, *, mailbox: str = "INBOX", flags: str = "") -> None:
        """Put a letter there as a delivery agent does: with the line ends of this system."""
        for name in ("cur", "new", "tmp"):
            (self.folder / mailbox / name).mkdir(parents=True, exist_ok=True)
        path = self.folder / mailbox / "cur" / f"{subject.replace(' ', '.')}.near:2,{flags}"
        path.write_bytes(letter.replace(b"\r\n", b"\n"))

    def letters(self, mailbox: str = "INBOX") -> dict[str, Path]:
        """Return the files of a mailbox by subject."""
        files = [path for name in ("cur", "new") for path in (self.folder / mailbox / name).iterdir()]
        found = {}
        for path in files:
            told = _SUBJECT.search(path.read_bytes())
            assert told, path
            found[told[1].decode()] = path
        assert len(found) == len(files), "a letter is there twice"
        return found

    def flags(self, mailbox: str = "INBOX") -> dict[str, str]:
        """Return the letters of the flags (`FRST`) of every message, by subject."""
        return {subject: path.name.partition(":2,")[2] for subject, path in self.letters(mailbox).items()}

    def flag(self, subject: str, flags: str) -> None:
        """Give a message these flags and no others."""
        path = self.letters()[subject]
        path.rename(self.folder / "INBOX" / "cur" / f"{path.name.partition(':2,')[0]}:2,{flags}")
