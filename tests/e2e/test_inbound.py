"""Mail from another server into a real suite, over port 25 and over `/mxdeliv`; read by IMAP, or refused in words."""

import smtplib
from collections.abc import Callable, Iterator
from functools import partial

import dkim
import httpx
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from shared.mail.dkim.private import public_record
from tests.dns_server import DnsServer
from tests.people import Person, encrypted_letter, trusting
from tests.suite import Suite

ZOE = "zoe@there.test"
LETTER = encrypted_letter(ZOE, subject="as it was written")
KEY = rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
Told = tuple[int, str]
Bring = Callable[..., Told]


@pytest.fixture(scope="module")
def names() -> Iterator[DnsServer]:
    with DnsServer() as names:
        record = public_record(KEY.decode())
        strings = " ".join(f'"{record[at : at + 200]}"' for at in range(0, len(record), 200))
        names.set("sel._domainkey.there.test", "TXT", [strings])
        names.fail("sel._domainkey.broken.test")
        names.fail("there.test")  # so that what is for Zoe waits in the outbox
        yield names


@pytest.fixture(scope="module")
def suite(names: DnsServer) -> Iterator[Suite]:
    settings = {
        "MADDY_DOMAIN": "here.test",
        "MADDY_HOSTNAME": "mx.here.test",
        "MADDY_DNS": names.address,
        "MADDY_PLAIN_FOR": "postmaster@here.test",
    }
    with Suite(settings=settings) as suite:
        yield suite


@pytest.fixture(scope="module")
def ann(suite: Suite) -> Person:
    ann = Person(suite, "annabell1@here.test", "a-long-password")
    ann.imap().logout()  # the first login makes the account
    with psycopg.connect(suite.owner_url, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO chatmail.alias (address, target) VALUES ('postmaster@here.test', 'annabell1@here.test')"
        )
        owner.execute("INSERT INTO chatmail.federation (domain, may_pass) VALUES ('closed.test', false)")
    return ann


def signed(letter: bytes, domain: str = "there.test") -> bytes:
    return bytes(dkim.sign(letter, b"sel", domain.encode(), KEY, include_headers=[b"from", b"subject"])) + letter


def over_smtp(suite: Suite, letter: bytes, *recipients: str, sender: str = ZOE) -> Told:
    with smtplib.SMTP(suite.address, suite.ports["port_smtp"], "mx.there.test", timeout=30) as client:
        client.starttls(context=trusting())
        client.ehlo("mx.there.test")
        for said in (lambda: client.mail(sender), *(partial(client.rcpt, one) for one in recipients)):
            code, text = said()
            if code >= 300:
                return code, text.decode()
        code, text = client.data(letter)
        return code, text.decode()


def ask(suite: Suite, method: str, path: str, **options: object) -> httpx.Response:
    url = f"https://{suite.address}:{suite.ports['port_https']}{path}"
    return httpx.request(method, url, verify=trusting(), timeout=30, **options)  # type: ignore[arg-type]


def over_https(suite: Suite, letter: bytes, *recipients: str, sender: str = ZOE) -> Told:
    headers = [("X-MAIL-FROM", sender), *(("X-MAIL-TO", recipient) for recipient in recipients)]
    answer = ask(suite, "POST", "/mxdeliv", content=letter, headers=headers)
    code, _, text = answer.text.partition(" ")
    assert answer.status_code == {"2": 200, "4": 503, "5": 400}[code[0]]
    return int(code), text


DOORS = pytest.mark.parametrize("bring", [over_smtp, over_https], ids=["25", "mxdeliv"])


@DOORS
def test_a_signed_letter_arrives_once(bring: Bring, suite: Suite, ann: Person) -> None:
    before = len(ann.inbox())
    # Each door has octets of its own: the same would count once at both together.
    trace = b"Received: from 192.0.2.7 by x; now\r\nX-Spam: " + bring.__name__.encode() + b"\r\n"
    letter = signed(trace + LETTER)
    for _ in range(2):
        assert bring(suite, letter, "annabell1+tag@here.test") == (250, "2.0.0 Accepted")
    arrived = ann.inbox()[before:]
    assert len(arrived) == 1
    header, _, body = arrived[0].partition(b"\r\n\r\n")
    assert body == LETTER.partition(b"\r\n\r\n")[2]
    assert b"Subject: as it was written" in header
    assert not any(word in header for word in (b"DKIM", b"Received", b"X-Spam"))


REFUSED: dict[str, tuple[bytes, str, str, Told]] = {
    "unsigned": (LETTER, "annabell1", ZOE, (554, "5.7.1 No DKIM signature found")),
    "changed": (
        signed(LETTER).replace(b"as it was", b"as it is "),
        "annabell1",
        ZOE,
        (554, "5.7.1 No valid DKIM signature found"),
    ),
    "signed by another": (
        signed(LETTER, "x.test"),
        "annabell1",
        ZOE,
        (554, "5.7.1 No valid DKIM signature found"),
    ),
    "no answer from the DNS": (
        signed(encrypted_letter("zoe@broken.test"), "broken.test"),
        "annabell1",
        "zoe@broken.test",
        (451, "4.7.5 Cannot verify the origin of this message now, try again later"),
    ),
    "a closed domain": (
        signed(encrypted_letter("zoe@closed.test"), "closed.test"),
        "annabell1",
        ZOE,
        (550, "5.7.1 This server does not exchange mail with your domain"),
    ),
    "cleartext": (
        signed(b"From: zoe@there.test\r\nSubject: a\r\n\r\nhello\r\n"),
        "annabell1",
        ZOE,
        (523, "5.7.1 Encryption Needed: Invalid Unencrypted Mail"),
    ),
    "unknown": (signed(LETTER), "nobody", ZOE, (550, "5.1.1 User doesn't exist")),
    "our own sender": (LETTER, "annabell1", "x@here.test", (501, "5.1.8 Use Submission for outgoing SMTP")),
}


@DOORS
@pytest.mark.parametrize(("letter", "local", "sender", "expected"), REFUSED.values(), ids=list(REFUSED))
def test_refused(
    bring: Bring, suite: Suite, ann: Person, letter: bytes, local: str, sender: str, expected: Told
) -> None:
    before = len(ann.inbox())
    assert bring(suite, letter, f"{local}@here.test", sender=sender) == expected
    assert len(ann.inbox()) == before


@DOORS
def test_a_verified_report_and_cleartext_for_postmaster(bring: Bring, suite: Suite, ann: Person) -> None:
    before = len(ann.inbox())
    name = bring.__name__.encode()
    report = signed(
        b"From: Mail <mailer-daemon@there.test>\r\nSubject: " + name + b"\r\nAuto-Submitted: auto-replied\r\n"
        b'Content-Type: multipart/report; boundary="b"\r\n\r\n--b\r\n\r\nsorry\r\n--b--\r\n'
    )
    plain = signed(b"From: dmarc@there.test\r\nSubject: " + name + b"\r\n\r\nfigures\r\n")
    assert bring(suite, report, ann.address, sender="")[0] == 250
    assert bring(suite, plain, "postmaster@here.test", sender="dmarc@there.test")[0] == 250
    assert len(ann.inbox()) == before + 2


def test_without_tls_no_mail_is_taken(suite: Suite) -> None:
    with smtplib.SMTP(suite.address, suite.ports["port_smtp"], timeout=30) as client:
        client.ehlo("mx.there.test")
        assert client.mail(ZOE)[0] == 530


def test_a_verified_sender_is_told_of_recipients_that_do_not_exist(suite: Suite, ann: Person) -> None:
    letter = signed(encrypted_letter(ZOE, message_id="told@there.test"))
    assert over_https(suite, letter, ann.address, "nobody@here.test") == (250, "2.0.0 Accepted")
    with psycopg.connect(suite.owner_url) as owner:
        rows = owner.execute(
            "SELECT o.recipient, m.sender, m.domain, b.data FROM chatmail.outbox o"
            " JOIN chatmail.outbox_message m ON m.id = o.message_id JOIN chatmail.body b ON b.id = m.body_id"
        ).fetchall()
    ((recipient, sender, domain, report),) = rows
    assert (recipient, sender, domain) == (ZOE, "", "here.test")
    assert b"nobody@here.test" in bytes(report)
    assert b"told@there.test" in bytes(report)


def test_how_another_server_knows_the_door(suite: Suite) -> None:
    answer = ask(suite, "GET", "/mxdeliv")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_the_mail_policy(suite: Suite) -> None:
    answer = ask(suite, "GET", "/.well-known/mta-sts.txt", headers={"Host": "mta-sts.here.test"})
    assert "mx: mx.here.test\r\n" in answer.text


def test_no_stranger_stands_in_a_log(suite: Suite) -> None:
    """Runs last: everything above has happened by now."""
    files = [suite.log, *(path for path in (suite.folder / "data" / "log").rglob("*") if path.is_file())]
    logged = "".join(file.read_text(errors="replace") for file in files).partition("Ctrl-C stops everything.")[2]
    assert logged
    for canary in ("zoe", "there.test", "annabell", "nobody@", "closed.test", "broken.test", "as it was", "192.0.2.7"):
        assert canary not in logged
