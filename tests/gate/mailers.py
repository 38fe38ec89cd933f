"""How mail programs other than Delta Chat dress an armored message; each must pass."""

from collections.abc import Callable

from tests.gate.recipe import Recipe

_PGP = b'protocol="application/pgp-encrypted"'
_CT2 = b"Content-Type: application/octet-stream"
_CT1 = b"Content-Type: application/pgp-encrypted\r\n"


def _thunderbird(armor: bytes) -> bytes:
    return Recipe(
        b"",
        fields=(
            b"Message-ID: <3f0bcf1a-37b5-9d39-7b34-5d4d4f9d1b6e@example.org>",
            b"Date: Sun, 22 Nov 2026 10:00:00 +0100",
            b"MIME-Version: 1.0",
            b"User-Agent: Mozilla Thunderbird",
            b"Content-Language: en-US",
            b"To: Bob =?UTF-8?Q?=C3=96?= <bob@example.net>",
            b"From: =?UTF-8?Q?Alice_=C3=84?= <alice@example.org>",
            b"Autocrypt: addr=alice@example.org; keydata=\r\n xjMEawLVNxYJKwYBBAHaRw8BAQdAQpkueary1efnGZ8whs5o0ZsWY",
            b"Subject: ...",
        ),
        media=b"multipart/encrypted;\r\n " + _PGP + b';\r\n boundary="------------0yVb0Tq1nQ7"',
        boundary=b"------------0yVb0Tq1nQ7",
        preamble=b"This is an OpenPGP/MIME encrypted message (RFC 4880 and 3156)\r\n",
        first_header=_CT1 + b"Content-Description: PGP/MIME version identification\r\n",
        second_header=b'Content-Type: application/octet-stream; name="encrypted.asc"\r\n'
        b"Content-Description: OpenPGP encrypted message\r\n"
        b'Content-Disposition: inline; filename="encrypted.asc"\r\n',
        second=armor,
    ).render()


def _mutt(armor: bytes) -> bytes:
    return Recipe(
        b"",
        fields=(
            b"Date: Sun, 22 Nov 2026 10:00:00 +0100",
            b"From: Alice <alice@example.org>",
            b"To: bob@example.net",
            b"Subject: ...",
            b"Message-ID: <aSFd0Wbq1y5hQ2gO@example.org>",
            b"MIME-Version: 1.0",
        ),
        media=b"multipart/encrypted; " + _PGP + b';\r\n\tboundary="OgqxwSJOaUobr8KG"',
        boundary=b"OgqxwSJOaUobr8KG",
        first_header=_CT1 + b"Content-Disposition: attachment\r\n",
        second_header=_CT2 + b'\r\nContent-Disposition: attachment; filename="msg.asc"\r\n',
        second=armor,
    ).render()


def _apple(armor: bytes) -> bytes:
    return Recipe(
        b"",
        fields=(
            b"From: alice@example.org",
            b"Content-Transfer-Encoding: 7bit",
            b"Mime-Version: 1.0 (Mac OS X Mail 16.0)",
            b"Subject: ...",
            b"Message-Id: <7E0C3C57-3C5E-4E37-8F0B-3A3F5E1D6A4C@example.org>",
            b"Date: Sun, 22 Nov 2026 10:00:00 +0100",
            b"To: Bob <bob@example.net>",
        ),
        media=b'multipart/encrypted;\r\n\tboundary="Apple-Mail=_F00D-1"; ' + _PGP,
        boundary=b"Apple-Mail=_F00D-1",
        preamble=b"This is an OpenPGP/MIME encrypted message (RFC 2440 and 3156)\r\n",
        first_header=b"Content-Transfer-Encoding: 7bit\r\n"
        + _CT1
        + b"Content-Description: PGP/MIME Versions Identification\r\n",
        second_header=b"Content-Transfer-Encoding: 7bit\r\nContent-Disposition: inline;\r\n\tfilename=encrypted.asc\r\n"
        b"Content-Type: application/octet-stream;\r\n\tname=encrypted.asc\r\n"
        b"Content-Description: OpenPGP encrypted message\r\n",
        second=armor,
    ).render()


def _k9(armor: bytes) -> bytes:
    return Recipe(
        b"",
        fields=(
            b"Date: Sun, 22 Nov 2026 10:00:00 +0100",
            b'From: "Alice, A." <alice@example.org>',
            b"To: bob@example.net",
            b"Subject: ...",
            b"In-Reply-To: <a@example.net>",
            b"References: <a@example.net>\r\n <b@example.net>",
            b"Message-ID: <D4A9@example.org>",
            b"MIME-Version: 1.0",
            b"Autocrypt: addr=alice@example.org; keydata=xjMEawLVNxYJKwYBBAHaRw8BAQdA",
        ),
        media=b"multipart/encrypted; boundary=----64MFT1BQ5BO; " + _PGP,
        boundary=b"----64MFT1BQ5BO",
        preamble=b"",
        first_header=_CT1,
        second_header=_CT2 + b"; name=encrypted.asc\r\nContent-Disposition: inline; filename=encrypted.asc\r\n",
        second=armor,
    ).render()


def _old_core(armor: bytes) -> bytes:
    return Recipe(
        b"",
        fields=(
            b"MIME-Version: 1.0",
            b"From: <alice@example.org>",
            b"To: <bob@example.net>, <carol@example.org>",
            b"Subject: [...]",
            b"Date: Sun, 22 Nov 2026 11:42:52 +0000",
            b"Message-ID: <36e4665e@localhost>",
            b"Auto-Submitted: auto-replied",
            b"Chat-Version: 1.0",
        ),
        first_header=_CT1
        + b"Content-Description: PGP/MIME version identification\r\nContent-Transfer-Encoding: 7bit\r\n",
        second_header=b'Content-Type: application/octet-stream; name="encrypted.asc"; \r\n\tcharset="utf-8"\r\n'
        b'Content-Disposition: inline; filename="encrypted.asc";\r\nContent-Transfer-Encoding: 7bit\r\n',
        second=armor,
    ).render()


MAILERS: dict[str, Callable[[bytes], bytes]] = {
    "thunderbird": _thunderbird,
    "mutt": _mutt,
    "apple": _apple,
    "k9": _k9,
    "old-core": _old_core,
}
