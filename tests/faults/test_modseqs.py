"""Every process of Postgres dies at one instant: with MADDY_IMAP_CONDSTORE no mod-sequence once told is taken back."""

import re
from collections.abc import Iterator

import pytest

from tests.faults import servers
from tests.faults.clients import Reader, Sender, are_open, make_account, message
from tests.faults.conftest import SETTINGS
from tests.suite import Suite

FLAGS = (r"\Seen", r"\Flagged", r"\Answered", r"\Draft", r"\Deleted", "$One", "$Two", "$Three")
HIGHEST = "SELECT b.modseq FROM chatmail.mailbox b JOIN chatmail.account a ON a.id = b.account_id WHERE a.address = %s"


@pytest.fixture(scope="module")
def suite() -> Iterator[Suite]:
    with Suite(settings={**SETTINGS, "MADDY_IMAP_CONDSTORE": "true"}) as running:
        yield running


def test_what_was_told_outlives_postgres(suite: Suite, user: str) -> None:
    to = make_account(suite, user)
    with Sender(suite, user) as sender:
        assert sender.log_in() == 235
        assert [sender.send([to], message(to, f"kept.{number}")) for number in (1, 2)] == [250, 250]
    with Reader(suite, user) as reader, servers.no_housework(suite):
        reader.ok(reader.command("ENABLE QRESYNC"))
        uidvalidity = reader.select()
        for flag in FLAGS:
            told = reader.ok(reader.command(f"UID STORE 1 +FLAGS.SILENT ({flag})"))
        last = int(re.findall(rb"MODSEQ \((\d+)\)", told)[-1])
        told = reader.ok(reader.command("EXPUNGE"))
        highest = int(re.findall(rb"HIGHESTMODSEQ (\d+)\]", told)[-1])
        assert highest == last + 1
        servers.kill_all_of_postgres(suite)
    servers.wait(lambda: are_open(suite), "not open again")
    assert servers.ask(suite, HIGHEST, to) >= highest
    with Reader(suite, user) as reader:
        reader.ok(reader.command("ENABLE QRESYNC"))
        told = reader.ok(reader.command(f"SELECT INBOX (QRESYNC ({uidvalidity} {last}))"))
        assert b"* VANISHED (EARLIER) 1\r\n" in told
        told = reader.ok(reader.command(r"UID STORE 2 +FLAGS (\Seen)"))
        assert all(int(modseq) > highest for modseq in re.findall(rb"MODSEQ \((\d+)\)", told))
