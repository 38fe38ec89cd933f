"""From a Postfix to us: it finds our certificate as we promised it, and we take what is signed and sealed."""

import http.client
import re
import ssl

import pytest

from shared.policy.mta_sts import OUR_AGE, Policy, read_policy
from tests.federation import PORTS
from tests.people import Person, encrypted_letter
from tests.strangers.postfix import USER
from tests.strangers.program import until
from tests.strangers.world import CARELESS, HERE, PLAIN, RIGHT, STS, Strangers

NOT_ENCRYPTED = "523 5.7.1 Encryption Needed: Invalid Unencrypted Mail"
NO_SIGNATURE = "554 5.7.1 No DKIM signature found"


@pytest.mark.parametrize(
    ("sender", "tag", "agent", "trust"),
    [
        (f"{USER}@{RIGHT}", "+dane", "dane/smtp", "Verified"),
        (f"{USER}@{STS}", "+secure", "secure/smtp", "Verified"),
        (f"{USER}@{PLAIN}", "", "smtp", "Trusted"),
    ],
    ids=["dane", "as-mta-sts-demands", "encrypted"],
)
def test_arrives(strangers: Strangers, ann: Person, sender: str, tag: str, agent: str, trust: str) -> None:
    subject = f"by {agent}"
    local, _, domain = ann.address.partition("@")
    strangers.postfix.submit(sender, f"{local}{tag}@{domain}", encrypted_letter(sender, subject=subject))
    until(lambda: any(f"Subject: {subject}\r\n".encode() in letter for letter in ann.inbox()), "delivered")
    strangers.postfix.wait_for_log(rf"postfix/{agent}\[\d+\]: {trust} TLS connection established to {HERE}\[")


@pytest.mark.parametrize(
    ("domain", "is_sealed", "said"),
    [(CARELESS, True, NO_SIGNATURE), (PLAIN, False, NOT_ENCRYPTED)],
    ids=["unsigned", "cleartext"],
)
def test_refused(strangers: Strangers, ann: Person, domain: str, is_sealed: bool, said: str) -> None:
    sender = f"{USER}@{domain}"
    before = len(ann.inbox())
    letter = encrypted_letter(sender) if is_sealed else f"From: {sender}\r\nSubject: open\r\n\r\nhello\r\n".encode()
    strangers.postfix.submit(sender, ann.address, letter)
    line = strangers.postfix.wait_for_log(re.escape(said))
    assert "status=bounced" in line
    assert f"to=<{ann.address}>" in line
    assert len(ann.inbox()) == before
    # It tells its user, in our words.
    until(lambda: any(said[4:] in " ".join(letter.split()) for letter in strangers.postfix.mailbox(sender)), "told")


def test_our_mail_policy_is_where_others_look(strangers: Strangers) -> None:
    context = strangers.authority.client_context()
    door = _Door(strangers.here.address, PORTS["port_https"], f"mta-sts.{HERE}", context)
    door.request("GET", "/.well-known/mta-sts.txt", headers={"Host": f"mta-sts.{HERE}"})
    answer = door.getresponse()
    policy = read_policy(answer.read())
    door.close()
    assert answer.status == 200
    assert policy == Policy("enforce", frozenset({HERE}), OUR_AGE)


class _Door(http.client.HTTPSConnection):
    """A connection to an address, whose certificate must be good for a name."""

    def __init__(self, address: str, port: int, name: str, context: ssl.SSLContext) -> None:
        super().__init__(address, port, timeout=30)
        self._name, self._tls = name, context

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._name)
