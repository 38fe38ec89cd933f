"""What the rules need to know about a message, read in one pass.

Strategy: `read` is the one reader for every door. It needs line ends to be CRLF, which the receive path
guarantees, never raises, and costs time in proportion to the message and little memory beside it; over
256 KB it belongs on a thread.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.address import Address
from shared.mail import structure
from shared.mail.author import author
from shared.mail.headers import Field, scan

if TYPE_CHECKING:
    from typing_extensions import Buffer


@dataclass(frozen=True, slots=True)
class Facts:
    """A message as the rules see it.

    `author` is None when From is missing, doubtful or several. `header_size` counts the octets of the header
    block with its empty line. `hops` counts Received fields (RFC 5321 §6.3). `fields` tell where the header's
    fields lie.
    """

    author: Address | None
    header_size: int
    hops: int
    is_malformed: bool
    is_encrypted: bool
    is_securejoin: bool
    fields: tuple[Field, ...]


def read(raw: "Buffer") -> Facts:
    """Read a message: bytes, a memoryview or a mapped file."""
    with memoryview(raw) as view:
        headers = scan(view)
        return Facts(
            author=author(headers),
            header_size=headers.size,
            hops=sum(field.name == b"received" for field in headers.fields),
            is_malformed=headers.is_malformed,
            is_encrypted=structure.is_encrypted(view, headers),
            is_securejoin=structure.is_securejoin(view, headers),
            fields=headers.fields,
        )
