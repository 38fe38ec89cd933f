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
from shared.mail.content import content_type
from shared.mail.headers import Field, Headers, scan
from shared.openpgp.armor import Armor

if TYPE_CHECKING:
    from typing_extensions import Buffer

_REPORTER = "mailer-daemon"


@dataclass(frozen=True, slots=True)
class Facts:
    """A message as the rules see it.

    `author` is None when From is missing, doubtful or several. `header_size` counts the octets of the header
    block with its empty line. `hops` counts Received fields (RFC 5321 §6.3). `fields` tell where the header's
    fields lie. `is_old_encrypted`: it would be encrypted but for a Version line in the armor, which old programs write.
    `is_report`: a mail system says that it could not deliver. `automatic` is what Auto-Submitted says, in lower case
    and without parameters (RFC 3834 §5), "" where a person wrote.
    """

    author: Address | None
    header_size: int
    hops: int
    is_malformed: bool
    is_encrypted: bool
    is_securejoin: bool
    fields: tuple[Field, ...]
    is_old_encrypted: bool = False
    is_report: bool = False
    automatic: bytes = b""


def read(raw: "Buffer") -> Facts:
    """Read a message: bytes, a memoryview or a mapped file."""
    with memoryview(raw) as view:
        headers = scan(view)
        armor = structure.encrypted(view, headers)
        who, automatic = author(headers), _automatic(headers)
        return Facts(
            author=who,
            header_size=headers.size,
            hops=sum(field.name == b"received" for field in headers.fields),
            is_malformed=headers.is_malformed,
            is_encrypted=armor is Armor.ENCRYPTED,
            is_securejoin=structure.is_securejoin(view, headers),
            fields=headers.fields,
            is_old_encrypted=armor is Armor.VERSIONED,
            is_report=who is not None and who.local == _REPORTER and automatic != b"" and _is_report(headers),
            automatic=automatic,
        )


def _automatic(headers: Headers) -> bytes:
    said = headers.values(b"auto-submitted")
    keyword = said[0].partition(b";")[0].strip(b" \t").lower() if said else b""
    return b"" if keyword == b"no" else keyword


def _is_report(headers: Headers) -> bool:
    content = content_type(headers)
    return content is not None and content.media == b"multipart/report"
