"""The certificate in force, kept live.

Strategy: services hold contexts made here for as long as they run. Such a context has no certificate of its
own: at every handshake it hands over to the newest one with the same options. Loading a new certificate into
the old context would not do, for OpenSSL keeps one certificate for each type of key, and a self-signed ECDSA one
would go on being served beside an operator's RSA one. A pair that is broken, half written or does not match
is never taken up; what was in force stays.
"""

import asyncio
import os
import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shared import log

Pair = tuple[bytes, bytes]  # certificate chain and private key, both PEM


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
    """A self-signed pair (PEM) until `folder` holds `fullchain.pem` and `privkey.pem` of the operator."""

    def __init__(self, fallback: tuple[str, str], folder: Path | None) -> None:
        self._pair: Pair = (fallback[0].encode(), fallback[1].encode())
        self._folder = folder
        self._stamp: tuple[object, ...] = ()
        self._fronts: list[_Front] = []
        self.is_operators = False  # the operator's files are in force, not the self-signed pair
        self.refresh()

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
        if None in stamp or stamp == self._stamp:
            return False
        try:
            pair = (chain.read_bytes(), key.read_bytes())
            _load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), pair)
            for front in self._fronts:
                front.take_up(pair)
        except OSError as error:
            log.failure("certificate_not_taken", error)
            if isinstance(error, ssl.SSLError):  # the files' own fault: they are read again when they change
                self._stamp = stamp
            return False
        self._pair, self._stamp, self.is_operators = pair, stamp, True
        log.event("certificate_taken")
        return True

    async def watch(self, interval: float = 20.0) -> None:
        """Refresh every `interval` seconds, for ever."""
        while True:
            await asyncio.sleep(interval)
            self.refresh()


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
