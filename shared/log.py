"""One line an event, nothing personal in it (design §4.11).

Strategy: services log through `event`, whose fields are words and numbers chosen by us. Libraries may log
addresses and peers at INFO, so everything but our own logger starts at WARNING, and exceptions are logged by
type and place, never by text: driver messages quote the row that failed.
"""

import asyncio
import logging
import sys
import traceback
from typing import Any

_LOG = logging.getLogger("chatmail")


def configure(service: str) -> None:
    """Send our events to standard error as `service event key=value …`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(f"%(asctime)s {service} %(levelname).1s %(message)s", "%Y-%m-%dT%H:%M:%S"))
    _LOG.handlers = [handler]
    _LOG.setLevel(logging.INFO)
    _LOG.propagate = False
    # A library that has something to say says it without its words: they may quote what a stranger sent.
    quiet = logging.getLogger()
    quiet.handlers = [_WordlessHandler()]
    quiet.setLevel(logging.ERROR)


def event(name: str, **fields: int | float | str | None) -> None:
    """Log one event; fields are counts, durations and words of ours, never anything a client sent."""
    _LOG.info("%s", " ".join([name, *(f"{key}={value}" for key, value in fields.items())]))


def failure(name: str, error: BaseException) -> None:
    """Log an error of ours by its type and the place it was raised, without its text."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else "?"
    _LOG.error("%s error=%s at=%s", name, type(error).__name__, place)


def quiet_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Make the loop report its unhandled errors through `failure`, without protocols, peers or texts."""

    def report(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        failure("unhandled", context.get("exception") or RuntimeError())

    loop.set_exception_handler(report)


class _WordlessHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _LOG.error("library name=%s at=%s:%d", record.name, record.filename, record.lineno)
