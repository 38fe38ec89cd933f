"""Invariant: whatever octets come back, they are an Answer, nobody's answer (None), or LookupFailed; nothing else.

An Answer holds at most MAX_RECORDS records, and its name has no final dot. A name of any characters is a question that
the library reads back with the same labels, or is refused as one that cannot be written.
"""

import dns.exception
import dns.message
import dns.rrset
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.dns.answer import Answer, LookupFailed
from shared.dns.message import MAX_RECORDS, Query, judge, read

RECORDS = {
    "A": ["192.0.2.1", "192.0.2.2"],
    "AAAA": ["2001:db8::1"],
    "MX": ["10 mx.a.test.", "0 ."],
    "TXT": ['"v=spf1" "-all"', '"\\000\\255"'],
    "TLSA": ["3 1 1 " + "00" * 32],
    "CAA": ['0 issue "ca.test"'],
    "SRV": ["0 0 993 mx.a.test."],
    "CNAME": ["b.test."],
    "PTR": ["b.test."],
}
KINDS = st.sampled_from(sorted(RECORDS))


def reply(query: Query, kind: str) -> bytes:
    message = dns.message.make_response(dns.message.from_wire(query.wire))
    message.answer.append(dns.rrset.from_text("a.test.", 300, "IN", "CNAME", "b.test."))
    message.answer.append(dns.rrset.from_text("b.test.", 300, "IN", kind, *RECORDS[kind]))
    message.authority.append(dns.rrset.from_text("test.", 300, "IN", "SOA", "a. b. 1 2 3 4 5"))
    return message.to_wire()


def judged(query: Query, wire: bytes) -> Answer | None:
    try:
        found = read(query, wire)
        answer = judge(query, found, is_trusted=True) if found else None
    except LookupFailed:
        return None
    if answer:
        assert len(answer.records) <= MAX_RECORDS
        assert not answer.canonical.endswith(".") or answer.canonical.endswith("\\.")
    return answer


@settings(max_examples=400, deadline=None)
@given(KINDS, KINDS, st.lists(st.tuples(st.integers(2, 200), st.integers(0, 255)), max_size=6), st.integers(0, 300))
def test_replies_with_octets_changed(asked: str, told: str, changes: list[tuple[int, int]], cut: int) -> None:
    query = Query("a.test", asked)
    wire = bytearray(reply(query, told))
    for place, octet in changes:
        wire[place % len(wire)] = octet
    judged(query, bytes(wire))
    judged(query, bytes(wire[: cut % len(wire)]))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=120), st.integers(0, 15))
def test_replies_of_any_octets(rest: bytes, code: int) -> None:
    query = Query("a.test", "MX")
    head = query.id + bytes([0x81, 0x80 | code, 0, 1])
    question = query.wire[12:-11]
    judged(query, query.id + rest)
    judged(query, head + b"\0\2\0\1\0\0" + question + rest)
    judged(query, head + b"\0\2\0\1\0\0" + question + (b"\xc0\x0c" + b"\0\x0f\0\1\0\0\1\0" + rest) * 2)


@settings(max_examples=400, deadline=None)
@given(st.text(max_size=80))
@example("a." * 126 + "a")
@example("a" * 63 + ".b")
@example("a\\.b")
@example("\udc00.b")
@example("ﬀ" * 30)
def test_names_of_any_characters(name: str) -> None:
    try:
        query = Query(name, "A")
    except (dns.exception.DNSException, UnicodeError):
        return
    (question,) = dns.message.from_wire(query.wire).question
    assert question.name == query.name
    assert len(question.name.labels) == len(name.split(".")) + 1
    assert judged(query, reply(query, "A")) is not None
