"""A door that only accepts, or says something else, is not ready."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from chatmail import questions
from chatmail.questions import has_answered
from chatmail.services import Question

HERE = "127.0.0.1"
HEALTHY = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}"
ANSWERS: list[tuple[Question, Sequence[bytes], bool]] = [
    ("EHLO", [b"220 hello\r\n", b"250-here\r\n250 X\r\n"], True),
    ("EHLO", [b"220 hello\r\n", b"421 going\r\n"], False),
    ("EHLO", [b"421 too many\r\n"], False),
    ("EHLO", [b""], False),
    ("CAPABILITY", [b"* OK hello\r\n", b"* CAPABILITY IMAP4rev1\r\na OK done\r\n"], True),
    ("CAPABILITY", [b"* BYE away\r\n"], False),
    ("CAPABILITY", [b"* OK hello\r\n", b"a BAD what\r\n"], False),
    ("GET /health", [b"", HEALTHY], True),
    ("GET /health", [b"", b"HTTP/1.1 503 No\r\n\r\n"], False),
    ("GET /health", [b"", b"nonsense\r\n\r\n"], False),
    ("event", [b""], False),
]


@asynccontextmanager
async def door(parts: Sequence[bytes]) -> AsyncIterator[int]:
    talks: set[asyncio.Task[None] | None] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.current_task())
        for number, part in enumerate(parts):
            if number:
                await reader.readline()
            writer.write(part)
        writer.write_eof()
        await reader.read()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(talk, HERE, 0) as server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.gather(*filter(None, talks))


@pytest.mark.parametrize(("question", "parts", "is_right"), ANSWERS)
async def test_only_the_right_answer_counts(question: Question, parts: Sequence[bytes], is_right: bool) -> None:
    async with door(parts) as port:
        assert await has_answered(question, HERE, port) is is_right


async def test_silence_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "ANSWER_SECONDS", 0.05)
    async with door([b"220 hello\r\n"]) as port:
        assert not await has_answered("EHLO", HERE, port)


async def test_nobody_there_is_no_answer() -> None:
    async with door([]) as port:
        pass
    assert not await has_answered("EHLO", HERE, port)


async def test_a_json_answer_is_read() -> None:
    async with door([b"", b'HTTP/1.1 201 Created\r\n\r\n{"email": "x"}']) as port:
        assert await questions.http(HERE, port, "POST", "/new") == (201, {"email": "x"})
