"""Signatures by the recipe: the RFC's words as slow, plain code that shares nothing with ours.

`seal` signs honestly whatever it is told to, so that a test's one oddity is the only thing that can be wrong.
"""

import re
from base64 import b64encode
from functools import cache
from hashlib import sha1, sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

DOMAIN = "d.example"
NOW = 1_795_000_000
NAMES = "from:to:subject:date"
MESSAGE = (
    b"From: Alice <a@d.example>\r\nTo: b@e.example,\r\n\tc@e.example\r\nSubject: [...]\r\n"
    b"Date: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@d.example>\r\n\r\n"
    b"Hello,  world\t\r\n\r\n-- \r\nAlice\r\n\r\n"
)
ALGORITHMS = {"rsa": "rsa-sha256", "ed25519": "ed25519-sha256"}
Private = RSAPrivateKey | Ed25519PrivateKey


def private(kind: str = "rsa", bits: int = 2048) -> Private:
    """Return the one test key of that kind."""
    return _made(kind, bits)


@cache
def _made(kind: str, bits: int) -> Private:
    return Ed25519PrivateKey.generate() if kind == "ed25519" else generate_private_key(65537, bits)


def pem(kind: str = "rsa", bits: int = 2048) -> str:
    return private(kind, bits).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def record(kind: str = "rsa", bits: int = 2048, tags: bytes = b"v=DKIM1; ") -> bytes:
    """Return the TXT record of the test key of that kind, other tags in front."""
    public = private(kind, bits).public_key()
    if kind == "ed25519":
        octets = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    else:
        octets = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return tags + b"k=" + kind.encode() + b"; p=" + b64encode(octets)


def seal(
    raw: bytes = MESSAGE, kind: str = "rsa", bits: int = 2048, form: str = "relaxed/relaxed", **given: str | None
) -> bytes:
    """Return `raw` with a signature on top; `given` are tags to change, to add, or (None) to leave out."""
    of_header, of_body = form.split("/")
    hashed = body(raw, of_body)[: int(given.get("l") or 1 << 30)]
    hashing = sha1 if given.get("a") == "rsa-sha1" else sha256
    digest = b64encode(hashing(hashed).digest()).decode()
    tags: dict[str, str | None] = {"v": "1", "a": ALGORITHMS[kind], "c": form, "d": DOMAIN, "s": kind, "h": NAMES}
    tags = {**tags, "bh": digest, **given, "b": given.get("b", "")}
    text = ";\r\n ".join(f"{name}={value}" for name, value in tags.items() if value is not None)
    if tags["b"] == "":
        unsigned = "DKIM-Signature: " + text + "\r\n"
        signed = fields(raw, (tags["h"] or "").split(":"), of_header) + field(unsigned.encode(), of_header)[:-2]
        text += sign(private(kind, bits), signed, tags["a"] or "")
    return b"DKIM-Signature: " + text.encode() + b"\r\n" + raw


def sign(key: Private, signed: bytes, algorithm: str) -> str:
    if isinstance(key, Ed25519PrivateKey):
        return b64encode(key.sign(sha256(signed).digest())).decode()
    return b64encode(key.sign(signed, PKCS1v15(), SHA1() if algorithm.endswith("sha1") else SHA256())).decode()


def fields(raw: bytes, names: list[str], form: str) -> bytes:
    """Return the canonical form of the fields of those names, taken from the bottom (RFC 6376 §5.4.2)."""
    left = re.findall(rb"[^\r\n]+\r\n(?:[ \t][^\r\n]*\r\n)*", raw.partition(b"\r\n\r\n")[0] + b"\r\n")
    found = b""
    for name in names:
        wanted = [at for at, one in enumerate(left) if one.partition(b":")[0].lower() == name.strip().lower().encode()]
        found += field(left.pop(wanted[-1]), form) if wanted else b""
    return found


def field(text: bytes, form: str) -> bytes:
    """RFC 6376 §3.4.1 and §3.4.2."""
    if form == "simple":
        return text
    name, _, value = text.partition(b":")
    return name.lower() + b":" + re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b"")).strip(b" ") + b"\r\n"


def body(raw: bytes, form: str) -> bytes:
    """RFC 6376 §3.4.3 and §3.4.4."""
    lines = raw.partition(b"\r\n\r\n")[2].split(b"\r\n")
    if form == "relaxed":
        lines = [re.sub(rb"[ \t]+", b" ", line) for line in lines]
        lines = [line[:-1] if line.endswith(b" ") else line for line in lines]
    while lines and not lines[-1]:
        lines.pop()
    if form == "relaxed" and not lines:
        return b""
    return b"\r\n".join(lines) + b"\r\n"
