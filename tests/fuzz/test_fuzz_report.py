"""Invariant: whatever strangers say, a report is bounded ASCII in CRLF lines, and its shape is ours to every reader.

Its header has our fields alone, it has three parts, and the machine's part has one group for the server and one for
each recipient that is named there, every one with our Action.
"""

from email import message_from_bytes
from email.message import Message

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.mail.report import MAX_ORIGINAL, MAX_REPORT, Failure, delay, failure

PIECE = st.sampled_from(
    [
        "\r\n",
        "\n",
        "\r",
        "\0",
        "--b0undary",
        "--",
        "Action: delivered",
        "a@d",
        ": ",
        " ",
        "\t",
        "é",
        "\u2028",
        "x" * 400,
    ]
)
WORDS = st.one_of(st.text(max_size=40), st.lists(PIECE, max_size=8).map("".join))
FAILURES = st.lists(st.builds(Failure, WORDS, WORDS, WORDS, WORDS), min_size=1, max_size=30)
FIELD = st.sampled_from([b"Message-ID: <1@d>\r\n", b"Subject: x\r\n y\r\n", b"To: a@d\r\n", b"Message-ID:"])
JUNK = st.one_of(st.binary(max_size=30), st.lists(PIECE, max_size=3).map(lambda p: "".join(p).encode()))
ORIGINALS = st.lists(FIELD | JUNK, max_size=12).map(b"".join)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(FAILURES, ORIGINALS, st.tuples(WORDS, WORDS, WORDS, WORDS), st.booleans())
def test_a_report_keeps_its_shape(
    failures: list[Failure], original: bytes, names: tuple[str, str, str, str], is_failure: bool
) -> None:
    sender_domain, hostname, to, message_id = names
    if is_failure:
        octets = failure(
            sender_domain=sender_domain,
            hostname=hostname,
            to=to,
            failures=failures,
            original=original,
            now=1e9,
            message_id=message_id,
            boundary="b0undary",
        )
    else:
        octets = delay(
            sender_domain=sender_domain,
            hostname=hostname,
            to=to,
            failures=failures,
            original=original,
            now=1e9,
            until=2e9,
            message_id=message_id,
            boundary="b0undary",
        )
    require_bounded(octets)
    require_shaped(message_from_bytes(octets), "failed" if is_failure else "delayed")


def require_bounded(octets: bytes) -> None:
    lines = octets.split(b"\r\n")
    assert not any(set(line) - set(b"\t" + bytes(range(32, 127))) for line in lines)
    assert max(map(len, lines)) <= 998
    assert len(octets) <= MAX_REPORT + MAX_ORIGINAL


def require_shaped(whole: Message, action: str) -> None:
    assert not whole.defects
    assert len(whole.keys()) == (9 if action == "failed" else 8)
    text, status, old = whole.get_payload()  # type: ignore[misc]
    assert isinstance(text.get_payload(), str)  # type: ignore[union-attr]
    server, *recipients = status.get_payload()  # type: ignore[union-attr]
    assert server.keys() == ["Reporting-MTA"]
    assert recipients
    assert all(group.get_all("action") == [action] for group in recipients)
    assert old.get_content_type() == "text/rfc822-headers"  # type: ignore[union-attr]
