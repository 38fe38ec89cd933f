"""What 8 KB cost on their way out beside the signature, measured against plain Python in the same process."""

from queue_worker.transport import wire
from queue_worker.transport.replies import Reader
from queue_worker.transport.values import Letter

from tests.calibration import TRIES, cost, loop

LETTER = Letter("ann@here.test", ("bob@a.test",), b"From: <ann@here.test>\r\n\r\n" + (b"A" * 64 + b"\r\n") * 120)
# A kept connection's answers to RSET, MAIL, RCPT, DATA and the end of the message.
ANSWERS = b"250 2.0.0 OK\r\n250 2.1.0 OK\r\n250 2.1.5 OK\r\n354 go\r\n250 2.0.0 queued as 4Z1\r\n"


def ready() -> None:
    assert wire.flaw(LETTER) is None
    assert not wire.needs_utf8(LETTER)
    assert wire.stuffed(LETTER.octets).endswith(b"\r\n.\r\n")


def answered() -> None:
    reader, received = Reader(), bytearray(ANSWERS)
    codes = []
    while reply := reader.take(received):
        codes.append(reply.result("mx.a.test").code)
    assert codes == [250, 250, 250, 354, 250]


def test_octets() -> None:
    assert any(cost(ready, 200) < cost(loop, 200) / 8 for _ in range(TRIES))  # measured: 0.04


def test_replies() -> None:
    assert any(cost(answered, 200) < cost(loop, 200) / 8 for _ in range(TRIES))  # measured: 0.04
