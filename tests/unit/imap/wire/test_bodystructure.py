import pytest
from imap.content.structure import scan
from imap.wire.bodystructure import bodystructure


def told(text: str, *, is_extended: bool = True) -> str:
    message = text.replace("\n", "\r\n").encode()
    return bodystructure(scan(message, message.index(b"\r\n\r\n") + 4), is_extended=is_extended).decode()


def sized(octets: int, lines: int) -> str:
    """Return a text of so many lines and octets, CRLF counted; the last line has its end."""
    body = "x\n" * (lines - 1)
    return body + "y" * (octets - 3 * (lines - 1) - 2) + "\n"


# The two examples of RFC 3501 §7.4.2.
SIMPLE = "Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\nContent-Transfer-Encoding: 7BIT\n\n" + sized(2279, 48)
DIFF = f"""\
Content-Type: MULTIPART/MIXED; boundary=x

--x
Content-Type: TEXT/PLAIN; CHARSET=US-ASCII
Content-Transfer-Encoding: 7BIT

{sized(1152, 23)}
--x
Content-Type: TEXT/PLAIN; CHARSET=US-ASCII; NAME="cc.diff"
Content-ID: <960723163407.20117h@cac.washington.edu>
Content-Description: Compiler diff
Content-Transfer-Encoding: BASE64

{sized(4554, 73)}
--x--
"""


def test_the_rfcs_examples() -> None:
    assert told(SIMPLE, is_extended=False) == '("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 2279 48)'
    assert told(DIFF, is_extended=False) == (
        '(("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 1152 23)'
        '("TEXT" "PLAIN" ("CHARSET" "US-ASCII" "NAME" "cc.diff")'
        ' "<960723163407.20117h@cac.washington.edu>" "Compiler diff" "BASE64" 4554 73) "MIXED")'
    )


CASES = [
    pytest.param(
        "Subject: x\n\n",
        '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0 NIL NIL NIL NIL)',
        id="none",
    ),
    pytest.param(
        "Content-Type: image/png\nContent-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\nContent-Language: en, de\n"
        'Content-Location: http://a.test/b\nContent-Disposition: attachment; filename="a \\"b\\".png"\n\nx',
        '("image" "png" NIL NIL NIL "7bit" 1 "Q2hlY2sgSW50ZWdyaXR5IQ==" ("attachment" ("filename" "a \\"b\\".png"))'
        ' ("en" "de") "http://a.test/b")',
        id="extension-data",
    ),
    pytest.param(
        "Content-Type: message/rfc822\n\nSubject: in\nContent-Type: text/html\n\nx\n",
        '("message" "rfc822" NIL NIL NIL "7bit" 43 (NIL "in" NIL NIL NIL NIL NIL NIL NIL NIL)'
        ' ("text" "html" ("charset" "us-ascii") NIL NIL "7bit" 3 1 NIL NIL NIL NIL) 4 NIL NIL NIL NIL)',
        id="a-message",
    ),
    pytest.param(
        "Content-Type: multipart/mixed; boundary=b\nContent-Disposition: inline\n\n--b\n\nx\n--b--",
        '(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 1 0 NIL NIL NIL NIL) "mixed" ("boundary" "b")'
        ' ("inline" NIL) NIL NIL)',
        id="a-multipart",
    ),
    pytest.param(
        "Content-Type: multipart/mixed\n\nx",
        '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 1 0 NIL NIL NIL NIL)',
        id="a-multipart-without-parts",
    ),
    pytest.param(
        "Content-Type: message/delivery-status\nContent-Description: Grüße\n\nx",
        '("message" "delivery-status" NIL NIL {7}\r\nGrüße "7bit" 1 NIL NIL NIL NIL)',
        id="eight-bits-need-a-literal",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "structure"), CASES)
def test_structures(text: str, structure: str) -> None:
    assert told(text) == structure
