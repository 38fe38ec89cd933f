"""A header block by the names of its fields, for SEARCH, SORT and THREAD."""

from imap.content.encoded_words import decode_header


def header_fields(header: bytes) -> dict[bytes, bytes]:
    """Return what the fields of each lower-case name say, folds as they stand.

    What several fields of one name say stands together, each behind a NUL: no command can ask for one.
    """
    found: dict[bytes, list[bytes]] = {}
    said: list[bytes] = []  # a fold of no field belongs to none
    for line in header.split(b"\r\n"):
        if not line:
            break
        if line[0] in b" \t":
            said.append(b"\r\n" + line)
        else:
            name, _, value = line.partition(b":")
            said = found.setdefault(name.rstrip().lower(), [])
            said.append(b"\0" + value)
    return {name: b"".join(lines) for name, lines in found.items()}


class HeaderFields:
    """One message's header fields; taken apart once, and decoded when they are looked into."""

    __slots__ = ("_decoded", "_fields")

    def __init__(self, header: bytes) -> None:
        self._fields = header_fields(header)
        self._decoded: dict[bytes, str] = {}

    def first(self, name: bytes) -> bytes:
        """Return the first field of a lower-case name as it stands, empty if there is none."""
        return self._fields.get(name, b"\0").split(b"\0", 2)[1]

    def says(self, name: bytes) -> str | None:
        """Return the decoded, case-folded text of all fields of a lower-case name, None if there is none."""
        if name not in self._fields:
            return None
        if name not in self._decoded:
            self._decoded[name] = decode_header(self._fields[name]).casefold()
        return self._decoded[name]
