"""Reports to senders: what is in them, and that nothing a stranger says can change their shape."""

from email import message_from_bytes
from email.message import Message
from typing import Any

import pytest

from shared.mail.report import MAX_ORIGINAL, MAX_REPORT, Failure, delay, failure

GONE = Failure("bob@example.net", "5.1.1", "550 5.1.1 no such user", "mx.example.net")
LOST = Failure("carol@example.com", "4.4.7", "no answer for 48 hours", "")
ORIGINAL = b"From: <alice@example.org>\r\nMessage-ID: <1@localhost>\r\nX-Mailer: secret\r\nSubject: [...]\r\n\r\n"
NOW, UNTIL = 1_700_000_000.0, 1_700_172_800.0
Given: Any = {
    "sender_domain": "example.org",
    "hostname": "mail.example.org",
    "to": "alice@example.org",
    "original": ORIGINAL,
    "now": NOW,
    "message_id": "2@example.org",
    "boundary": "b0undary",
}


def report(*failures: Failure, **other: Any) -> bytes:
    return failure(failures=failures, **{**Given, **other})


def parts(octets: bytes) -> tuple[Message, str, list[dict[str, str]], Message]:
    """The report's own fields, the text, the groups for programs, the old fields, as another reader sees them."""
    whole = message_from_bytes(octets)
    text, status, old = whole.get_payload()  # type: ignore[misc]
    assert isinstance(text, Message)
    groups = [dict(group.items()) for group in status.get_payload()]  # type: ignore[union-attr]
    return whole, str(text.get_payload()), groups, message_from_bytes(old.get_payload().encode())  # type: ignore[union-attr]


def test_a_failure_names_all_that_a_program_asks_for() -> None:
    whole, _, groups, old = parts(report(GONE, LOST))
    assert whole.get_content_type() == "multipart/report"
    assert whole.get_param("report-type") == "delivery-status"
    assert [part.get_content_type() for part in whole.get_payload()] == [  # type: ignore[union-attr]
        "text/plain",
        "message/delivery-status",
        "text/rfc822-headers",
    ]
    assert {name: whole[name] for name in ("From", "To", "Message-ID", "Auto-Submitted", "Secure-Join")} == {
        "From": "Mail Delivery <mailer-daemon@example.org>",
        "To": "<alice@example.org>",
        "Message-ID": "<2@example.org>",
        "Auto-Submitted": "auto-replied",
        "Secure-Join": "vc-request",
    }
    assert whole["Date"] == "Tue, 14 Nov 2023 22:13:20 -0000"
    assert groups == [
        {"Reporting-MTA": "dns; mail.example.org"},
        {
            "Final-Recipient": "rfc822; bob@example.net",
            "Action": "failed",
            "Status": "5.1.1",
            "Remote-MTA": "dns; mx.example.net",
            "Diagnostic-Code": "smtp; 550 5.1.1 no such user",
        },
        {
            "Final-Recipient": "rfc822; carol@example.com",
            "Action": "failed",
            "Status": "4.4.7",
            "Diagnostic-Code": "x-local; no answer for 48 hours",
        },
    ]
    assert old.items() == [("Message-ID", "<1@localhost>"), ("From", "<alice@example.org>"), ("Subject", "[...]")]


def test_a_failure_tells_a_person() -> None:
    assert parts(report(GONE, LOST, Failure("dan@example.net", "", "", "")))[1].splitlines() == [
        "Your message could not be delivered to:",
        "",
        "* bob@example.net: mx.example.net said: 550 5.1.1 no such user",
        "* carol@example.com: no answer for 48 hours",
        "* dan@example.net",
        "",
        "It will not be tried again.",
    ]


def test_a_delay_is_not_a_failure() -> None:
    whole, text, groups, _ = parts(delay(failures=[LOST], until=UNTIL, **Given))
    assert "Secure-Join" not in whole
    assert (groups[1]["Action"], groups[1]["Status"]) == ("delayed", "4.4.7")
    assert groups[1]["Will-Retry-Until"] == "Thu, 16 Nov 2023 22:13:20 -0000"
    assert "until Thu, 16 Nov 2023 22:13:20 GMT" in text


@pytest.mark.parametrize(
    ("action", "made"),
    [
        ("failed", lambda one: report(one)),
        ("delayed", lambda one: delay(failures=[one], until=UNTIL, **Given)),
    ],
    ids=["failure", "delay"],
)
@pytest.mark.parametrize("status", ["", "5.1", "3.1.1", "5.1.1.1", "5.1.1\r\nAction: delivered", "٥.1.1"])
def test_a_status_that_is_none_becomes_one(action: str, made: Any, status: str) -> None:
    group = parts(made(Failure("bob@example.net", status, "", "")))[2][1]
    assert (group["Action"], group["Status"]) == (action, "5.0.0" if action == "failed" else "4.0.0")


HOSTILE = {
    "line end": "x\r\nBcc: eve@example.net",
    "bare CR": "x\rBcc: eve@example.net",
    "bare LF": "x\nBcc: eve@example.net",
    "delimiter": "\r\n--b0undary--\r\n",
    "NUL": "x\0y",
    "8 bit": "é\x80\x9f\u2028\u0085\ud800",
    "empty lines": "\r\n\r\n\r\n\r\nAction: delivered\r\n",
    "a smuggled end": "\r\n.\r\nMAIL FROM:<eve@example.net>\r\n",
    "long": "x" * 100_000,
    "long and wide": "é" * 100_000,
    "only white space": " \t\r\n",
}


@pytest.mark.parametrize("words", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("place", ["recipient", "diagnostic", "host"])
def test_no_value_changes_the_shape(place: str, words: str) -> None:
    hostile = Failure(**{**{"recipient": "b@d", "status": "5.0.0", "diagnostic": "no", "host": "mx"}, place: words})
    octets = report(hostile, GONE)
    whole, _, groups, _ = parts(octets)
    assert len(groups) == 3
    assert groups[1]["Action"] == "failed"
    assert groups[2]["Final-Recipient"] == "rfc822; bob@example.net"
    assert "Bcc" not in whole
    require_clean(octets)


@pytest.mark.parametrize("words", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("place", ["to", "sender_domain", "hostname", "message_id"])
def test_no_name_of_ours_changes_the_shape(place: str, words: str) -> None:
    octets = report(GONE, **{place: words})
    whole, _, groups, _ = parts(octets)
    assert (len(groups), len(whole.items())) == (2, 9)
    require_clean(octets)


def require_clean(octets: bytes) -> None:
    """CRLF alone ends lines, none is too long, all is printable ASCII, and it is not too much."""
    lines = octets.split(b"\r\n")
    assert not any(set(line) - set(b"\t" + bytes(range(32, 127))) for line in lines)
    assert max(map(len, lines)) <= 998
    assert len(octets) <= MAX_REPORT + MAX_ORIGINAL


def test_a_wide_address_is_written_as_rfc_6533_says() -> None:
    group = parts(report(Failure("bé+c@example.net", "5.1.1", "", "")))[2][1]
    assert group["Final-Recipient"] == r"utf-8; b\x{E9}\x{2B}c@example.net"


def test_of_very_many_the_first_are_named_and_the_rest_counted() -> None:
    many = [Failure(f"someone{number}@example.net", "5.1.1", GONE.diagnostic, GONE.host) for number in range(1000)]
    octets = report(*many)
    _, text, groups, old = parts(octets)
    named = [line for line in text.splitlines() if line.startswith("* ")]
    assert len(named) > 20
    assert f"and {1000 - len(named)} more" in text.splitlines()
    assert len(groups) > 20
    assert old["Message-ID"] == "<1@localhost>"
    assert len(octets) <= MAX_REPORT + len(ORIGINAL)


LONGEST = Failure("l" * 64 + "@" + "d" * 250, "5.1.1", "550 " + "n" * 600, "h" * 255)


def test_the_longest_words_still_leave_room_for_one() -> None:
    octets = report(LONGEST, LONGEST)
    assert parts(octets)[2][1]["Action"] == "failed"
    assert len(octets) <= MAX_REPORT + len(ORIGINAL)


@pytest.mark.parametrize(
    ("original", "expected"),
    [
        (b"", {}),
        (b"Message-ID: <1@d>", {"Message-ID": "<1@d>"}),
        (b"Message-ID: <1@d>\r\n\r\nText that is nobody's business\r\n\r\n", {"Message-ID": "<1@d>"}),
        (b"Message-ID: <1@d>\r\nMessage-ID: <2@d>\r\n\r\n", {"Message-ID": "<1@d>"}),
        (b"Subject: two\r\n lines\r\nMessage-ID: <1@d>\r\n\r\n", {"Message-ID": "<1@d>", "Subject": "two\r\n lines"}),
        (b"Autocrypt: addr=a@d\r\nReceived: from home\r\nMessage-ID: <1@d>\r\n\r\n", {"Message-ID": "<1@d>"}),
        (b"To: " + b"a@d, " * 1000 + b"\r\nMessage-ID: <1@d>\r\n\r\n", {"Message-ID": "<1@d>"}),
        (b"Subject: caf\xc3\xa9\0\r\nMessage-ID: <1@d>\r\n\r\n", {"Message-ID": "<1@d>", "Subject": "caf???"}),
        (b"Message-ID: <1@d>\r\n--b0undary--\r\nSubject: x\r\n\r\n", {"Message-ID": "<1@d>"}),
        (b"--b0undary: x\r\nMessage-ID: <1@d>\r\n\r\n", {"Message-ID": "<1@d>"}),
        (b"x" * 10_000, {}),
    ],
    ids=[
        "none",
        "no line end",
        "with a body",
        "twice",
        "folded",
        "of no use",
        "too long",
        "8 bit",
        "broken",
        "a delimiter as a name",
        "no fields",
    ],
)
def test_of_the_old_header_what_names_the_message(original: bytes, expected: dict[str, str]) -> None:
    octets = report(GONE, original=original)
    assert dict(parts(octets)[3].items()) == expected
    require_clean(octets)
