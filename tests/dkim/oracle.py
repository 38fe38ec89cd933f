"""The other DKIM libraries: dkimpy in this process, opendkim as a program.

dkimpy leaves Ed25519 to PyNaCl; where that is not installed, the four calls it makes go to `cryptography`. What is
compared is then all but the curve's arithmetic, which the RFC's own example covers.
"""

import subprocess
import sys
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


class _SigningKey:
    def __init__(self, seed: bytes, encoder: object = None) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(b64decode(seed))

    def sign(self, message: bytes) -> "_Signed":
        return _Signed(self._key.sign(message))


class _Signed(NamedTuple):
    signature: bytes


class _VerifyKey:
    def __init__(self, octets: bytes, encoder: object = None) -> None:
        self._key = Ed25519PublicKey.from_public_bytes(b64decode(octets))

    def verify(self, message: bytes, signature: bytes) -> None:
        self._key.verify(signature, message)


def _nacl() -> None:
    try:
        import nacl.signing  # noqa: F401
    except ImportError:
        modules = {name: ModuleType(name) for name in ("nacl", "nacl.signing", "nacl.encoding", "nacl.exceptions")}
        for name, module in modules.items():
            setattr(modules["nacl"], name.rpartition(".")[2], module)
        vars(modules["nacl.signing"]).update(SigningKey=_SigningKey, VerifyKey=_VerifyKey)
        vars(modules["nacl.encoding"]).update(Base64Encoder=None)
        vars(modules["nacl.exceptions"]).update(ValueError=ValueError, BadSignatureError=InvalidSignature)
        sys.modules.update(modules)


_nacl()
import dkim  # noqa: E402


def dkimpy_holds(raw: bytes, records: Mapping[str, bytes], index: int = 0) -> bool:
    """Tell whether dkimpy verifies that signature of the message."""

    def look_up(name: bytes, timeout: int = 5) -> bytes | None:
        return records.get(name.decode().lower().rstrip("."))

    try:
        return bool(dkim.DKIM(raw).verify(index, look_up))
    except (dkim.DKIMException, ValueError, IndexError):
        return False


def dkimpy_signed(raw: bytes, key: bytes, algorithm: str, selector: str, domain: str, form: str, names: str) -> bytes:
    """Return the message with dkimpy's signature on top; `key` is a PEM, or a base64 seed for Ed25519."""
    of_header, of_body = form.encode().split(b"/")
    return (
        dkim.sign(
            raw,
            selector.encode(),
            domain.encode(),
            key,
            canonicalize=(of_header, of_body),
            signature_algorithm=algorithm.encode(),
            include_headers=names.encode().split(b":"),
        )
        + raw
    )


def opendkim_holds(program: str, folder: Path, raw: bytes, records: Mapping[str, bytes]) -> list[str]:
    """Return what opendkim says of each signature, in order: `pass` or why not."""
    (folder / "keys").write_bytes(b"".join(name.encode() + b" " + txt + b"\n" for name, txt in records.items()))
    said = _opendkim(program, folder, raw, ["Mode v", f"TestPublicKeys {folder}/keys"])
    return [part.split()[0] for part in said.split("dkim=")[1:]]


def opendkim_signed(program: str, folder: Path, raw: bytes, pem: str, algorithm: str, form: str, domain: str) -> bytes:
    """Return the message with opendkim's signature on top, selector `sel`."""
    (folder / "key").write_text(pem)
    settings = ["Mode s", f"Domain {domain}", "Selector sel", f"KeyFile {folder}/key", f"Canonicalization {form}"]
    said = _opendkim(program, folder, raw, [*settings, f"SignatureAlgorithm {algorithm}", "OversignHeaders From"])
    value = said.partition("hname='DKIM-Signature' hvalue='")[2].partition("'")[0]
    return b"DKIM-Signature: " + value.replace("\n", "\r\n").encode() + b"\r\n" + raw


def _opendkim(program: str, folder: Path, raw: bytes, settings: list[str]) -> str:
    settings = [*settings, "RequireSafeKeys no", "Syslog no", f"UserID {folder.owner()}"]
    (folder / "conf").write_text("\n".join(settings) + "\n")
    (folder / "message").write_bytes(raw)
    command = [program, "-x", str(folder / "conf"), "-t", str(folder / "message"), "-vvv"]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60).stdout
