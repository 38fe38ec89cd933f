"""A second opinion that shares no code with the gate: Python's email package and Sequoia.

`is_encrypted` says that a lenient reader finds an encrypted message and nothing beside it in the MIME structure.
"""

from email import message_from_bytes
from email.message import Message

from pysequoia.packet import PacketPile


def is_encrypted(raw: bytes) -> bool:
    message = message_from_bytes(raw)
    parts = message.get_payload()
    if message.get_content_type() != "multipart/encrypted" or not isinstance(parts, list) or len(parts) != 2:
        return False
    version, data = (part for part in parts if isinstance(part, Message))
    if (message.preamble or "").strip() or (message.epilogue or "").strip():
        return False
    types = (version.get_content_type(), data.get_content_type())
    if types != ("application/pgp-encrypted", "application/octet-stream") or _body(version).strip() != b"Version: 1":
        return False
    return _is_message(_tags(_body(data)))


def _body(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _tags(octets: bytes) -> list[str]:
    try:
        return [str(packet.tag) for packet in PacketPile.from_bytes(octets)]
    except (RuntimeError, ValueError, OSError):
        return []


def _is_message(tags: list[str]) -> bool:
    return tags[-1:] == ["Tag.SEIP"] and set(tags[:-1]) <= {"Tag.PKESK", "Tag.SKESK"}
