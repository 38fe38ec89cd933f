"""Reports as Delta Chat reads them: which message, which recipients, what was said, and how long it is tried."""

from email import message_from_bytes
from email.message import Message
from email.utils import parsedate_to_datetime

import pytest
from queue_worker.reports import Reporter
from queue_worker.transport.values import Outcome, Result

from shared.storage.outbox import Claimed, Overdue, Report
from tests.unit.queue_worker.fakes import BODY, HEADER, NO

REPORTER = Reporter("mx.example.org", 48 * 3600.0)
ACCEPTED = 1_700_000_000.0
CLAIMED = Claimed(
    1, 5, "ann@example.org", 7, "example.org", len(BODY), len(HEADER), None, None, BODY, ACCEPTED, False,
    [1, 2], ["x@a.test", "y@a.test"], [1, 1],
)  # fmt: skip


def overdue(code: int | None, text: str | None) -> Overdue:
    recipients = ["x@a.test", "y@b.test"]
    return Overdue(
        1, 5, "ann@example.org", 7, "example.org", HEADER, ACCEPTED, [1, 2], recipients, [code] * 2, [text] * 2
    )


def parts(report: Report) -> tuple[Message, list[Message], Message]:
    """The text, the groups of the status (the message's own first), and the old header."""
    whole = message_from_bytes(report.octets)
    assert report.octets[: report.header_size].endswith(b"\r\n\r\n")
    assert report.octets[: report.header_size].count(b"\r\n\r\n") == 1
    assert (report.message_id, whole.get_content_type()) == (5, "multipart/report")
    assert whole["From"] == "Mail Delivery <mailer-daemon@example.org>"
    assert whole["To"] == "<ann@example.org>"
    text, status, header = whole.get_payload()
    assert isinstance(text, Message)
    return text, status.get_payload(), message_from_bytes(header.get_payload().encode())


def test_a_failure_tells_who_and_what_was_said() -> None:
    text, groups, header = parts(REPORTER.failure(CLAIMED, [("x@a.test", NO)]))
    assert [group["Action"] for group in groups[1:]] == ["failed"]
    assert groups[1]["Final-Recipient"].replace(" ", "") == "rfc822;x@a.test"
    assert groups[1]["Status"] == "5.1.1"
    assert "mx.a.test said: 550 5.1.1 nobody" in text.get_payload()
    assert "y@a.test" not in text.get_payload()
    assert header["Message-ID"] == "<1@example.org>"


@pytest.mark.parametrize(
    ("enhanced", "text", "said"),
    [
        pytest.param("5.1.1", "nobody", "550 5.1.1 nobody", id="all of it"),
        pytest.param("", "nobody", "550 nobody", id="no enhanced code"),
        pytest.param("5.1.1", "", "550 5.1.1", id="no text"),
    ],
)
def test_words_of_another_server(enhanced: str, text: str, said: str) -> None:
    result = Result(Outcome.REFUSED, 550, enhanced, text, "mx.a.test")
    found = parts(REPORTER.failure(CLAIMED, [("x@a.test", result)]))[0].get_payload()
    assert f"said: {said}\n" in found.replace("\r\n", "\n").replace(" \n", "\n")


@pytest.mark.parametrize(
    ("code", "text", "said"),
    [
        pytest.param(450, "4.2.0 busy", "450 4.2.0 busy", id="what was said last"),
        pytest.param(None, None, "the server could not be reached", id="nothing was said"),
    ],
)
def test_given_up_after_so_long(code: int | None, text: str | None, said: str) -> None:
    body, groups, _ = parts(REPORTER.expired(overdue(code, text)))
    assert [(group["Action"], group["Status"]) for group in groups[1:]] == [("failed", "4.4.7")] * 2
    assert body.get_payload().count(said) == 2


def test_late_tells_until_when_it_is_tried() -> None:
    body, groups, header = parts(REPORTER.late(overdue(None, None)))
    assert [group["Action"] for group in groups[1:]] == ["delayed"] * 2
    until = parsedate_to_datetime(groups[1]["Will-Retry-Until"]).timestamp()
    assert until == ACCEPTED + 48 * 3600
    assert "no need to send it once more" in body.get_payload()
    assert header["Message-ID"] == "<1@example.org>"


def test_no_two_reports_have_one_name() -> None:
    names = {message_from_bytes(REPORTER.late(overdue(None, None)).octets)["Message-ID"] for _ in range(5)}
    assert len(names) == 5
