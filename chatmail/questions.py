"""The question a service must answer before it counts as ready.

A listening socket proves little: the answer shows that the service reads, thinks and writes.
"""

import asyncio
import json
import re
import ssl
from contextlib import suppress
from typing import Any

from chatmail.healthy import DIALOGUES
from chatmail.services import Question

ANSWER_SECONDS = 5.0
_MAX_ANSWER = 1024 * 1024


async def has_answered(question: Question, address: str, port: int) -> bool:
    """Put the question to a door once and tell whether the answer was right; False too if nobody listens."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            match question:
                case "EHLO" | "CAPABILITY":
                    return await _greets(address, port, *DIALOGUES[question])
                case "GET /health":
                    return (await http(address, port, "GET", "/health"))[0] == 200
                case "event":  # a service without a door says it by itself
                    return False
    except (OSError, TimeoutError, ValueError):
        return False


async def http(address: str, port: int, method: str, path: str, *, is_tls: bool = False) -> tuple[int, Any]:
    """Make one request and return its status and its JSON body, None if it is none; raise OSError or ValueError.

    With TLS any certificate will do: this asks our own service on this machine.
    """
    reader, writer = await asyncio.open_connection(address, port, ssl=_any_certificate() if is_tls else None)
    try:
        host = f"[{address}]" if ":" in address else address
        head = f"{method} {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        writer.write(head.encode())
        answer = await reader.read(_MAX_ANSWER)
        while chunk := await reader.read(_MAX_ANSWER):
            answer += chunk
    finally:
        await _close(writer)
    headers, _, body = answer.partition(b"\r\n\r\n")
    status = re.match(rb"HTTP/1\.[01] (\d{3}) ", headers)
    if not status:
        raise ValueError("not an HTTP answer")
    return int(status[1]), _json(body)


def _any_certificate() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


async def _greets(address: str, port: int, greeting: bytes, asked: bytes, answer: bytes, farewell: bytes) -> bool:
    reader, writer = await asyncio.open_connection(address, port)
    try:
        if not (await reader.readline()).startswith(greeting):
            return False
        writer.write(asked)
        is_right = (await reader.readline()).startswith(answer)
        writer.write(farewell)  # and hear it out: a connection cut short would count as an error there
        await reader.read(_MAX_ANSWER)
        return is_right
    finally:
        await _close(writer)
