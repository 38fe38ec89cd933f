"""The one message that may pass in the clear, and how little may be changed about it (P15).

The base is what a Delta Chat core 2.22 sends when it scans an invitation.
"""

import pytest

from shared.mail.hygiene import minimise
from shared.mail.message import read
from shared.policy.gate import judge
from shared.policy.verdict import Accept
from tests.gate.corpus import DATA
from tests.gate.recipe import CANARY

REQUEST = (DATA / "core" / "2.22-01-securejoin.eml").read_bytes()
BOUNDARY = REQUEST.split(b'boundary="')[1].split(b'"')[0]
BODY = b"Secure-Join: vc-request\r\n--" + BOUNDARY
GROUP = REQUEST.replace(b"vc-request", b"vg-request")


def but(old: bytes, new: bytes, count: int = -1) -> bytes:
    assert old in REQUEST
    return REQUEST.replace(old, new, count)


def without(name: bytes) -> bytes:
    at = REQUEST.index(name)
    return REQUEST[:at] + REQUEST[REQUEST.index(b"\r\n", at) + 2 :]


PASSES = {
    "as it is": REQUEST,
    "to a group": GROUP,
    "trailing white space": but(BODY, BODY.replace(b"\r\n", b" \r\n\r\n", 1)),
    "other case": but(BODY, BODY.replace(b"Secure-Join", b"secure-join")),
    "step in capitals": but(b"Secure-Join: vc-request\r\nSecure", b"SECURE-JOIN: VC-Request\r\nSecure"),
}

REFUSED = {
    "no header": without(b"Secure-Join: vc"),
    "other step": REQUEST.replace(b"vc-request", b"vc-request-with-auth"),
    "step with words": but(b"Secure-Join: vc-request\r\nSecure", b"Secure-Join: vc-request " + CANARY + b"\r\nSecure"),
    "header given twice": but(b"Chat-Version", b"Secure-Join: vc-request\r\nChat-Version"),
    "header and body differ": but(BODY, BODY.replace(b"vc-", b"vg-")),
    "words before": but(BODY, CANARY + b"\r\n" + BODY),
    "words after": but(BODY, BODY.replace(b"request\r\n", b"request\r\n" + CANARY + b"\r\n")),
    "words on the line": but(BODY, BODY.replace(b"request\r\n", b"request " + CANARY + b"\r\n")),
    "empty body": but(BODY, b"\r\n--" + BOUNDARY),
    "other words": but(BODY, CANARY + b"\r\n--" + BOUNDARY),
    "html": but(b"text/plain", b"text/html"),
    "base64": but(b"7bit", b"base64"),
    "second part": but(
        BODY + b"--", BODY + b"\r\nContent-Type: text/plain\r\n\r\n" + CANARY + b"\r\n--" + BOUNDARY + b"--"
    ),
    "attachment": but(BODY + b"--", BODY + b"\r\nContent-Type: image/png\r\n\r\nx\r\n--" + BOUNDARY + b"--"),
    "preamble": but(b"\r\n\r\n\r\n--", b"\r\n\r\n" + CANARY + b"\r\n--"),
    "epilogue": REQUEST + CANARY + b"\r\n",
    "not closed": REQUEST[: REQUEST.rindex(b"--" + BOUNDARY)],
    "note in the part's header": but(b"Content-Transfer-Encoding: 7bit", b"X-Note: " + CANARY),
    "nested": but(b"Content-Type: text/plain", b"Content-Type: multipart/mixed; boundary=n"),
    "alternative": but(b"multipart/mixed", b"multipart/alternative"),
    "plain message": but(b"multipart/mixed; \r\n\tboundary=" + b'"' + BOUNDARY + b'"', b"text/plain"),
    "huge header": but(b"Chat-Version", b"X-Note: " + b"x" * 33_000 + b"\r\nChat-Version"),
    "huge body": but(BODY, b"\r\n" * 3000 + BODY),
}


def passes(raw: bytes) -> bool:
    return isinstance(judge(read(raw)), Accept)


@pytest.mark.parametrize("name", PASSES)
def test_passes(name: str) -> None:
    assert passes(PASSES[name])
    assert read(PASSES[name]).is_securejoin


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    assert REFUSED[name] != REQUEST
    assert not passes(REFUSED[name])


def test_what_the_inviter_needs_survives_and_the_rest_does_not() -> None:
    raw = but(b"Chat-Version", b"X-Note: " + CANARY + b"\r\nChat-Version")
    clean = minimise(raw, read(raw))
    assert passes(clean)
    assert CANARY not in clean
    assert b"Subject: [...]\r\n" in clean
    for name in (
        b"Secure-Join: vc-request\r\n",
        b"Secure-Join-Invitenumber: ",
        b"Autocrypt: addr=bob",
        b"Chat-Version: 1.0",
    ):
        assert name in clean
