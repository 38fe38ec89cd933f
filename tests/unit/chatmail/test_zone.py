"""What a server's zone holds, and how it is written."""

from ipaddress import ip_address

import pytest

from chatmail.zone import Record, bind, wanted
from shared.policy.mta_sts import policy_id, write
from shared.storage.operator import DkimRecord

PORTS = {"submission": 587, "submissions": 465, "imap": 143, "imaps": 993}
RSA = f"v=DKIM1; k=rsa; p={'A' * 392}"
KEYS = [
    DkimRecord("a.test", "default", RSA),
    DkimRecord("a.test", "ed25519", "v=DKIM1; k=ed25519; p=eDk="),
    DkimRecord("b.test", "default", RSA),
    DkimRecord("old.test", "default", RSA),
]
ADDRESSES = [ip_address("192.0.2.1"), ip_address("2001:db8::1")]

ZONE = f"""; a.test: required
a.test. 3600 IN A 192.0.2.1
a.test. 3600 IN AAAA 2001:db8::1
a.test. 3600 IN MX 10 a.test.
default._domainkey.a.test. 3600 IN TXT "{RSA[:255]}" "{RSA[255:]}"

; a.test: recommended
; for whoever gave you the address: 1.2.0.192.in-addr.arpa. 3600 IN PTR a.test.
; for whoever gave you the address: {ADDRESSES[1].reverse_pointer}. 3600 IN PTR a.test.
a.test. 3600 IN TXT "v=spf1 mx -all"
_dmarc.a.test. 3600 IN TXT "v=DMARC1; p=reject; adkim=s; aspf=s"
ed25519._domainkey.a.test. 3600 IN TXT "v=DKIM1; k=ed25519; p=eDk="
_mta-sts.a.test. 3600 IN TXT "v=STSv1; id={policy_id(write("a.test"))};"
mta-sts.a.test. 3600 IN CNAME a.test.
_smtp._tls.a.test. 3600 IN TXT "v=TLSRPTv1; rua=mailto:postmaster@a.test"
a.test. 3600 IN CAA 0 issue "letsencrypt.org"
_submission._tcp.a.test. 3600 IN SRV 0 1 587 a.test.
_submissions._tcp.a.test. 3600 IN SRV 0 1 465 a.test.
_imap._tcp.a.test. 3600 IN SRV 0 1 143 a.test.
_imaps._tcp.a.test. 3600 IN SRV 0 1 993 a.test.
autoconfig.a.test. 3600 IN CNAME a.test."""


def test_a_zone_of_one_domain() -> None:
    assert bind(wanted("a.test", ["a.test"], ADDRESSES, KEYS, PORTS)) == ZONE


def test_a_host_of_another_name_and_two_domains() -> None:
    records = wanted("mx.c.test", ["a.test", "b.test"], ADDRESSES, KEYS, PORTS)
    assert list(dict.fromkeys(record.subject for record in records)) == ["mx.c.test", "a.test", "b.test"]
    assert [record.name for record in records if record.kind == "MX"] == ["a.test", "b.test"]
    assert {record.value for record in records if record.kind == "MX"} == {"10 mx.c.test."}
    assert [record.name for record in records if record.kind == "CAA"] == ["a.test", "b.test", "mx.c.test"]
    keys = [record.name for record in records if "_domainkey" in record.name]
    assert keys == ["default._domainkey.a.test", "ed25519._domainkey.a.test", "default._domainkey.b.test"]


def test_addresses_nobody_knows_are_the_operator_s_to_write() -> None:
    records = wanted("a.test", ["a.test"], [], KEYS, PORTS)
    assert records[0] == Record("a.test", "a.test", "A", "", "required")
    assert bind(records).splitlines()[1].startswith("; a.test. 3600 IN A …")
    assert not any(record.kind == "PTR" for record in records)


@pytest.mark.parametrize(
    ("text", "written"),
    [("", ""), ("a", '"a"'), ("a" * 256, f'"{"a" * 255}" "a"'), ('a"\\', '"a\\"\\\\"')],
)
def test_texts_are_quoted(text: str, written: str) -> None:
    line = bind([Record("a", "a", "TXT", text, "required")]).splitlines()[1]
    assert line == (
        f"a. 3600 IN TXT {written}"
        if text
        else "; a. 3600 IN A …: the public address of this server, and AAAA for IPv6"
    )
