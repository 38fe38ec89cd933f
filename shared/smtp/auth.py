"""The AUTH dialogue as a value (RFC 4954, RFC 4616 PLAIN, draft-murchison-sasl-login LOGIN).

Strategy: `Exchange.take` is given each response and returns a challenge, the credentials, or the reply that ends it.
"""

import binascii
from base64 import b64decode
from dataclasses import dataclass, field

from shared.mail import reply
from shared.mail.reply import Reply

_USERNAME, _PASSWORD = b"334 VXNlcm5hbWU6\r\n", b"334 UGFzc3dvcmQ6\r\n"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A name and a password, as the client sent them."""

    name: str = field(repr=False)
    password: str = field(repr=False)


class Exchange:
    """One AUTH command of a mechanism in MECHANISMS."""

    def __init__(self, mechanism: str) -> None:
        self._take = self._plain if mechanism == "PLAIN" else self._login
        self._name: str | None = None

    def take(self, response: bytes | None) -> bytes | Credentials | Reply:
        """Take a response as it stood on the wire, None if there was none; `bytes` is the challenge to send."""
        if response is None:
            return self._take(None)
        if response == b"*":
            return reply.AUTH_CANCELLED
        try:
            decoded = b"" if response == b"=" else b64decode(response, validate=True)
        except binascii.Error:
            return reply.AUTH_SYNTAX
        try:
            return self._take(decoded.decode())
        except UnicodeDecodeError:
            return reply.BAD_CREDENTIALS

    def _plain(self, text: str | None) -> bytes | Credentials | Reply:
        if text is None:
            return b"334 \r\n"
        parts = text.split("\0")
        if len(parts) != 3:
            return reply.BAD_CREDENTIALS
        acting_as, name, password = parts
        # To act as another is nobody's right here; as oneself is no more than logging in.
        return reply.BAD_CREDENTIALS if acting_as not in ("", name) else Credentials(name, password)

    def _login(self, text: str | None) -> bytes | Credentials | Reply:
        if text is None:
            return _USERNAME
        if self._name is None:
            self._name = text
            return _PASSWORD
        if "\0" in self._name + text:
            return reply.BAD_CREDENTIALS
        return Credentials(self._name, text)


MECHANISMS = ("PLAIN", "LOGIN")
