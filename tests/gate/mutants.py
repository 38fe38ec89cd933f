"""What an attacker, a broken mailer and an unusual but honest one would make of an encrypted message.

Each function takes a recipe and returns a message. `accepted` ones must pass; `refused` ones must not, and if
an independent reader still finds an encrypted message in them, `why` is the reason why they are refused.
The kinds are those of the attack list: P1 plain text … P15 secure join, M limits.
"""

from collections.abc import Callable
from typing import NamedTuple

from tests.gate.recipe import BEGIN, CANARY, END, Recipe, armored, packet, packets

Make = Callable[[Recipe], bytes]


class Mutant(NamedTuple):
    name: str
    make: Make
    is_accepted: bool
    why: str = ""


def _refused(kind: str, why: str, makes: dict[str, Make]) -> list[Mutant]:
    return [Mutant(f"{kind}-{name}", make, False, why) for name, make in makes.items()]


def _accepted(kind: str, makes: dict[str, Make]) -> list[Mutant]:
    return [Mutant(f"{kind}-{name}", make, True) for name, make in makes.items()]


def _second(change: Callable[[bytes], bytes]) -> Make:
    """Change the armor."""
    return lambda r: r.but(second=change(armored(r.octets, checksum=b"=aR37")))


def _octets(change: Callable[[bytes], bytes]) -> Make:
    """Change the packets and armor them again."""
    return lambda r: r.but(octets=change(r.octets))


def _fields(*more: bytes) -> Make:
    return lambda r: r.but(fields=(*r.fields, *more))


def _plain(media: bytes, body: bytes) -> Make:
    return lambda r: b"".join(f + b"\r\n" for f in r.fields) + b"Content-Type: " + media + b"\r\n\r\n" + body


def _data(octets: bytes) -> bytes:
    return packets(octets)[-1][1]


def _keys(octets: bytes) -> bytes:
    return b"".join(packet(kind, body) for kind, body in packets(octets)[:-1])


def _with_data(make: Callable[[bytes], bytes]) -> Make:
    """Keep the session keys and encode the data packet anew from its body."""
    return _octets(lambda o: _keys(o) + make(_data(o)))


def _partial(body: bytes, *powers: int) -> bytes:
    """Encode the data packet in partial chunks of 2**power octets and a last definite one."""
    out = b"\xd2"
    for power in powers:
        out += bytes([224 + power]) + body[: 1 << power]
        body = body[1 << power :]
    return out + b"\xff" + len(body).to_bytes(4, "big") + body


def _old(size: int) -> Callable[[bytes], bytes]:
    """Encode the session keys with old-format headers, as GnuPG does."""

    def encode(octets: bytes) -> bytes:
        out = b""
        for kind, body in packets(octets)[:-1]:
            out += bytes([0x80 | kind << 2 | size]) + len(body).to_bytes(1 << size, "big") + body
        return out + packet(18, _data(octets))

    return encode


def _written_over(armor: bytes, words: bytes) -> bytes:
    """Let the letters of `words` take the place of as many characters of base64; the packets stay whole."""
    lines = armor.split(b"\r\n")
    middle = len(lines) // 2
    lines[middle] = words + lines[middle][len(b"".join(words.split())) :]
    return b"\r\n".join(lines)


def _a_word_a_line(armor: bytes, words: bytes) -> bytes:
    """Write words over the base64 as above, and break the line after each."""
    return _written_over(armor, words).replace(words, b"\r\n".join(words.split()) + b"\r\n")


def _lines(change: Callable[..., list[bytes]]) -> Make:
    """Break the same base64 into other lines."""

    def make(recipe: Recipe) -> bytes:
        opening, _, text = armored(recipe.octets).partition(b"\r\n\r\n")
        return recipe.but(second=opening + b"\r\n\r\n" + b"\r\n".join(change(*text.split(b"\r\n"))))

    return make


def _part_field(*fields: bytes) -> Make:
    """Add fields to the second part's header."""
    return lambda r: r.but(second_header=r.second_header + b"".join(field + b"\r\n" for field in fields))


def _part_type(parameter: bytes) -> Make:
    """Add a parameter to the second part's content type."""
    return lambda r: r.but(second_header=r.second_header.replace(b'"utf-8"', b'"utf-8"' + parameter))


_SPEECH = b"PGP " + CANARY * 26
LITERAL = packet(11, b"t\0\0\0\0\0" + CANARY)
_PART = b"Content-Type: text/plain\r\n\r\n" + CANARY + b"\r\n"

MUTANTS: list[Mutant] = [
    *_refused(
        "P1",
        "",
        {
            "text": _plain(b"text/plain", CANARY + b"\r\n"),
            "html": _plain(b"text/html", b"<p>" + CANARY + b"</p>\r\n"),
            "empty": _plain(b"text/plain", b""),
            "alternative": _plain(b'multipart/alternative; boundary="b"', b"--b\r\n" + _PART + b"--b--\r\n"),
            "inline-armor": lambda r: _plain(b"text/plain", armored(r.octets))(r),
            "octet-stream": lambda r: _plain(b"application/octet-stream", r.octets)(r),
            "report": _plain(b'multipart/report; boundary="b"', b"--b\r\n" + _PART + b"--b--\r\n"),
            "setup-message": lambda r: _plain(b'multipart/mixed; boundary="b"', b"--b\r\n" + _PART + b"--b--\r\n")(r),
            "no-content-type": lambda r: r.but(media=b""),
        },
    ),
    *_refused(
        "P2",
        "",
        {
            "words-in-armor": lambda r: r.but(second=BEGIN + b"\r\n\r\n" + CANARY + b"\r\n\r\n" + END + b"\r\n"),
            "begin-only": lambda r: r.but(second=BEGIN + b"\r\n\r\n" + CANARY + b"\r\n"),
            "no-armor": lambda r: r.but(second=CANARY),
            "empty-armor": lambda r: r.but(second=BEGIN + b"\r\n\r\n" + END + b"\r\n"),
            "empty-armor-one-line": lambda r: r.but(second=BEGIN + b"\r\n" + END + b"\r\n"),
            "empty-part": lambda r: r.but(second=b""),
            "signed-message": _second(lambda a: a.replace(b"PGP MESSAGE", b"PGP SIGNED MESSAGE")),
        },
    ),
    *_refused(
        "P2",
        "only the one kind of armor, whole and written as the standard writes it",
        {
            "public-key": _second(lambda a: a.replace(b"PGP MESSAGE", b"PGP PUBLIC KEY BLOCK")),
            "begin-in-lower-case": _second(lambda a: a.replace(b"BEGIN PGP MESSAGE", b"begin pgp message")),
            "begin-indented-word": _second(lambda a: b"> " + a),
            "end-missing": _second(lambda a: a.replace(END, b"")),
            "end-glued": _second(lambda a: a.replace(b"\r\n" + END, END)),
            "part-of-many": _second(lambda a: a.replace(b"PGP MESSAGE", b"PGP MESSAGE, PART 1/2")),
            "binary": lambda r: r.but(second=r.octets),
        },
    ),
    *_refused(
        "P3",
        "",
        {
            "literal": _octets(lambda _: LITERAL),
            "literal-old-format": _octets(lambda _: bytes([0xAC, 60]) + LITERAL[6:66].ljust(60, b".")),
            "literal-after": _octets(lambda o: o + LITERAL),
            "literal-before": _octets(lambda o: LITERAL + o),
            "literal-between": _octets(lambda o: _keys(o) + LITERAL + packet(18, _data(o))),
            "compressed": _octets(lambda _: packet(8, b"\0" + LITERAL)),
        },
    ),
    *_refused(
        "P4",
        "words beside the armor are cleartext, though a decoder skips them",
        {
            "text-before": _second(lambda a: CANARY + b"\r\n\r\n" + a),
            "text-after": _second(lambda a: a + b"\r\n" + CANARY + b"\r\n"),
            "text-on-begin-line": _second(lambda a: a.replace(BEGIN, BEGIN + b" " + CANARY)),
            "text-on-end-line": _second(lambda a: a.replace(END, END + b" " + CANARY)),
            "second-armor": _second(lambda a: a + a),
            "text-for-empty-line": _second(lambda a: a.replace(BEGIN + b"\r\n", BEGIN + b"\r\n" + CANARY, 1)),
        },
    ),
    *_refused(
        "P5",
        "words after the checksum",
        {
            "text-after-checksum": _second(lambda a: a.replace(b"=aR37\r\n", b"=aR37\r\n" + CANARY + b"\r\n")),
            "text-on-checksum": _second(lambda a: a.replace(b"=aR37", b"=aR37" + CANARY)),
            "text-as-checksum": _second(lambda a: a.replace(b"=aR37", b"=" + CANARY)),
            "long-checksum": _second(lambda a: a.replace(b"=aR37", b"=meetmeatnoon")),
            "two-checksums": _second(lambda a: a.replace(b"=aR37", b"=aR37\r\n=aR37")),
            "data-after-checksum": _second(lambda a: a.replace(b"=aR37", b"=aR37\r\nbWVldCBtZSBh")),
            "checksum-of-dots": _second(lambda a: a.replace(b"=aR37", b"=....")),
        },
    ),
    *_refused(
        "P6",
        "armor headers carry free text",
        {
            "version": _second(lambda a: a.replace(BEGIN, BEGIN + b"\r\nVersion: GnuPG v2")),
            "comment": _second(lambda a: a.replace(BEGIN, BEGIN + b"\r\nComment: " + CANARY)),
            "hash": _second(lambda a: a.replace(BEGIN, BEGIN + b"\r\nHash: SHA256")),
            "charset": _second(lambda a: a.replace(BEGIN, BEGIN + b"\r\nCharset: UTF-8")),
            "many-comments": _second(lambda a: a.replace(BEGIN, BEGIN + (b"\r\nComment: " + CANARY) * 20)),
            "no-empty-line": _second(lambda a: a.replace(BEGIN + b"\r\n\r\n", BEGIN + b"\r\n")),
        },
    ),
    *_refused(
        "P7",
        "text outside the parts",
        {
            "preamble": lambda r: r.but(preamble=CANARY + b"\r\n"),
            "preamble-after-known": lambda r: r.but(
                preamble=b"This is an OpenPGP/MIME encrypted message (RFC 4880 and 3156)\r\n" + CANARY + b"\r\n"
            ),
            "long-preamble": lambda r: r.but(preamble=b"\r\n" * 4000),
            "epilogue": lambda r: r.but(epilogue=b"\r\n" + CANARY + b"\r\n"),
            "epilogue-same-line": lambda r: r.but(epilogue=b" " + CANARY + b"\r\n"),
            "epilogue-glued": lambda r: r.but(epilogue=b"-" + CANARY + b"\r\n"),
            "epilogue-part": lambda r: r.but(epilogue=b"\r\n--" + r.boundary + b"\r\n" + _PART),
            "epilogue-far": lambda r: r.but(epilogue=b"\r\n" * 2000 + CANARY + b"\r\n"),
        },
    ),
    *_refused(
        "P8",
        "",
        {
            "third-part": lambda r: r.but(further=b"--" + r.boundary + b"\r\n" + _PART),
            "only-first": lambda r: (
                r.render().split(b"--" + r.boundary + b"\r\nContent-Type: application/octet")[0]
                + b"--"
                + r.boundary
                + b"--\r\n"
            ),
            "only-second": lambda r: r.render().replace(
                r.first_header + b"\r\n" + r.first + b"\r\n--18ea_54cb_2cd1\r\n", b""
            ),
            "swapped": lambda r: r.but(
                first_header=r.second_header, first=armored(r.octets), second_header=r.first_header, second=r.first
            ),
            "nested": lambda r: r.but(
                second_header=b'Content-Type: multipart/mixed; boundary="n"\r\n',
                second=b"--n\r\n" + _PART + b"--n--\r\n",
            ),
            "message-inside": lambda r: r.but(second_header=b"Content-Type: message/rfc822\r\n", second=r.render()),
            "delimiter-in-armor": _second(lambda a: a[:120] + b"\r\n--18ea_54cb_2cd1\r\n" + _PART + a[120:]),
            "no-delimiter": lambda r: r.but(boundary=b"another"),
            "no-body": lambda r: r.render().split(b"\r\n\r\n")[0] + b"\r\n\r\n",
            "text-third-before": lambda r: r.but(first=r.first + b"\r\n--" + r.boundary + b"\r\n" + _PART),
        },
    ),
    *_refused(
        "P8",
        "a message that is not closed is cut off, or something was hidden behind it",
        {
            "not-closed": lambda r: r.render().rpartition(b"--" + r.boundary)[0],
            "closed-early": lambda r: r.but(first=b"Version: 1\r\n\r\n--" + r.boundary + b"--\r\n"),
        },
    ),
    *_refused(
        "P9",
        "",
        {
            "version-2": lambda r: r.but(first=b"Version: 2\r\n"),
            "text-in-version": lambda r: r.but(first=b"Version: 1\r\n" + CANARY + b"\r\n"),
            "text-on-version": lambda r: r.but(first=b"Version: 1 " + CANARY + b"\r\n"),
            "empty": lambda r: r.but(first=b""),
            "text-plain": lambda r: r.but(first_header=b"Content-Type: text/plain\r\n"),
            "typeless": lambda r: r.but(first_header=b""),
            "second-text-plain": lambda r: r.but(second_header=b"Content-Type: text/plain\r\n"),
            "second-typeless": lambda r: r.but(second_header=b""),
        },
    ),
    *_refused(
        "P9",
        "header fields of parts that carry text",
        {
            "field": lambda r: r.but(second_header=r.second_header + b"X-Note: " + CANARY + b"\r\n"),
            "subject": lambda r: r.but(first_header=r.first_header + b"Subject: " + CANARY + b"\r\n"),
            "long-name": lambda r: r.but(second_header=r.second_header.replace(b"utf-8", CANARY * 40)),
            "colonless": lambda r: r.but(second_header=r.second_header + CANARY + b"\r\n"),
            "description-of-prose": _part_field(b"Content-Description: " + _SPEECH),
            "description-and-more": _part_field(b"Content-Description: OpenPGP encrypted message " + CANARY),
            "description-folded": _part_field(b"Content-Description: OpenPGP encrypted message\r\n " + CANARY),
            "description-twice": _part_field(*(b"Content-Description: OpenPGP encrypted message",) * 2),
            "description-encoded": _part_field(b"Content-Description: =?utf-8?q?meet_me_at_noon?="),
            "description-of-version": lambda r: r.but(
                first_header=r.first_header + b"Content-Description: " + CANARY + b"\r\n"
            ),
            "file-name-of-words": _part_field(b'Content-Disposition: inline; filename="' + CANARY + b'"'),
            "file-name-too-long": _part_field(b"Content-Disposition: inline; filename=" + b"meet.me" * 10),
            "file-name-twice": _part_field(b"Content-Disposition: inline; filename=a; filename=b"),
            "disposition-of-words": _part_field(b"Content-Disposition: " + CANARY),
            "disposition-note": _part_field(b'Content-Disposition: inline; note="' + CANARY + b'"'),
            "name-of-words": _part_type(b'; name="' + CANARY + b'"'),
            "name-too-long": _part_type(b"; name=" + b"meet.me" * 10),
            "charset-of-words": lambda r: r.but(second_header=r.second_header.replace(b"utf-8", CANARY)),
            "unknown-parameter": _part_type(b"; note=noon"),
            "content-id-of-words": _part_field(b"Content-ID: <" + CANARY + b">"),
            "content-id-too-long": _part_field(b"Content-ID: <" + b"meet.me" * 20 + b">"),
            "message-id-of-words": _part_field(b"Message-ID: " + CANARY),
        },
    ),
    *_accepted(
        "P9",
        {
            "description": _part_field(b"Content-Description: OpenPGP encrypted message"),
            "description-in-capitals": _part_field(b"CONTENT-DESCRIPTION: PGP/MIME ENCRYPTED MESSAGE"),
            "description-of-evolution": _part_field(b"Content-Description: This is a digitally encrypted message part"),
            "file-name": _part_field(b'Content-Disposition: attachment; filename="msg.asc"; size=1234'),
            "bare-file-name": _part_field(b"Content-Disposition: inline;\r\n\tfilename=encrypted.asc;"),
            "empty-name": _part_type(b'; name=""'),
            "name-of-exchange": _part_type(b'; name="PGPMIME version identification"'),
            "content-id": _part_field(b"Content-ID: <9B0E514F-F55B-3A49@example.org>"),
        },
    ),
    *_refused(
        "P10",
        "",
        {
            "mixed": lambda r: r.but(media=r.media.replace(b"encrypted;", b"mixed;")),
            "signed": lambda r: r.but(media=r.media.replace(b"encrypted;", b"signed;")),
            "type-prefix": lambda r: r.but(media=b"x" + r.media),
            "other-subtype": lambda r: r.but(media=r.media.replace(b"encrypted;", b"encrypted-not;")),
            "no-boundary": lambda r: r.but(media=b'multipart/encrypted; protocol="application/pgp-encrypted"'),
            "boundary-prefix": lambda r: r.but(media=r.media.replace(b"18ea_54cb_2cd1", b"18ea")),
            "empty-boundary": lambda r: r.but(media=r.media.replace(b"18ea_54cb_2cd1", b"")),
            "second-base64-words": lambda r: r.but(
                second_header=r.second_header.replace(b"7bit", b"base64"), second=b"bWVldCBtZSBhdCBub29u\r\n"
            ),
        },
    ),
    *_refused(
        "P10",
        "a header that two programs read in two ways, or armor in disguise",
        {
            "no-protocol": lambda r: r.but(media=r.media.replace(b"protocol=", b"p=")),
            "other-protocol": lambda r: r.but(media=r.media.replace(b"application/pgp-encrypted", b"text/plain")),
            "two-protocols": lambda r: r.but(media=r.media + b';protocol="application/pgp-encrypted"'),
            "type-twice-first": lambda r: r.but(fields=(*r.fields, b"Content-Type: text/plain")),
            "type-twice-last": lambda r: r.render().replace(b"\r\n\r\n", b"\r\nContent-Type: text/plain\r\n\r\n", 1),
            "comment": lambda r: r.but(media=r.media.replace(b"encrypted;", b"encrypted (" + CANARY + b");")),
            "two-boundaries": lambda r: r.but(media=r.media + b"; boundary=other"),
            "boundary-in-pieces": lambda r: r.but(media=r.media.replace(b"boundary=", b"boundary*0=")),
            "boundary-backslash": lambda r: r.but(media=r.media.replace(b"18ea", b"18\\ea")),
            "long-boundary": lambda r: r.but(media=r.media.replace(r.boundary, b"b" * 71), boundary=b"b" * 71),
            "boundary-of-words": lambda r: r.but(
                media=r.media.replace(r.boundary, b"a & b \xc3\xa9"), boundary=b"a & b \xc3\xa9"
            ),
            "outer-base64": lambda r: r.but(fields=(*r.fields, b"Content-Transfer-Encoding: base64")),
            "outer-encoding-twice": lambda r: r.but(fields=(*r.fields, *(b"Content-Transfer-Encoding: 7bit",) * 2)),
            "armor-quoted-printable": lambda r: r.but(
                second_header=r.second_header.replace(b"7bit", b"quoted-printable"),
                second=armored(r.octets).replace(b"=", b"=3D"),
            ),
            "boundary-of-canary": lambda r: r.but(media=r.media.replace(r.boundary, CANARY), boundary=CANARY),
            "note-in-media": lambda r: r.but(media=r.media + b'; note="' + CANARY + b'"'),
            "charset-of-words": lambda r: r.but(media=r.media + b'; charset="' + CANARY + b'"'),
            "text-in-media": lambda r: r.but(media=r.media + b"; " + CANARY),
            "parameters-of-text": lambda r: r.but(media=r.media + b"; note=" + CANARY.replace(b" ", b"_") * 40),
        },
    ),
    *_refused(
        "P11",
        "",
        {
            **{
                f"type-{kind}-before": _octets(lambda o, kind=kind: packet(kind, CANARY) + o)  # type: ignore[misc]
                for kind in (2, 5, 8, 9, 10, 13, 17, 20, 21, 60)
            },
            **{
                f"type-{kind}-after": _octets(lambda o, kind=kind: o + packet(kind, CANARY))  # type: ignore[misc]
                for kind in (1, 2, 3, 9, 10, 18, 20, 21, 63)
            },
            "sed-for-seipd": _octets(lambda o: _keys(o) + packet(9, _data(o))),
            "aead-for-seipd": _octets(lambda o: _keys(o) + packet(20, b"\1" + _data(o))),
            "data-first": _octets(lambda o: packet(18, _data(o)) + _keys(o) + packet(3, b"\4\7\0\2")),
            "data-twice": _octets(lambda o: o + packet(18, _data(o))),
            "no-data": _octets(lambda o: _keys(o) + packet(3, b"\4\7\0\2")),
            "no-packet": _octets(lambda o: b""),
            "trailing-octets": _octets(lambda o: o + CANARY),
            "trailing-zero": _octets(lambda o: o + b"\0"),
            "cut-short": _octets(lambda o: o[:-1]),
            "cut-in-half": _octets(lambda o: o[: len(o) // 2]),
            "cut-in-header": _octets(lambda o: _keys(o) + b"\xd2\xff\0\0"),
            "length-too-long": _with_data(lambda b: b"\xd2\xff" + (len(b) + 1).to_bytes(4, "big") + b),
            "length-too-short": _with_data(lambda b: b"\xd2\xff" + (len(b) - 1).to_bytes(4, "big") + b),
            "length-overflow": _with_data(lambda b: b"\xd2\xff\xff\xff\xff\xff" + b),
            "key-length-overflow": _octets(lambda o: b"\xc1\xff\xff\xff\xff\xff" + o),
            "partial-open": _with_data(lambda b: b"\xd2\xe9" + (b * 512)[:512]),
            "no-tag-bit": _octets(lambda o: bytes([o[0] & 0x7F]) + o[1:]),
            "text": _octets(lambda _: CANARY * 8),
            "old-literal": _octets(lambda o: bytes([0xAE]) + len(o).to_bytes(4, "big") + o),
            "indeterminate-literal": _octets(lambda _: b"\xaf" + b"t\0\0\0\0\0" + CANARY),
        },
    ),
    *_refused(
        "P11",
        "versions and lengths that the standard does not know: no reader decrypts them, so they may hold anything",
        {
            "zero-length-data": _with_data(lambda _: b"\xd2\0"),
            "zero-length-key": _octets(lambda o: b"\xc1\0" + o),
            "data-version-3": _with_data(lambda b: packet(18, b"\3" + b[1:])),
            "data-version-0": _with_data(lambda b: packet(18, b"\0" + b[1:])),
            "data-of-words": _with_data(lambda _: packet(18, CANARY)),
            "partial-key": _octets(lambda o: b"\xc1\xe9" + b"\3" * 512 + b"\0" + o),
            "partial-first-too-small": _with_data(lambda b: _partial(b, 3)),
            "indeterminate-key": _octets(lambda o: b"\x87" + o[2:]),
            "key-version-9": _octets(lambda o: packet(1, b"\x09" + b"k" * 80) + o),
            "data-v1-too-small": _with_data(lambda b: packet(18, b"\1" + b[1:20])),
            "data-v2-too-small": _with_data(lambda b: packet(18, b"\2\x09\2\6" + b[4:40].ljust(36, b"s"))),
        },
    ),
    *_accepted(
        "P11",
        {
            "five-octet-lengths": _octets(lambda o: b"".join(packet(kind, body) for kind, body in packets(o))),
            "partial-512": _with_data(lambda b: _partial(b.ljust(600, b"x"), 9)),
            "partial-then-small": _with_data(lambda b: _partial(b.ljust(600, b"x"), 9, 0, 1, 2)),
            "partial-then-nothing": _with_data(lambda b: _partial(b.ljust(512, b"x")[:512], 9)),
            "partial-many": _with_data(lambda b: _partial((b * 200)[:9000], 9, 10, 11, 12)),
            "old-format-keys-2": _octets(_old(1)),
            "old-format-keys-4": _octets(_old(2)),
            "more-keys": _octets(lambda o: _keys(o) * 30 + packet(18, _data(o))),
            "no-keys": _octets(lambda o: packet(18, _data(o))),
        },
    ),
    *_accepted(
        "P13",
        {
            "checksum-wrong": lambda r: r.but(second=armored(r.octets, checksum=b"=AAAA")),
            "checksum-missing": lambda r: r.but(second=armored(r.octets)),
            "padding-0": _with_data(lambda b: packet(18, b + b"x" * (-len(b) % 3))),
            "padding-1": _with_data(lambda b: packet(18, b + b"x" * (-len(b) % 3 + 1))),
            "padding-2": _with_data(lambda b: packet(18, b + b"x" * (-len(b) % 3 + 2))),
            "padding-and-checksum": lambda r: r.but(second=armored(r.octets + b"", checksum=b"=////")),
        },
    ),
    *_refused(
        "P13",
        "base64 is read strictly, so that nothing is skipped",
        {
            "words-between": _second(lambda a: _written_over(a, CANARY)),
            "words-by-tabs": _second(lambda a: _written_over(a, CANARY.replace(b" ", b"\t"))),
            "indented-lines": _second(
                lambda a: a.replace(b"\r\n", b"\r\n ").replace(b"\r\n -----END", b"\r\n-----END")
            ),
            "a-word-a-line": _second(lambda a: _a_word_a_line(a, CANARY)),
            "exclamation": _second(lambda a: a[:150] + b"!" + a[150:]),
            "url-alphabet": _second(lambda a: a[:150] + b"-_" + a[152:]),
            "eight-bit": _second(lambda a: a[:150] + b"\xc3\xa9" + a[150:]),
            "padding-inside": _second(lambda a: a[:150] + b"==" + a[150:]),
            "padding-of-three": lambda r: r.but(second=armored(r.octets).replace(b"\r\n-----END", b"===\r\n-----END")),
            "one-character-more": lambda r: r.but(second=armored(r.octets).replace(b"\r\n-----END", b"A\r\n-----END")),
            "quoted-lines": _second(lambda a: a.replace(b"\r\n", b"\r\n> ")),
            "dash-escaped": _second(lambda a: a.replace(b"-----", b"- -----")),
        },
    ),
    *_refused(
        "P14",
        "lines as no writer makes them: where they break could be where words end",
        {
            "one-long-line": lambda r: r.but(second=armored(r.octets, width=996)),
            "77-columns": lambda r: r.but(second=armored(r.octets, width=77)),
            "59-columns": lambda r: r.but(second=armored(r.octets, width=59)),
            "5-columns": lambda r: r.but(second=armored(r.octets, width=5)),
            "1-column": lambda r: r.but(second=armored(r.octets, width=1)),
            "spaces-at-line-ends": lambda r: r.but(second=armored(r.octets, line_end=b" \t\r\n")),
            "space-at-one-line-end": _lines(lambda one, two, *rest: [one, two + b" ", *rest]),
            "empty-line-within": _lines(lambda one, two, *rest: [one, b"", two, *rest]),
            "first-line-broken": _lines(lambda one, *rest: [one[:7], one[7:], *rest]),
            "second-line-broken": _lines(lambda one, two, *rest: [one, two[:7], two[7:], *rest]),
            "second-line-longer": _lines(lambda one, two, three, *rest: [one, two + three[:4], three[4:], *rest]),
            "second-line-shorter": _lines(lambda one, two, three, *rest: [one, two[:-4], two[-4:] + three, *rest]),
            "first-lines-joined": _lines(lambda one, two, *rest: [one + two, *rest]),
            "last-line-longer": _lines(lambda *lines: [*lines[:-4], lines[-4] + lines[-3], *lines[-2:]]),
        },
    ),
    *_accepted(
        "P14",
        {
            "76-columns": lambda r: r.but(second=armored(r.octets, width=76)),
            "72-columns": lambda r: r.but(second=armored(r.octets, width=72)),
            "63-columns": lambda r: r.but(second=armored(r.octets, width=63)),
            "60-columns": lambda r: r.but(second=armored(r.octets, width=60)),
            "empty-lines-before": _second(lambda a: b"\r\n\r\n" + a),
            "empty-lines-after": _second(lambda a: a + b"\r\n\r\n"),
            "empty-line-of-spaces": _second(lambda a: a.replace(b"-----\r\n\r\n", b"-----\r\n \t\r\n", 1)),
            "no-final-line-end": lambda r: r.but(epilogue=b""),
            "epilogue-of-empty-lines": lambda r: r.but(epilogue=b"\r\n\r\n\r\n"),
            "no-preamble": lambda r: r.but(preamble=b""),
            "known-preamble": lambda r: r.but(
                preamble=b"This is an OpenPGP/MIME encrypted message (RFC 4880 and 3156)\r\n"
            ),
            "spaces-after-delimiter": lambda r: r.but(boundary=r.boundary).replace(
                b"--" + r.boundary + b"\r\n", b"--" + r.boundary + b" \r\n"
            ),
            "type-in-capitals": lambda r: r.but(media=r.media.replace(b"multipart/encrypted", b"Multipart/ENCRYPTED")),
            "bare-protocol": lambda r: r.but(
                media=r.media.replace(b'"application/pgp-encrypted"', b"application/pgp-encrypted")
            ),
            "unfolded-type": lambda r: r.but(media=r.media.replace(b"\r\n", b"")),
            "final-semicolon": lambda r: r.but(media=r.media + b";"),
            "bare-boundary": lambda r: r.but(media=r.media.replace(b'"18ea_54cb_2cd1"', b"18ea_54cb_2cd1")),
            "no-encoding-fields": lambda r: r.but(
                first_header=b"Content-Type: application/pgp-encrypted\r\n",
                second_header=b"Content-Type: application/octet-stream\r\n",
            ),
        },
    ),
    *_accepted(
        "P12",
        {
            "subject": lambda r: r.but(fields=(*r.fields[:-1], b"Subject: " + CANARY)),
            "folded-subject": lambda r: r.but(fields=(*r.fields[:-1], b"sUBJECT:\r\n " + CANARY + b"\r\n\t" + CANARY)),
            "unknown-field": _fields(b"X-Note: " + CANARY),
            "comments": _fields(b"Comments: " + CANARY, b"Keywords: " + CANARY),
            "thread-topic": _fields(b"Thread-Topic: " + CANARY),
            "mailer": _fields(b"User-Agent: " + CANARY, b"X-Mailer: " + CANARY, b"X-Originating-IP: " + CANARY),
            "trace": _fields(b"Received: from " + CANARY, b"Authentication-Results: x; " + CANARY),
            "signatures": _fields(b"DKIM-Signature: " + CANARY, b"ARC-Seal: " + CANARY, b"ARC-Message-Signature: x"),
            "bcc": _fields(b"Bcc: " + CANARY),
            "sender": _fields(b"Sender: " + CANARY, b"Return-Path: " + CANARY, b"Reply-To: " + CANARY),
            "made-up-chat-field": _fields(b"Chat-Note: " + CANARY),
            "letter-in-reply-to": _fields(b"In-Reply-To: <" + (CANARY + b" ") * 60 + b">"),
            "content-description": _fields(b"Content-Description: " + CANARY),
        },
    ),
    *_refused(
        "M",
        "the header block cannot be trusted",
        {
            "colonless-line": _fields(CANARY),
            "colonless-first-line": lambda r: CANARY + b"\r\n" + r.render(),
            "space-before-colon": _fields(b"From : <bob@example.org>"),
            "nameless": _fields(b": " + CANARY),
            "folded-first-line": lambda r: b" " + r.render(),
            "line-of-spaces": _fields(b"X-A: b\r\n \r\n c"),
            "nul": _fields(b"X-A: \0"),
            "escape": _fields(b"X-A: \x1b[2J"),
            "delete": _fields(b"X-A: \x7f"),
            "bare-cr": _fields(b"X-A: b\rSubject: c"),
            "bare-lf": _fields(b"X-A: b\nSubject: c"),
            "resent-from": _fields(b"Resent-From: <bob@example.org>"),
            "subject-twice": _fields(b"subject: " + CANARY),
            "date-twice": _fields(b"Date: Sun, 22 Nov 2026 05:21:07 +0000"),
            "1001-fields": _fields(*[b"X-A: b"] * 995),
            "huge-header": _fields(*[b"X-A: " + b"b" * 900] * 300),
            "million-folds": _fields(b"X-A: b" + b"\r\n b" * 100_000),
            "no-empty-line": lambda r: r.render().split(b"\r\n\r\n")[0] + b"\r\n",
            "no-header": lambda r: b"\r\n" + r.render().split(b"\r\n\r\n", 1)[1],
            "nothing": lambda r: b"",
        },
    ),
    *_accepted(
        "M",
        {
            "993-fields": _fields(*[b"X-A: b"] * 993),
            "250-kb-of-header": _fields(*[b"X-A: " + b"b" * 900] * 275),
            "eight-bit-field": _fields(b"X-A: \xc3\xa9\xff"),
            "empty-field": _fields(b"X-A:"),
        },
    ),
]
