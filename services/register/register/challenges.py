"""What a certificate authority finds here when it looks for us (HTTP-01, RFC 8555 §8.3), whichever replica it asks.

Strategy: all answers that hold are read together, at most once a second: there are a handful, and whoever asks for
made-up tokens costs the database nothing more. The worker waits until every replica must have read a new one before it
calls the authority. None of this is a secret: an answer is of use to nobody but the account that asked for it.
"""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from shared.storage.errors import Unavailable

PATH = "/.well-known/acme-challenge/"
REMEMBERED_SECONDS = 1.0

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,128}")  # base64url (RFC 8555 §8.3)


class Answers(Protocol):
    """`shared.storage.certificates.Answers`."""

    async def all(self) -> Mapping[str, str]:
        """Return every answer by its token; raise Unavailable."""


class Challenges:
    """Gives the answers."""

    def __init__(self, answers: Answers, clock: Callable[[], float] = time.monotonic) -> None:
        self._answers = answers
        self._clock = clock
        self._reading = asyncio.Lock()
        self._known: Mapping[str, str] = {}
        self._read_at = float("-inf")

    async def answer(self, request: Request) -> Response:
        """Answer one request under any host name: 404 for what is not expected, 503 where we cannot tell."""
        token = request.path_params["token"]
        if not _TOKEN.fullmatch(token):
            return PlainTextResponse("no such token", 404)
        try:
            known = await self._all()
        except Unavailable:
            return PlainTextResponse("try again later", 503)
        if token not in known:
            return PlainTextResponse("no such token", 404)
        return PlainTextResponse(known[token])

    async def _all(self) -> Mapping[str, str]:
        async with self._reading:  # one question for all who wait
            if self._clock() - self._read_at >= REMEMBERED_SECONDS:
                asked_at = self._clock()
                self._known = await self._answers.all()
                self._read_at = asked_at
        return self._known
