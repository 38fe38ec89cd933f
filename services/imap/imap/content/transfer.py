"""Content transfer encodings, decoded slice by slice (RFC 2045 §6).

Strategy: a decoder takes slices of any size and keeps at most one unfinished line of them. It never refuses: what is
no code is left out of base64, and stands as it is in quoted-printable, as RFC 2045 §6.7 and §6.8 advise.
"""

import binascii
import re
from typing import Protocol

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_NO_CODE = bytes(set(range(256)) - set(_ALPHABET))
_PADDING = re.compile(rb"(?<![ \t])[ \t]++(?=\r\n)")
_LONGEST_LINE = 1000  # RFC 5321 §4.5.3.1.6


class Decoder(Protocol):
    """Turns what was encoded back into octets."""

    def feed(self, data: bytes) -> bytes:
        """Take a slice; return what is decoded so far and was not returned yet."""

    def finish(self) -> bytes:
        """Return the rest."""


class Identity:
    """7bit, 8bit, binary: nothing to decode."""

    def feed(self, data: bytes) -> bytes:
        """See Decoder."""
        return data

    def finish(self) -> bytes:
        """See Decoder."""
        return b""


class Base64:
    """RFC 2045 §6.8: the first `=` is the end."""

    def __init__(self) -> None:
        self._rest = b""
        self._is_over = False

    def feed(self, data: bytes) -> bytes:
        """See Decoder."""
        if self._is_over:
            return b""
        code, pad, _ = data.translate(None, _NO_CODE).partition(b"=")
        code = self._rest + code
        self._is_over = bool(pad)
        whole = len(code) - len(code) % 4
        self._rest = code[whole:]
        return binascii.a2b_base64(code[:whole])

    def finish(self) -> bytes:
        """See Decoder."""
        rest, self._rest = self._rest, b""
        return binascii.a2b_base64(rest + b"=" * (4 - len(rest))) if len(rest) > 1 else b""


class QuotedPrintable:
    """RFC 2045 §6.7."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """See Decoder."""
        data = self._rest + data
        end = data.rfind(b"\r\n") + 2
        if end == 1:
            end = 0
        if len(data) - end > _LONGEST_LINE:
            end = max(end, _settled(data))
        self._rest = data[end:]
        return _unquote(data[:end])

    def finish(self) -> bytes:
        """See Decoder."""
        rest, self._rest = self._rest, b""
        return _unquote(rest)


def _settled(data: bytes) -> int:
    """Return where what follows cannot change the octets before: white space may yet end a line, `=` begin a code."""
    text = data.rstrip(b" \t\r")
    end = len(text) if len(data) - len(text) <= _LONGEST_LINE else len(data)
    code = data.find(b"=", max(0, end - 2), end)
    return code if code >= 0 else end


def _unquote(data: bytes) -> bytes:
    data = _PADDING.sub(b"", data)  # §6.7 (3): white space at the end of a line was added on the way
    # A soft break that is none (`=`, CR, no LF) would swallow what follows it.
    return binascii.a2b_qp(data.replace(b"=\r\n", b"").replace(b"=\r", b"=3D\r"))


def decoder(encoding: bytes) -> Decoder | None:
    """Return a decoder for a lower-case encoding, None for one nobody knows."""
    if encoding in (b"7bit", b"8bit", b"binary"):
        return Identity()
    if encoding == b"base64":
        return Base64()
    if encoding == b"quoted-printable":
        return QuotedPrintable()
    return None


def is_known(encoding: bytes) -> bool:
    """Say whether there is a decoder for a lower-case encoding."""
    return decoder(encoding) is not None
