"""mutt keeps headers between its visits, and asks by QRESYNC (RFC 7162) what has become of them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients import terminal, test_mutt
from tests.clients.conftest import DOMAIN
from tests.clients.letters import append, ok
from tests.needs import needs
from tests.people import Person
from tests.suite import Suite


@pytest.fixture(scope="module")
def open_suite() -> Iterator[Suite]:
    """The suite of the other tests here, with mod-sequences."""
    settings = {"MADDY_GATE_APPEND": "off", "MADDY_DOMAIN": DOMAIN, "MADDY_IMAP_CONDSTORE": "true"}
    with Suite(settings=settings) as suite:
        yield suite


def visit(person: Person, certificate: Path, folder: Path, *keys: str) -> str:
    """Let mutt open the INBOX, press these keys, and leave; return what it said and heard."""
    written = test_mutt.settings(person, certificate, folder, *keys)
    written.write_text("set imap_condstore\nset imap_qresync\n" + written.read_text())
    command = [needs("mutt"), "-n", "-d", "3", "-F", str(written)]
    shown = terminal.run(command, {"HOME": str(folder), "LC_ALL": "C.UTF-8"})
    log = folder / ".muttdebug0"
    return log.read_text("utf-8", "replace") if log.exists() else shown


def test_what_has_become_of_headers(ann: Person, certificate: Path, tmp_path: Path) -> None:
    with ann.imap() as client:
        append(client, "INBOX", "first", "second", "third", "fourth")
    said = visit(ann, certificate, tmp_path)
    assert "ENABLE QRESYNC" in said
    assert "VANISHED)" not in said
    with ann.imap() as client:
        ok(client.select())
        ok(client.uid("STORE", "3", "+FLAGS", r"(\Flagged)"))
        ok(client.uid("STORE", "1:2", "+FLAGS", r"(\Deleted)"))
        ok(client.expunge())
        append(client, "INBOX", "fifth")
    piped = {name: tmp_path / name for name in ("flagged", "oldest", "newest")}
    said = visit(
        ann,
        certificate,
        tmp_path,
        f"<first-entry><pipe-message>cat > {piped['oldest']}<enter>",
        f"<last-entry><pipe-message>cat > {piped['newest']}<enter>",
        f"<limit>~F<enter><pipe-message>cat > {piped['flagged']}<enter>",
    )
    assert re.search(r"UID FETCH 1:4 \(FLAGS\) \(CHANGEDSINCE \d+ VANISHED\)", said)
    assert "* VANISHED (EARLIER) 1:2" in said
    found = {name: path.read_text().partition("Subject: ")[2].split("\n")[0] for name, path in piped.items()}
    assert found == {"flagged": "third", "oldest": "third", "newest": "fifth"}
