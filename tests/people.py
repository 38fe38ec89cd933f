"""People who use a suite with Python's own mail clients: an account, a letter, a look into the mailbox."""

import imaplib
import json
import smtplib
import ssl
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tests.suite import Suite

LETTER = Path(__file__).parent / "data/gate/core/2.65-05-text.eml"


def trusting() -> ssl.SSLContext:
    """A TLS context for self-signed suites."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@dataclass(frozen=True)
class Person:
    """An account on a suite."""

    suite: Suite
    address: str
    password: str

    def imap(self) -> imaplib.IMAP4_SSL:
        """Log in and return the connection."""
        client = imaplib.IMAP4_SSL(self.suite.address, self.suite.ports["port_imaps"], ssl_context=trusting())
        try:
            client.login(f'"{self.address}"', self.password)
        except imaplib.IMAP4.error:
            client.shutdown()
            raise
        return client

    def smtp(self) -> smtplib.SMTP_SSL:
        """Log in and return the connection."""
        client = smtplib.SMTP_SSL(self.suite.address, self.suite.ports["port_submissions"], context=trusting())
        try:
            client.login(self.address, self.password)
        except smtplib.SMTPException:
            client.close()
            raise
        return client

    def send(self, *recipients: str, letter: bytes = b"") -> None:
        """Send an encrypted letter."""
        with self.smtp() as client:
            client.sendmail(self.address, recipients, letter or encrypted_letter(self.address))

    def inbox(self) -> list[bytes]:
        """Return every message in the mailbox."""
        client = self.imap()
        client.select("INBOX")
        _, found = client.uid("search", "ALL")
        letters = []
        for uid in found[0].split():
            _, parts = client.uid("fetch", uid.decode(), "(BODY.PEEK[])")
            letters.append(parts[0][1])
        client.logout()
        return letters


def newcomer(suite: Suite, domain: str = "") -> Person:
    """Get an address from the web service, as a client that scanned a code would; at a further domain, by its page."""
    url = f"https://{suite.address}:{suite.ports['port_https']}/new"
    request = urllib.request.Request(url, method="POST", data=b"", headers={"Host": domain} if domain else {})
    with urllib.request.urlopen(request, timeout=30, context=trusting()) as answer:
        given = json.load(answer)
    return Person(suite, given["email"], given["password"])


def from_link(suite: Suite, link: str) -> Person:
    """Read the account out of a dclogin: link."""
    address, _, query = link.removeprefix("dclogin:").partition("?")
    fields = urllib.parse.parse_qs(query)
    assert fields["ip"] == [str(suite.ports["port_imaps"])]
    assert fields["sp"] == [str(suite.ports["port_submissions"])]
    return Person(suite, address.rstrip("/"), fields["p"][0])


def encrypted_letter(author: str, *, subject: str = "hello", message_id: str = "") -> bytes:
    """Return a real core's encrypted letter, signed over to another author."""
    head, _, body = LETTER.read_bytes().partition(b"\r\n\r\n")
    kept = [
        field
        for field in head.replace(b"\r\n ", b"\x00 ").replace(b"\r\n\t", b"\x00\t").split(b"\r\n")
        if field.split(b":")[0].lower() in (b"content-type", b"mime-version", b"date")
    ]
    fields = [f"From: <{author}>".encode(), f"Subject: {subject}".encode(), *kept]
    if message_id:
        fields.append(f"Message-ID: <{message_id}>".encode())
    return b"\r\n".join(fields).replace(b"\x00", b"\r\n") + b"\r\n\r\n" + body
