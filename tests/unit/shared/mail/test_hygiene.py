"""Header minimisation (F5-F8): what is dropped, what is rewritten, what must survive."""

import pytest

from shared.mail.hygiene import KEPT as LIMITS
from shared.mail.hygiene import KEPT_OF_STRANGERS, MAX_STORED_HEADER, minimise, tidy
from shared.mail.message import read

KEPT = [
    b"From: Alice <a@d.example>",
    b"To: b@d.example,\r\n c@d.example",
    b"CC: d@d.example",
    b"Date: Sun, 22 Nov 2026 10:00:00 +0000",
    b"Message-ID: <1@d.example>",
    b"In-Reply-To: <0@d.example>",
    b"References: <0@d.example>\r\n <9@d.example>",
    b"Content-Type: multipart/encrypted;\r\n\tboundary=b",
    b"Content-Transfer-Encoding: 7bit",
    b"Auto-Submitted: auto-replied",
    b"Autocrypt: addr=a@d.example; keydata=" + b"A" * 900 + b"\r\n " + b"B" * 9000,
    b"Chat-Version: 1.0",
    b"Chat-Is-Post-Message: 1",
    b"Secure-Join: vc-request",
    b"Secure-Join-Invitenumber: abc",
    b"Secure-Join-Group: def",
]

DROPPED = [
    *(b"Received: from [192.0.2.7] by x", b"Received: a\r\n b\r\n\tc", b"rEcEiVeD:x", b"X-Originating-IP: 192.0.2.7"),
    *(
        b"X-Mailer: m",
        b"User-Agent: m",
        b"user-agent:\r\n m",
        b"DKIM-Signature: v=1; b=x",
        b"Authentication-Results: x",
    ),
    *(b"ARC-Seal: i=1", b"ARC-Message-Signature: i=1", b"ARC-Authentication-Results: i=1", b"Bcc: e@d.example"),
    *(
        b"Sender: e@d.example",
        b"Return-Path: <e@d.example>",
        b"Reply-To: e@d.example",
        b"Thread-Topic: t",
        b"Comments: t",
    ),
    *(b"Organization: o", b"List-Id: l", b"X-Spam-Status: no", b"Content-Language: de", b"Content-Description: t"),
    *(
        b"Disposition-Notification-To: a@d.example",
        b"Autocrypt-Setup-Message: v1",
        b"Chat-Made-Up: t",
        b"X-: t",
        b"!: t",
    ),
    *(b"Chat-Version: " + b"t" * 1024, b"Message-ID: <" + b"t " * 600 + b">", b"Autocrypt: " + b"t" * 40_000),
    *(b"References: " + b"<t@d> " * 2000, b"Auto-Submitted: " + b"t" * 2000),
]

BODY = b"body\r\n\r\nReceived: in the body\r\nSubject: in the body\r\n"


def message(*fields: bytes) -> bytes:
    return b"".join(field + b"\r\n" for field in fields) + b"\r\n" + BODY


def minimised(raw: bytes) -> bytes:
    return minimise(raw, read(raw))


def test_everything_on_the_list_survives_byte_for_byte() -> None:
    raw = message(*KEPT)
    assert minimised(raw) == raw


@pytest.mark.parametrize("field", DROPPED, ids=lambda field: ascii(field)[:40])
def test_dropped(field: bytes) -> None:
    for fields in (
        [field, b"From: a@d.example"],
        [b"From: a@d.example", field],
        [b"Date: x", field, b"From: a@d.example"],
    ):
        raw = message(*fields)
        assert minimised(raw) == message(*(other for other in fields if other is not field))


@pytest.mark.parametrize(
    "subject",
    [b"Subject: hello", b"sUBJECT:hello", b"Subject:\r\n hello\r\n\tyou", b"Subject:", b"Subject: " + b"x" * 5000],
)
def test_subject(subject: bytes) -> None:
    assert minimised(message(b"From: a@d.example", subject)) == message(b"From: a@d.example", b"Subject: [...]")


def test_mailer_in_mime_version() -> None:
    assert minimised(message(b"Mime-Version: 1.0 (Mail 16.0)")) == message(b"MIME-Version: 1.0")


def test_only_the_first_of_a_name() -> None:
    raw = message(b"Autocrypt: a", b"Chat-Version: 1.0", b"autocrypt: b", b"Chat-Version: x")
    assert minimised(raw) == message(b"Autocrypt: a", b"Chat-Version: 1.0")


def of_size(name: bytes, size: int) -> bytes:
    """Make a field that is `size` octets long with its line end."""
    return (name + b": ").ljust(size - 2, b"x")


@pytest.mark.parametrize("name", LIMITS, ids=ascii)
def test_a_field_is_dropped_whole_beyond_its_limit(name: bytes) -> None:
    limit = LIMITS[name]
    at_limit, beyond = of_size(name, limit), of_size(name, limit + 1)
    assert minimised(message(b"X-A: b", at_limit)) == message(at_limit)
    assert minimised(message(beyond)) == b"\r\n" + BODY


def test_a_stored_header_is_bounded() -> None:
    fields = [of_size(name, limit) for name, limit in LIMITS.items()]
    clean = minimised(message(b"Subject: " + b"x" * 900, b"MIME-Version: 1.0 (x)", *fields))
    assert read(clean).header_size <= MAX_STORED_HEADER
    assert read(clean).header_size > sum(LIMITS.values())
    assert MAX_STORED_HEADER <= 65_536


def test_a_group_of_sixty_keeps_its_members() -> None:
    members = [b'"Member number %d of us" <member%09d@chat.example.org>' % (i, i) for i in range(60)]
    to, cc = b"To: " + b",\r\n\t".join(members), b"Cc: " + b", ".join(members)
    assert minimised(message(to, cc)) == message(to, cc)


def test_a_letter_in_place_of_members_is_dropped() -> None:
    letter = b"see you at noon by the old mill, " * 900
    assert minimised(message(b"To: " + letter, b"Cc: " + letter, b"Date: d")) == message(b"Date: d")


def test_header_size_changes_by_the_difference() -> None:
    raw = message(b"X-Mailer: m", b"From: a@d.example", b"Subject: hello")
    facts = read(raw)
    clean = minimise(raw, facts)
    assert read(clean).header_size == facts.header_size + len(clean) - len(raw)
    assert clean.endswith(b"\r\n\r\n" + BODY)


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_any_buffer(kind: type) -> None:
    raw = message(b"X-Mailer: m", b"Subject: s", b"Date: d")
    assert minimise(kind(raw), read(raw)) == minimised(raw)


def test_twice_is_once() -> None:
    once = minimised(message(*KEPT, b"Subject: s", *DROPPED[:10]))
    assert minimised(once) == once


# Mail from elsewhere ------------------------------------------------------------------------------------------------

OF_STRANGERS = [
    b"Subject: =?utf-8?q?sch=C3=B6n?=\r\n and folded",
    b"MIME-Version: 1.0 (Mail 16.0)",
    b"Reply-To: x@d.example",
    b"Sender: x@d.example",
    b"List-Id: <l.d.example>",
    b"List-Unsubscribe: <https://d.example/>",
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click",
    b"Disposition-Notification-To: a@d.example",
    b"Content-Disposition: attachment; filename=a.json.gz",
    b"X-Failed-Recipients: b@d.example",
    b"TLS-Report-Domain: d.example",
    b"Precedence: bulk",
]
OF_SERVERS = [
    b"Return-Path: <a@d.example>",
    b"Delivered-To: a@d.example",
    b"Received: from [192.0.2.7] by x;\r\n now",
    b"DKIM-Signature: v=1; b=x",
    b"Authentication-Results: x; dkim=pass",
    b"Received-SPF: pass",
    b"ARC-Seal: i=1",
    b"ARC-Message-Signature: i=1",
    b"ARC-Authentication-Results: i=1",
    b"X-Spam-Status: no",
    b"X-Originating-IP: 192.0.2.7",
    b"X-Mailer: m",
    b"User-Agent: m",
    b"Bcc: e@d.example",
    b"List-Made-Up: t",
    b"Comments: t",
]


def tidied(raw: bytes) -> bytes:
    return tidy(raw, read(raw))


def test_what_readers_of_strangers_mail_need_survives_byte_for_byte() -> None:
    raw = message(*KEPT, *OF_STRANGERS)
    assert tidied(raw) == raw
    raw = message(*OF_STRANGERS[::-1], *KEPT)
    assert tidied(raw) == raw


@pytest.mark.parametrize("field", OF_SERVERS, ids=lambda field: ascii(field)[:40])
def test_what_servers_say_is_dropped(field: bytes) -> None:
    kept = [b"Subject: s", b"From: a@d.example"]
    for fields in ([field, *kept], [*kept, field], [kept[0], field, kept[1]]):
        assert tidied(message(*fields)) == message(*kept)


def test_only_the_first_of_a_name_there_too() -> None:
    raw = message(b"List-Id: a", b"Autocrypt: a", b"list-id: b", b"autocrypt: b")
    assert tidied(raw) == message(b"List-Id: a", b"Autocrypt: a")


@pytest.mark.parametrize("name", [*LIMITS, *KEPT_OF_STRANGERS], ids=ascii)
def test_limits_of_strangers(name: bytes) -> None:
    limit = {**LIMITS, **KEPT_OF_STRANGERS}[name]
    at_limit, beyond = of_size(name, limit), of_size(name, limit + 1)
    assert tidied(message(b"X-A: b", at_limit)) == message(at_limit)
    assert tidied(message(beyond)) == b"\r\n" + BODY


def test_all_of_it_is_bounded_and_what_matters_more_stays() -> None:
    needed = [of_size(name, limit) for name, limit in LIMITS.items()]
    more = [of_size(name, limit) for name, limit in KEPT_OF_STRANGERS.items()]
    for fields in (needed + more, more + needed):
        clean = tidied(message(*fields))
        assert read(clean).header_size <= MAX_STORED_HEADER
        assert all(field in clean for field in needed)
        assert not all(field in clean for field in more)
    assert tidied(message(*needed, b"Subject: hello")) == message(*needed, b"Subject: hello")


def test_what_was_tidied_is_tidy_and_keeps_its_body() -> None:
    once = tidied(message(*OF_SERVERS, *KEPT, *OF_STRANGERS))
    assert tidied(once) == once
    assert once.endswith(b"\r\n\r\n" + BODY)
