import random
from collections.abc import Iterator

import pytest
from imap.content import structure
from imap.content.part import Part, find
from imap.content.structure import MAX_DEPTH, MAX_PARTS, Scanner, scan

MIXED = "Content-Type: multipart/mixed; boundary=b\n\n"

# The message by which RFC 3501 §6.4.5 shows how parts are numbered.
NUMBERED = """\
Subject: outer
Content-Type: multipart/mixed; boundary=one

--one
Content-Type: text/plain

first
--one
Content-Type: application/octet-stream

second
--one
Content-Type: message/rfc822

Subject: third
Content-Type: multipart/mixed; boundary=two

--two
Content-Type: text/plain

third-first
--two
Content-Type: application/octet-stream

third-second
--two--
--one
Content-Type: multipart/mixed; boundary=three

--three
Content-Type: image/gif

fourth-first
--three
Content-Type: message/rfc822

Subject: fourth-second
Content-Type: multipart/mixed; boundary=four

--four
Content-Type: text/plain

fourth-second-first
--four
Content-Type: multipart/alternative; boundary=five

--five
Content-Type: text/plain

plain
--five
Content-Type: text/richtext

rich
--five--
--four--
--three--
--one--
"""

PATHS = [
    ("1", b"text/plain", b"first"),
    ("2", b"application/octet-stream", b"second"),
    ("3", b"message/rfc822", None),
    ("3.1", b"text/plain", b"third-first"),
    ("3.2", b"application/octet-stream", b"third-second"),
    ("4", b"multipart/mixed", None),
    ("4.1", b"image/gif", b"fourth-first"),
    ("4.2", b"message/rfc822", None),
    ("4.2.1", b"text/plain", b"fourth-second-first"),
    ("4.2.2", b"multipart/alternative", None),
    ("4.2.2.1", b"text/plain", b"plain"),
    ("4.2.2.2", b"text/richtext", b"rich"),
]

ODD = [
    pytest.param(MIXED + "--b\n\none\n--b\n\ntwo", ["text/plain:one", "text/plain:two"], id="no-end"),
    pytest.param(MIXED + "pre\n--b\n\none\n--b--\npost\n--b\n\nno\n", ["text/plain:one"], id="words-around"),
    pytest.param(MIXED + "--b  \t\n\none\n--b-- \n", ["text/plain:one"], id="white-space-behind"),
    pytest.param(MIXED + "--bc\n\none\n--b\n\ntwo\n--b--\n", ["text/plain:two"], id="a-longer-word"),
    pytest.param(MIXED + "--b\n--b\n\ntwo\n--b--\n", ["text/plain:", "text/plain:two"], id="no-header-no-body"),
    pytest.param(MIXED + "--b\nContent-Type: text/html\n--b--\n", ["text/html:"], id="a-header-without-an-end"),
    pytest.param(MIXED + "--b\n\n--b--\n", ["text/plain:"], id="an-empty-body"),
    pytest.param(MIXED + "--b\n\n\n--b--\n", ["text/plain:"], id="one-line-end-is-the-delimiters"),
    pytest.param(MIXED + "--b\n\n\n\n--b--\n", ["text/plain:\r\n"], id="two-line-ends"),
    pytest.param(MIXED + "--b\nContent-Type: text\n\none\n--b--", ["text/plain:one"], id="half-a-type"),
    pytest.param(MIXED + "nothing\n", ["text/plain:nothing\r\n"], id="no-delimiter-at-all"),
    pytest.param("Content-Type: multipart/mixed\n\n--b\n\none\n", ["text/plain:--b\r\n\r\none\r\n"], id="no-boundary"),
    pytest.param("\njust text", ["text/plain:just text"], id="no-header"),
    pytest.param("Subject: x\n\n", ["text/plain:"], id="no-body"),
    pytest.param(
        "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: s\n\none\n--b--\n",
        ["message/rfc822:Subject: s\r\n\r\none"],
        id="digest",
    ),
    pytest.param(
        MIXED + "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\none\n--b\n\ntwo\n--b--\n",
        ["multipart/mixed:--c\r\n\r\none", "text/plain:two"],
        id="an-inner-part-without-an-end",
    ),
    pytest.param(
        MIXED + "--b\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b--\n--b\n\ntwo\n--b--\n",
        ["multipart/mixed:--b\r\n\r\none\r\n--b--", "text/plain:two"],
        id="the-same-boundary-inside",
    ),
    pytest.param(
        MIXED + "--b\nContent-Type: message/rfc822\n--b--\n", ["application/octet-stream:"], id="a-message-that-is-none"
    ),
]


def read(text: str) -> tuple[bytes, Part]:
    message = text.replace("\n", "\r\n").encode()
    return message, scan(message, message.index(b"\r\n\r\n") + 4 if message[:2] != b"\r\n" else 2)


def told(message: bytes, part: Part) -> str:
    return f"{part.type.full.decode()}:{message[part.body : part.end].decode()}"


def all_parts(part: Part) -> Iterator[Part]:
    yield part
    for inner in part.parts:
        yield from all_parts(inner)


@pytest.mark.parametrize(("path", "media", "body"), PATHS, ids=[path for path, _, _ in PATHS])
def test_parts_are_numbered_as_the_rfc_numbers_them(path: str, media: bytes, body: bytes | None) -> None:
    message, root = read(NUMBERED)
    part = find(root, [int(number) for number in path.split(".")])
    assert part is not None
    assert part.type.full == media
    if body is not None:
        assert message[part.body : part.end] == body


@pytest.mark.parametrize("path", ["5", "1.1", "2.1", "3.3", "4.1.1", "4.2.2.3", "3.1.1", "4294967295"])
def test_parts_that_do_not_exist(path: str) -> None:
    assert find(read(NUMBERED)[1], [int(number) for number in path.split(".")]) is None


def test_a_message_without_parts_has_one() -> None:
    _, root = read("Subject: x\n\nbody\n")
    assert find(root, [1]) is root
    assert find(root, []) is root
    assert find(root, [2]) is find(root, [1, 1]) is None


def test_a_message_in_a_message() -> None:
    message, root = read("Content-Type: message/rfc822\n\nSubject: in\n\nbody\n")
    assert find(root, [1]) is root
    inner = find(root, [1, 1])
    assert inner is not None
    assert message[inner.body : inner.end] == b"body\r\n"
    assert inner.header == b"Subject: in\r\n"
    assert find(root, [1, 1, 1]) is None


@pytest.mark.parametrize(("text", "parts"), ODD)
def test_what_mail_gets_wrong(text: str, parts: list[str]) -> None:
    message, root = read(text)
    assert [told(message, part) for part in (root.parts if root.is_multipart else [root])] == parts


def test_lines_and_sizes() -> None:
    _, root = read(MIXED + "--b\n\none\ntwo\n\n--b\n\nx\n--b--\n")
    assert [(part.size, part.lines) for part in root.parts] == [(10, 2), (1, 0)]
    assert (root.size, root.lines) == (36, 9)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 64])
@pytest.mark.parametrize("text", [NUMBERED, *(case.values[0] for case in ODD)])
def test_slices_change_nothing(text: str, size: int) -> None:
    message, root = read(text)
    scanner = Scanner(message[: root.body])
    for at in range(root.body, len(message), size):
        scanner.feed(message[at : at + size])
    assert scanner.finish() == root


def nested(depth: int) -> str:
    return "".join(f"Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n" for level in range(depth))


def test_what_is_nested_too_deeply_is_one_part() -> None:
    _, root = read(nested(10_000))
    parts = list(all_parts(root))
    assert len(parts) == MAX_DEPTH + 1
    assert parts[-1].type.full == b"application/octet-stream"
    _, messages = read("Content-Type: message/rfc822\n\n" * 10_000)
    assert [part.type.full for part in all_parts(messages)][-2:] == [b"message/rfc822", b"application/octet-stream"]


def test_parts_that_are_too_many_are_one_part() -> None:
    message, root = read(MIXED + "--b\n\nx\n" * 5000)
    assert len(list(all_parts(root))) == MAX_PARTS
    assert root.parts[-1].type.full == b"application/octet-stream"
    assert root.parts[-1].end == len(message)


def test_it_stops_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structure, "MAX_LOOKS", 50)
    _, root = read(MIXED + "--b\n\n1\n" + "--x\n" * 100 + "--b\n\n2\n--b--\n")
    assert len(root.parts) == 1
    _, in_header = read(MIXED + "--b\n" + "--x\n" * 100 + "\n2\n--b--\n")
    assert [part.type.full for part in in_header.parts] == [b"application/octet-stream"]


@pytest.mark.parametrize("line", ["--x\n", "--b\n", "-\n", "--\n", "\n", "--b" + "x" * 300 + "\n"])
def test_a_megabyte_of_lines_is_looked_at_once(line: str) -> None:
    count = 1_000_000 // len(line)
    message = (MIXED + line * count).replace("\n", "\r\n").encode()
    scanner = Scanner(message[: message.index(b"\r\n\r\n") + 4])
    scanner.feed(message[message.index(b"\r\n\r\n") + 4 :])
    scanner.finish()
    assert scanner.looks <= count + 1


def test_what_is_kept_is_bounded() -> None:
    part = "--b\nContent-Description: " + "d" * 20_000 + "\nContent-Type: text/html; x=" + "y" * 5000 + "\n\n1\n"
    _, root = read(MIXED + part * 300)
    assert len(root.parts) == 300
    kept = sum(len(value) for inner in root.parts for value in inner.content.values())
    kept += sum(len(value) for inner in root.parts for _, value in inner.type.parameters)
    assert kept <= structure.MAX_KEPT
    assert {inner.type.full for inner in root.parts} == {b"text/html"}


def test_a_long_header_of_a_part_is_read_up_to_a_limit() -> None:
    _, root = read(MIXED + "--b\nX: " + "x" * 100_000 + "\nContent-Type: text/html\n\n1\n--b--\n")
    assert root.parts[0].type.full == b"text/plain"
    assert root.parts[0].size == 1


def test_random_lines_in_random_slices() -> None:
    rng = random.Random(5)
    lines = ["--b\n", "--b--\n", "--c\n", "\n", "x\n", "Content-Type: multipart/mixed; boundary=c\n", "--c--\n"]
    for _ in range(200):
        message, root = read(MIXED + "".join(rng.choices(lines, k=30)))
        scanner, at = Scanner(message[: root.body]), root.body
        while at < len(message):
            size = rng.randint(1, 9)
            scanner.feed(message[at : at + size])
            at += size
        assert scanner.finish() == root
