"""BODYSTRUCTURE and BODY (RFC 3501 §7.4.2) from a message's parts.

Strategy: types, parameters and encodings are told as they were written. Depth and number are bounded where the parts
were found (`content.structure`), so this may recurse.
"""

from imap.content.content_fields import Typed, words
from imap.content.part import Part
from imap.wire.encode import nstring, string
from imap.wire.envelope import envelope


def bodystructure(part: Part, *, is_extended: bool) -> bytes:
    """Return a part in wire form; BODY leaves the extension data out."""
    fields = _multipart(part, is_extended=is_extended) if part.is_multipart else _leaf(part, is_extended=is_extended)
    return b"(" + b" ".join(fields) + b")"


def _multipart(part: Part, *, is_extended: bool) -> list[bytes]:
    parts = b"".join(bodystructure(inner, is_extended=is_extended) for inner in part.parts)
    fields = [parts, string(part.type.subtype)]
    return [*fields, _parameters(part.type), *_extension(part)] if is_extended else fields


def _leaf(part: Part, *, is_extended: bool) -> list[bytes]:
    said = part.content
    fields = [
        string(part.type.name),
        string(part.type.subtype),
        _parameters(part.type),
        nstring(said.get(b"id")),
        nstring(said.get(b"description")),
        string(_encoding(part)),
        b"%d" % part.size,
    ]
    if part.is_message:
        message = part.parts[0]
        fields += [envelope(message.header), bodystructure(message, is_extended=is_extended)]
    if part.is_message or part.type.media == b"text":
        fields.append(b"%d" % part.lines)
    return [*fields, nstring(said.get(b"md5")), *_extension(part)] if is_extended else fields


def _extension(part: Part) -> list[bytes]:
    """Return disposition, language and location."""
    disposition = part.disposition
    shown = b"NIL"
    if disposition is not None:
        shown = b"(%b %b)" % (string(disposition.name), _parameters(disposition))
    languages = words(part.content.get(b"language", b""))
    spoken = b"(" + b" ".join(map(string, languages)) + b")" if languages else b"NIL"
    return [shown, spoken, nstring(part.content.get(b"location"))]


def _encoding(part: Part) -> bytes:
    said = part.content.get(b"transfer-encoding", b"").partition(b";")[0].strip()
    return said or b"7bit"


def _parameters(typed: Typed) -> bytes:
    if not typed.parameters:
        return b"NIL"
    return b"(" + b" ".join(string(name) + b" " + string(value) for name, value in typed.parameters) + b")"
