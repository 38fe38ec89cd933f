"""The certificate in force, kept live.

Strategy: services hold contexts made here for as long as they run. Such a context has no certificate of its
own: at every handshake it hands over to the newest one with the same options. Loading a new certificate into
the old context would not do, for OpenSSL keeps one certificate for each type of key, and a self-signed ECDSA one
would go on being served beside an operator's RSA one. A pair that is broken, half written or does not match
is never taken up; what was in force stays. An operator's files come first, then what an authority issued while it is
valid, then the self-signed pair.
"""

import asyncio
import os
import ssl
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from shared import log
from shared.listen.validity import ends_at
from shared.mail.trouble import Unavailable

Pair = tuple[bytes, bytes]  # certificate chain and private key, both PEM
Kind = Literal["files", "issued", "self-signed"]

LOOKS_WITHOUT_FILES = 2  # in a row, then they are gone: somebody may be replacing them


class Source(Protocol):
    """Where an authority's certificate is kept; raises Unavailable."""

    async def number(self) -> int:
        """Return the number of the certificate in force, 0 for none."""

    async def pair(self) -> tuple[int, Pair] | None:
        """Return the certificate in force with its number."""


@dataclass(eq=False, slots=True)
class _Front:
    minimum: ssl.TLSVersion
    alpn: Sequence[str]
    context: ssl.SSLContext = field(init=False)
    newest: ssl.SSLContext = field(init=False)

    def __post_init__(self) -> None:
        self.context = self._empty()
        self.context.sni_callback = self._hand_over

    def take_up(self, pair: Pair) -> None:
        newest = self._empty()
        _load(newest, pair)
        self.newest = newest

    def _empty(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = self.minimum
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
        if self.alpn:
            context.set_alpn_protocols(self.alpn)
        return context

    def _hand_over(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self.newest  # called without a server name too


class Certificate:
    """An operator's `fullchain.pem` and `privkey.pem` in `folder`, else the pair of `source`, else `fallback` (PEM)."""

    def __init__(self, fallback: tuple[str, str], folder: Path | None, source: Source | None = None) -> None:
        self._fallback: Pair = (fallback[0].encode(), fallback[1].encode())
        self._pair = self._fallback
        self.ends_at = ends_at(self._pair[0])  # of what is in force, in seconds since 1970; 0 if that cannot be told
        self._folder = folder
        self._source = source
        self._issued: Pair | None = None
        self._number = 0
        self._stamp: tuple[object, ...] = ()
        self._missed = 0
        self._fronts: list[_Front] = []
        self.kind: Kind = "self-signed"
        self.refresh()

    @property
    def is_operators(self) -> bool:
        """The operator's files are in force."""
        return self.kind == "files"

    @property
    def is_trusted(self) -> bool:
        """Clients will accept what is in force, as far as we can tell: somebody vouches for it, and it is not over."""
        return self.kind != "self-signed" and not self._is_over

    @property
    def _is_over(self) -> bool:
        return 0 < self.ends_at <= time.time()

    def context(self, *, minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3, alpn: Sequence[str] = ()) -> ssl.SSLContext:
        """Return a server context that follows the certificate; a client without a common ALPN is let in too."""
        front = _Front(minimum, alpn)
        front.take_up(self._pair)
        self._fronts.append(front)
        return front.context

    def refresh(self) -> bool:
        """Look at the files, and return whether a new pair was taken up; sessions under way keep theirs."""
        if self._folder is None:
            return False
        chain, key = self._folder / "fullchain.pem", self._folder / "privkey.pem"
        stamp = (_stamp(chain), _stamp(key))
        self._missed = self._missed + 1 if None in stamp else 0
        if None in stamp or stamp == self._stamp:
            return False
        try:
            self._take_up((chain.read_bytes(), key.read_bytes()), "files")
        except OSError as error:
            log.failure("certificate_not_taken", error)
            if isinstance(error, ssl.SSLError):  # the files' own fault: they are read again when they change
                self._stamp = stamp
            return False
        self._stamp = stamp
        return True

    async def look(self) -> None:
        """Look at the files and at what an authority issued, and take up what comes first."""
        self.refresh()
        if self._source is None:
            return
        try:
            await self._fetch(self._source)
        except Unavailable:
            return
        if not self.is_operators or (self._issued and self._missed >= LOOKS_WITHOUT_FILES):
            self._fall_back()

    async def watch(self, interval: float = 10.0) -> None:
        """Look every `interval` seconds, for ever."""
        while True:
            await asyncio.sleep(interval)
            await self.look()

    async def _fetch(self, source: Source) -> None:
        if await source.number() != self._number:
            found = await source.pair()
            self._number, self._issued = found or (0, None)

    def _fall_back(self) -> None:
        pair = self._issued or self._fallback
        if pair == self._pair:
            return
        try:
            self._take_up(pair, "issued" if self._issued else "self-signed")
        except OSError as error:
            log.failure("certificate_not_taken", error)
            return
        self._stamp = ()  # should the files come back, they are looked at anew

    def _take_up(self, pair: Pair, kind: Kind) -> None:
        _load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), pair)
        for front in self._fronts:
            front.take_up(pair)
        self._pair, self.ends_at, self.kind = pair, ends_at(pair[0]), kind
        log.event("certificate_taken", kind=kind)
        if self._is_over:
            log.event("certificate_is_over")


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _load(context: ssl.SSLContext, pair: Pair) -> None:
    # Only files can be loaded. The empty password keeps OpenSSL from asking the terminal for one.
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = Path(folder) / "certificate", Path(folder) / "key"
        certificate.write_bytes(pair[0])
        key.touch(mode=0o600)
        key.write_bytes(pair[1])
        context.load_cert_chain(os.fspath(certificate), os.fspath(key), password="")
