"""The AUTH dialogue: A5 of the attack list."""

from base64 import b64encode

import pytest

from shared.mail import reply
from shared.mail.reply import Reply
from shared.smtp.auth import Credentials, Exchange

ANN = Credentials("ann@here.test", "secret word")
PLAIN: dict[str, tuple[bytes, Credentials | Reply]] = {
    "usual": (b64encode(b"\0ann@here.test\0secret word"), ANN),
    "as oneself": (b64encode(b"ann@here.test\0ann@here.test\0secret word"), ANN),
    "as another": (b64encode(b"bob@here.test\0ann@here.test\0secret word"), reply.BAD_CREDENTIALS),
    "two parts": (b64encode(b"ann@here.test\0secret word"), reply.BAD_CREDENTIALS),
    "four parts": (b64encode(b"\0ann@here.test\0secret\0word"), reply.BAD_CREDENTIALS),
    "overlong UTF-8": (b64encode(b"\0ann@here.test\0\xc0\xaf"), reply.BAD_CREDENTIALS),
    "nothing": (b"=", reply.BAD_CREDENTIALS),
    "empty": (b"", reply.BAD_CREDENTIALS),
    "no base64": (b"%%%", reply.AUTH_SYNTAX),
    "broken base64": (b"YWJ", reply.AUTH_SYNTAX),
    "spaces in base64": (b"YW Jj", reply.AUTH_SYNTAX),
    "cancelled": (b"*", reply.AUTH_CANCELLED),
    "unicode": (b64encode("\0ann@here.test\0pässwörd".encode()), Credentials("ann@here.test", "pässwörd")),
}


@pytest.mark.parametrize(("response", "expected"), PLAIN.values(), ids=list(PLAIN))
def test_plain(response: bytes, expected: Credentials | Reply) -> None:
    assert Exchange("PLAIN").take(response) == expected
    challenged = Exchange("PLAIN")
    assert challenged.take(None) == b"334 \r\n"
    assert challenged.take(response) == expected


def test_login() -> None:
    exchange = Exchange("LOGIN")
    assert exchange.take(None) == b"334 VXNlcm5hbWU6\r\n"
    assert exchange.take(b64encode(b"ann@here.test")) == b"334 UGFzc3dvcmQ6\r\n"
    assert exchange.take(b64encode(b"secret word")) == ANN


def test_login_with_the_name_at_once() -> None:
    exchange = Exchange("LOGIN")
    assert exchange.take(b64encode(b"ann@here.test")) == b"334 UGFzc3dvcmQ6\r\n"
    assert exchange.take(b64encode(b"secret\0word")) == reply.BAD_CREDENTIALS


def test_credentials_do_not_show_themselves() -> None:
    assert "secret" not in repr(ANN)
    assert "ann" not in repr(ANN)
