"""Other servers whose every name, address and word is a canary: one that is well, and one for each kind of trouble."""

import smtplib
from collections.abc import Callable
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Self

import dkim
import httpx
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from shared.mail.dkim.private import public_record
from tests.certificates import self_signed
from tests.federation import PORTS, World, txt
from tests.people import encrypted_letter, trusting
from tests.remote import DROP, RESET, Remote
from tests.suite import Suite, free_address

FAR = "canaryfar"  # part of every name
SAID = "canarysaid"  # part of everything they say
WELL = f"well-{FAR}.test"
KEY = rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

TROUBLES: dict[str, Callable[[Remote], None]] = {
    "greets-badly": lambda remote: remote.at("CONNECT", f"554 5.3.2 {SAID}"),
    "hangs-up": lambda remote: remote.at("CONNECT", DROP),
    "speaks-nonsense": lambda remote: remote.at("EHLO", f"{SAID}\r\n".encode()),
    "breaks-tls": lambda remote: remote.at("TLS", RESET),
    "refuses-us": lambda remote: remote.at("MAIL", f"550 5.7.1 {SAID}"),
    "refuses-them": lambda remote: remote.at("RCPT", f"550 5.1.1 {SAID}"),
    "is-busy": lambda remote: remote.at("RCPT", f"450 4.2.1 {SAID}"),
    "is-ambiguous": lambda remote: remote.at("DOT", DROP),
    "takes-late": lambda remote: remote.at("DOT", f"451 4.3.0 {SAID}"),
    "is-away": Remote.stop,
}
WEB_TROUBLES: dict[str, Callable[[Remote], None]] = {
    "refuses-over-https": lambda remote: remote.at("POST", (400, f"550 5.1.1 {SAID}")),
    "fails-over-https": lambda remote: remote.at("POST", (500, SAID)),
    "is-ambiguous-over-https": lambda remote: remote.at("POST", DROP),
}
UNRESOLVED = ("has-no-name", "has-no-dns", "takes-no-mail", "is-private")


class Strangers:
    """They live as long as the block."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._stack = ExitStack()
        self.addresses: list[str] = []

    def __enter__(self) -> Self:
        self.well = self._settle(WELL)
        for name, bring_about in {**TROUBLES, **WEB_TROUBLES}.items():
            remote = self._settle(f"{name}-{FAR}.test", has_door=name in WEB_TROUBLES)
            bring_about(remote)
        self._world.dns.fail(f"has-no-dns-{FAR}.test")
        self._world.dns.set(f"takes-no-mail-{FAR}.test", "MX", ["0 ."])
        self._world.dns.set(f"is-private-{FAR}.test", "A", ["224.0.0.1"])
        key = public_record(KEY.decode())
        self._world.dns.set(f"sel._domainkey.{WELL}", "TXT", [txt(key)])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    @property
    def recipients(self) -> list[str]:
        """Somebody at each of them, and at servers that are not there at all."""
        names = ("well", *TROUBLES, *WEB_TROUBLES, *UNRESOLVED)
        return [f"{FAR}-somebody@{name}-{FAR}.test" for name in names]

    def write_to(self, suite: Suite, recipient: str) -> None:
        """Bring mail to both doors, for somebody and nobody: good, unsigned, badly signed, in clear, and worse."""
        sender = f"{FAR}-somebody@{WELL}"
        plain = encrypted_letter(sender, subject=FAR, message_id=f"{FAR}@x")
        signed = bytes(dkim.sign(plain, b"sel", WELL.encode(), KEY, include_headers=[b"from"])) + plain
        clear = f"From: <{sender}>\r\nSubject: {FAR}\r\n\r\n{FAR}\r\n".encode()
        letters = [signed, plain, signed.replace(f"{FAR}-some".encode(), f"{FAR}-any".encode()), clear, b"\r\n"]
        for letter in [*letters, encrypted_letter(f"{FAR}@has-no-dns-{FAR}.test")]:
            for to in (recipient, f"{FAR}-nobody@{suite.domain}", f"{FAR}@{WELL}"):
                self._bring(suite, letter, sender, to)

    def _bring(self, suite: Suite, letter: bytes, sender: str, recipient: str) -> None:
        with (
            suppress(smtplib.SMTPException, OSError),
            smtplib.SMTP(suite.address, suite.ports["port_smtp"], WELL, 30, (self.well.address, 0)) as client,
        ):
            client.starttls(context=trusting())
            client.sendmail(sender, [recipient], letter)
        headers = {"X-MAIL-FROM": sender, "X-MAIL-TO": recipient, "User-Agent": FAR, "Host": WELL}
        url = f"https://{suite.address}:{suite.ports['port_https']}/mxdeliv"
        transport = httpx.HTTPTransport(verify=trusting(), local_address=self.well.address)
        with httpx.Client(transport=transport, timeout=30) as client:
            client.post(url, content=letter, headers=headers)

    def _settle(self, domain: str, *, has_door: bool = False) -> Remote:
        host, address = f"mx.{domain}", free_address()
        leaf = self._world.authority.issue(host) if has_door else self_signed(host)
        remote = Remote(address, leaf, port=PORTS["port_smtp"], https_port=PORTS["port_https"])
        self._stack.enter_context(remote)
        self._world.dns.set(domain, "MX", [f"10 {host}."])
        self._world.dns.set(host, "A", [address])
        self.addresses.append(address)
        return remote
