"""From us to a Postfix: as safely as its domain promised, or not at all; and our signatures hold there."""

import re

import psycopg
import pytest

from tests.people import Person, encrypted_letter
from tests.strangers.postfix import USER
from tests.strangers.program import until
from tests.strangers.world import BOGUS, HERE, LATE, PLAIN, RIGHT, STS, WRONG, Strangers

ATTEMPTS = 2  # nothing safer comes of trying again, and nothing less safe


def counted(strangers: Strangers, domain: str) -> set[tuple[str, str]]:
    """Return how TLS went with a domain: policy and result."""
    statement = "SELECT policy_type, result FROM chatmail.tls_result WHERE domain = %s"
    with psycopg.connect(strangers.here.owner_url) as owner:
        return set(owner.execute(statement, (domain,)).fetchall())


def waiting(strangers: Strangers, recipient: str) -> list[tuple[int, str]]:
    """Return what is in the outbox for a recipient: attempts, and what came of the last one."""
    statement = "SELECT attempts, last_text FROM chatmail.outbox WHERE recipient = %s"
    with psycopg.connect(strangers.here.owner_url) as owner:
        return owner.execute(statement, (recipient,)).fetchall()


@pytest.mark.parametrize(
    ("domain", "policy"), [(RIGHT, "tlsa"), (STS, "sts"), (PLAIN, "no-policy-found")], ids=["dane", "sts", "neither"]
)
def test_delivered(strangers: Strangers, ann: Person, domain: str, policy: str) -> None:
    zoe, name = f"{USER}@{domain}", f"{policy}@{HERE}"
    letter = encrypted_letter(ann.address, subject="  of  odd   spaces ", message_id=name)
    ann.send(zoe, letter=letter)
    until(lambda: strangers.postfix.mailbox(zoe, name), f"delivered to {zoe}")
    (arrived,) = strangers.postfix.mailbox(zoe, name)
    head, _, body = arrived.partition("\n\n")
    assert body == letter.partition(b"\r\n\r\n")[2].decode().replace("\r\n", "\n")
    assert "(using TLSv1.3 with cipher " in head
    # opendkim looked at both of our signatures, with the keys that `chatmail dns` had said to publish.
    assert sorted(re.findall(r"dkim=(\w+) .*header\.a=([\w-]+)", head)) == [
        ("pass", "ed25519-sha256"),
        ("pass", "rsa-sha256"),
    ]
    until(lambda: counted(strangers, domain) == {(policy, "success")}, "counted")
    until(lambda: not waiting(strangers, zoe), "done with")


@pytest.mark.parametrize(
    ("domain", "said", "tls"),
    [
        (WRONG, "4.7.5 The server's TLS certificate or handshake", {("tlsa", "validation-failure")}),
        (LATE, "4.7.5 The server's TLS certificate or handshake", {("sts", "certificate-host-mismatch")}),
        (BOGUS, "4.4.3 The domain's mail servers could not be looked up", set[tuple[str, str]]()),
    ],
    ids=["wrong-tlsa", "sts-enforced", "bogus-zone"],
)
def test_kept_back(strangers: Strangers, ann: Person, domain: str, said: str, tls: set[tuple[str, str]]) -> None:
    zoe, postfix = f"{USER}@{domain}", strangers.postfix
    ann.send(zoe)
    until(lambda: any(row[0] >= ATTEMPTS and said in row[1] for row in waiting(strangers, zoe)), "tried again")
    until(lambda: counted(strangers, domain) == tls, "counted")
    assert not postfix.mailbox(zoe)
    assert f"to=<{zoe}>" not in postfix.output()
