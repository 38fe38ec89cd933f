"""What FETCH answers of a message's text: made ready, then written.

Strategy: a literal's size is said before its octets. So a section is made ready first, whatever must be read for that,
while a failure is still only a NO; what then fails to come can only end the connection. Decoded parts of large
messages are decoded twice: once for their size, once for the client.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from imap.commands.octets import Octets, Vanished
from imap.content.part import Part, find
from imap.content.transfer import decoder
from imap.state import Conversation, CutOff
from imap.store import Unavailable
from imap.wire.answer import no
from imap.wire.section import Form, Section

MAX_PICKED = 64 * 1024  # octets of a part's header in which fields are looked for


@dataclass(frozen=True, slots=True)
class Ready:
    """A section that can be written: words that are known, or octets that are still to be read.

    `part` is to be decoded, from its octet `offset` on; without it, `offset` counts from the message's start.
    """

    words: bytes = b""
    size: int = 0
    offset: int = 0
    part: Part | None = None


async def make_ready(section: Section, octets: Octets, message: Part | None) -> Ready:
    """Find out all that must be known before a section is written; `message` is the structure, if it is needed."""
    if section.form is not Form.AS_IT_STANDS:
        return await _binary(section, octets, message)
    if message is None or not section.path:
        return await _of_message(section, octets)
    bounds = section.bounds(message)
    if bounds is None:
        return Ready(section.label + b" NIL")
    if section.fields:
        header = await octets.read(bounds[0], min(bounds[1], bounds[0] + MAX_PICKED))
        return _literal(section, section.pick(header))
    return _span(section, *bounds)


async def write(talk: Conversation, ready: Ready, octets: Octets) -> None:
    """Write a section; raise CutOff if it cannot be finished."""
    talk.output.write(ready.words)
    if not ready.size:
        return
    try:
        async for data in _decoded(ready, octets) if ready.part else octets.slices(ready.offset, _end(ready)):
            talk.output.write(data)
    except (Unavailable, Vanished):
        raise CutOff from None


def _end(ready: Ready) -> int:
    return ready.offset + ready.size


async def _of_message(section: Section, octets: Octets) -> Ready:
    header, size = octets.message.header or b"", octets.message.size
    if section.fields:
        await octets.breath.take(len(header))  # all of which is read
        return _literal(section, section.pick(header))
    offset, length = section.span(len(header), size)
    return Ready(b"%b {%d}\r\n" % (section.label, length), length, offset)


def _literal(section: Section, data: bytes) -> Ready:
    return Ready(b"%b {%d}\r\n%b" % (section.label, len(data), data))


def _span(section: Section, start: int, end: int) -> Ready:
    offset, length = section.cut(start, end)
    return Ready(b"%b {%d}\r\n" % (section.label, length), length, offset)


# Decoded (RFC 3516)


async def _binary(section: Section, octets: Octets, message: Part | None) -> Ready:
    part = None if message is None or not section.path else find(message, section.path)
    if section.path and part is None:
        return Ready(section.label + (b" 0" if section.form is Form.DECODED_SIZE else b" NIL"))
    start, end = (part.body, part.end) if part else (0, octets.message.size)
    has_code = part is not None and not part.parts and part.encoding not in (b"7bit", b"8bit", b"binary")
    if part is None or not has_code:  # RFC 9051 §6.4.5: only parts without parts can be encoded
        return Ready(section.label + b" %d" % (end - start)) if _asks_size(section) else _span(section, start, end)
    if decoder(part.encoding) is None:
        raise no("UNKNOWN-CTE", "Unknown content transfer encoding")
    size, has_nul = 0, False
    async for data in _decoded(Ready(size=part.size, part=part), octets):
        size += len(data)
        has_nul |= b"\0" in data
    if _asks_size(section):
        return Ready(section.label + b" %d" % size)
    offset, length = section.cut(0, size)
    return Ready(b"%b %b{%d}\r\n" % (section.label, b"~" if has_nul else b"", length), length, offset, part)


def _asks_size(section: Section) -> bool:
    return section.form is Form.DECODED_SIZE


async def _decoded(ready: Ready, octets: Octets) -> AsyncIterator[bytes]:
    """Yield a part's decoded octets from `offset` on, `size` of them at most."""
    assert ready.part is not None
    decode = decoder(ready.part.encoding)
    assert decode is not None
    skip, left = ready.offset, ready.size
    async for data in octets.slices(ready.part.body, ready.part.end):
        plain = decode.feed(data)
        kept = plain[skip : skip + left]
        skip, left = max(0, skip - len(plain)), left - len(kept)
        yield kept
    yield decode.finish()[skip : skip + left]
