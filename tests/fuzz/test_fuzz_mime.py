"""Invariants of message structure: any octets in any slices give the same parts as whole; parts lie inside their
parent, in order and not across each other; every line is looked at once at most. BODYSTRUCTURE and BODY are always of
the grammar, and tell as many parts, octets and lines as there are; every part they tell can be fetched by its number.
Where mail is in order, the parts are those that Python's own parser finds. Decoders and readers of fields never fail.
"""

import email
import email.policy
from collections.abc import Iterator
from email.message import Message

from hypothesis import given, settings
from hypothesis import strategies as st
from imap.content.charset import text, text_decoder
from imap.content.content_fields import content_fields, media_type
from imap.content.encoded_words import decode_header
from imap.content.part import Part, find
from imap.content.preview import MAX_LETTERS, preview, previewed
from imap.content.sent import sent
from imap.content.structure import MAX_DEPTH, MAX_PARTS, Scanner, scan
from imap.content.subject import base_subject
from imap.content.transfer import decoder
from imap.wire.bodystructure import bodystructure

LINES = [
    b"--a", b"--a--", b"--b", b"--b--", b"-", b"--", b"", b"", b"text", b"--a ", b"Content-Type: text/plain",
    b"Content-Type: multipart/mixed; boundary=a", b'Content-Type: multipart/digest; boundary="b"',
    b"Content-Type: message/rfc822", b"Content-Transfer-Encoding: base64", b"Content-Disposition: x; y=\"z\\\"\"",
    b"Content-Language: en, de", b"Content-Id: \xff", b"Subject: =?utf-8?q?=C3?=", b"To: a@b.test, c: d@e.test;",
    b" fold",
]  # fmt: skip
HEADS = [b"", b"", b"Content-Type: message/rfc822\r\n\r\n"] + [
    b"Content-Type: multipart/%b; boundary=%b\r\n\r\n--%b\r\n" % (kind, boundary, boundary)
    for kind in (b"mixed", b"digest")
    for boundary in (b"a", b"b")
]
BODIES = st.lists(st.one_of(st.sampled_from(LINES), st.binary(max_size=8)), max_size=40).map(b"\r\n".join)
MAIL = st.tuples(st.sampled_from(HEADS), st.sampled_from(HEADS), BODIES).map(b"".join)
SLICES = st.lists(st.integers(1, 30), min_size=1, max_size=20)


def split(message: bytes) -> int:
    return message.find(b"\r\n\r\n") + 4 if b"\r\n\r\n" in message else len(message)


def all_parts(part: Part) -> Iterator[Part]:
    yield part
    for inner in part.parts:
        yield from all_parts(inner)


@settings(max_examples=400, derandomize=True, deadline=None)
@given(MAIL, SLICES)
def test_slices_change_nothing(message: bytes, sizes: list[int]) -> None:
    head = split(message)
    scanner, at = Scanner(message[:head]), head
    while at < len(message):
        size = sizes[at % len(sizes)]
        scanner.feed(message[at : at + size])
        at += size
    assert scanner.finish() == scan(message, head)
    assert scanner.looks <= message.count(b"\r\n") + 1


@settings(max_examples=400, derandomize=True, deadline=None)
@given(MAIL)
def test_parts_lie_inside_each_other(message: bytes) -> None:
    root = scan(message, split(message))
    assert (root.start, root.end) == (0, len(message))
    parts = list(all_parts(root))
    assert len(parts) <= MAX_PARTS
    for part in parts:
        assert part.start <= part.body <= part.end
        assert part.lines <= message[part.body : part.end].count(b"\n")
        at = part.body
        for inner in part.parts:
            assert at <= inner.start
            assert inner.end <= part.end
            at = inner.end
        assert bool(part.parts) == (part.is_multipart or part.is_message)
    assert depth(root) <= MAX_DEPTH


def depth(part: Part) -> int:
    return max((1 + depth(inner) for inner in part.parts), default=0)


# BODYSTRUCTURE, read strictly by RFC 3501 §9


class Reader:
    def __init__(self, octets: bytes) -> None:
        self.octets, self.at = octets, 0

    def value(self) -> object:
        """Read a list, a string, NIL or a number."""
        rest = self.octets[self.at :]
        if rest[:1] == b"(":
            return self.list()
        if rest[:1] == b'"':
            return self.quoted()
        if rest[:1] == b"{":
            size = int(rest[1 : rest.index(b"}\r\n")])
            start = self.at + rest.index(b"}\r\n") + 3
            self.at = start + size
            assert self.at <= len(self.octets)
            return self.octets[start : self.at]
        end = self.at
        while self.octets[end : end + 1] not in (b" ", b")", b"(", b""):
            end += 1
        word, self.at = self.octets[self.at : end], end
        assert word == b"NIL" or word.isdigit(), word
        return None if word == b"NIL" else int(word)

    def list(self) -> list[object]:
        found: list[object] = []
        self.at += 1
        while self.octets[self.at : self.at + 1] != b")":
            if found:
                is_list_next = self.octets[self.at : self.at + 1] == b"("
                # Lists may follow each other without a space; nothing else may.
                if not (is_list_next and isinstance(found[-1], list)):
                    assert self.octets[self.at : self.at + 1] == b" "
                    self.at += 1
            found.append(self.value())
        self.at += 1
        return found

    def quoted(self) -> bytes:
        said, self.at = b"", self.at + 1
        while (octet := self.octets[self.at : self.at + 1]) != b'"':
            if octet == b"\\":
                self.at += 1
                octet = self.octets[self.at : self.at + 1]
                assert octet in (b"\\", b'"')
            assert octet
            assert 0x20 <= octet[0] <= 0x7E
            said, self.at = said + octet, self.at + 1
        self.at += 1
        return said


def is_string(value: object) -> bool:
    return isinstance(value, bytes)


def is_nstring(value: object) -> bool:
    return value is None or isinstance(value, bytes)


def check_parameters(value: object) -> None:
    if value is not None:
        assert isinstance(value, list)
        assert value
        assert len(value) % 2 == 0
        assert all(map(is_string, value))


def check_extension(values: list[object]) -> None:
    disposition, language, location = values
    if disposition is not None:
        assert isinstance(disposition, list)
        assert is_string(disposition[0])
        check_parameters(disposition[1])
    assert is_nstring(language) or (isinstance(language, list) and language and all(map(is_string, language)))
    assert is_nstring(location)


def check_envelope(value: object) -> None:
    assert isinstance(value, list)
    assert len(value) == 10
    assert all(is_nstring(value[at]) for at in (0, 1, 8, 9))
    for addresses in value[2:8]:
        assert addresses is None or all(len(one) == 4 and all(map(is_nstring, one)) for one in addresses)


def check_body(value: object, part: Part, *, is_extended: bool) -> None:
    assert isinstance(value, list)
    if part.is_multipart:
        count = len(part.parts)
        for inner, told in zip(part.parts, value[:count], strict=True):
            check_body(told, inner, is_extended=is_extended)
        assert is_string(value[count])
        rest = value[count + 1 :]
        assert len(rest) == (4 if is_extended else 0)
        if is_extended:
            check_parameters(rest[0])
            check_extension(rest[1:])
        return
    kind, subtype, parameters, own_id, description, encoding, octets, *rest = value
    assert is_string(kind) and is_string(subtype) and is_string(encoding)  # noqa: PT018
    assert is_nstring(own_id) and is_nstring(description)  # noqa: PT018
    check_parameters(parameters)
    assert octets == part.size
    if kind.lower() == b"message" and subtype.lower() == b"rfc822":
        envelope, body, lines, *rest = rest
        check_envelope(envelope)
        check_body(body, part.parts[0], is_extended=is_extended)
        assert lines == part.lines
    elif kind.lower() == b"text":
        assert rest.pop(0) == part.lines
    assert kind.lower() != b"multipart"
    assert len(rest) == (4 if is_extended else 0)
    if is_extended:
        assert is_nstring(rest[0])
        check_extension(rest[1:])


@settings(max_examples=500, derandomize=True, deadline=None)
@given(MAIL, st.booleans())
def test_bodystructure_is_of_the_grammar(message: bytes, is_extended: bool) -> None:
    root = scan(message, split(message))
    reader = Reader(bodystructure(root, is_extended=is_extended))
    check_body(reader.value(), root, is_extended=is_extended)
    assert reader.at == len(reader.octets)


def numbered(part: Part, path: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Part]]:
    """Number the parts of a whole message as BODYSTRUCTURE shows them."""
    if not part.is_multipart:
        yield (*path, 1), part
        if part.is_message:
            yield from numbered(part.parts[0], (*path, 1))
        return
    for number, inner in enumerate(part.parts, 1):
        if inner.is_multipart:
            yield (*path, number), inner
            yield from numbered(inner, (*path, number))
        else:
            yield (*path, number), inner
            if inner.is_message:
                yield from numbered(inner.parts[0], (*path, number))


@settings(max_examples=200, derandomize=True, deadline=None)
@given(MAIL)
def test_every_part_has_its_number(message: bytes) -> None:
    root = scan(message, split(message))
    for path, part in numbered(root, ()):
        assert find(root, path) is part


# Python's own parser, where mail is in order

TEXTS = st.sampled_from([b"", b"one", b"one\r\ntwo\r\n", b"-- \r\nsig", b"--x"])


@st.composite
def orderly(draw: st.DrawFn, level: int = 0) -> bytes:
    """A part in order: its header and its body."""
    kinds = ["leaf"] if level > 3 else ["leaf", "leaf", "many", "message"]
    kind = draw(st.sampled_from(kinds))
    if kind == "leaf":
        media = draw(st.sampled_from([b"text/plain", b"image/png", b"text/html"]))
        return b"Content-Type: " + media + b"\r\n\r\n" + draw(TEXTS)
    if kind == "message":
        return b"Content-Type: message/rfc822\r\n\r\nSubject: s\r\n" + draw(orderly(level + 1))
    boundary = b"b%d.%d" % (level, draw(st.integers(0, 99)))
    parts = draw(st.lists(orderly(level + 1), min_size=1, max_size=3))
    inside = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    return b"Content-Type: multipart/mixed; boundary=" + boundary + b"\r\n\r\n" + inside + b"--" + boundary + b"--"


@settings(max_examples=150, derandomize=True, deadline=None)
@given(orderly())
def test_as_python_reads_it(message: bytes) -> None:
    theirs = email.message_from_bytes(message, policy=email.policy.compat32)
    compare(theirs, scan(message, split(message)), message)


def compare(theirs: Message, ours: Part, message: bytes) -> None:
    assert theirs.get_content_type().encode() == ours.type.full
    inner = theirs.get_payload() if theirs.is_multipart() else []
    assert len(inner) == len(ours.parts)
    for their_part, our_part in zip(inner, ours.parts, strict=True):
        assert isinstance(their_part, Message)
        compare(their_part, our_part, message)
    if not inner:
        assert str(theirs.get_payload()).encode() == message[ours.body : ours.end]


# What reads fields and texts


@settings(max_examples=500, derandomize=True, deadline=None)
@given(st.binary(max_size=80), st.sampled_from([b"base64", b"quoted-printable", b"8bit"]), SLICES)
def test_decoders_never_fail(data: bytes, encoding: bytes, sizes: list[int]) -> None:
    decode, whole = decoder(encoding), decoder(encoding)
    assert decode is not None
    assert whole is not None
    said, at = b"", 0
    while at < len(data):
        size = sizes[at % len(sizes)]
        said += decode.feed(data[at : at + size])
        at += size
    said += decode.finish()
    assert len(said) <= len(data)
    assert said == whole.feed(data) + whole.finish()


_FIELDISH = st.lists(
    st.sampled_from(
        [b"=?utf-8?q?", b"=?iso-2022-jp?b?", b"?=", b"=41", b"Z", b" ", b"\t", b"\r\n ", b"\xff", b";", b"=", b'"',
         b"\\", b"a/b", b"(", b")", b"Re:", b"[", b"]", b"fwd", b"1 Jan 2020", b"99:99", b"+0100", b"\0"]
    ),
    max_size=20,
).map(b"".join)  # fmt: skip


@settings(max_examples=500, derandomize=True, deadline=None)
@given(_FIELDISH)
def test_fields_never_fail(value: bytes) -> None:
    said = decode_header(value)
    base, _ = base_subject(said)
    assert base_subject(base)[0] == base or "[" in base or "(" in base
    sent(value)
    media = media_type(value)
    assert media.name and media.subtype  # noqa: PT018
    content_fields(b"Content-Type: " + value + b"\r\n")
    assert text(value, value) is not None
    assert text_decoder(value).decode(value, True) is not None


@settings(max_examples=300, derandomize=True, deadline=None)
@given(MAIL)
def test_previews_are_short_and_clean(message: bytes) -> None:
    root = scan(message, split(message))
    part = previewed(root)
    if part is not None:
        words = preview(part, message[part.body : part.end])
        assert len(words) <= MAX_LETTERS
        assert not set(words) & set("\r\n\0\t")
