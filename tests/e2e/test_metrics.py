"""The numbers of a running suite: they move with what people do, and nobody can be found in them."""

import imaplib
import json
import smtplib
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from chatmail.services import SERVICES
from tests.people import Person, encrypted_letter, newcomer, trusting
from tests.suite import Suite, free_address

ROOT = Path(__file__).parents[2]
NAME, PASSWORD, HELLO = "canaryname", "canarypassword", "canaryhello.example"
PATIENCE = 60.0

Sample = tuple[str, ...]


def started(workers: int, port: int) -> Suite:
    address = free_address()
    settings = {
        "MADDY_METRICS_PORT": str(port),
        "MADDY_WORKERS": str(workers),
        "MADDY_SWEEP_SECONDS": "0.1",
        "MADDY_DNS": f"{address}:1",  # nobody is there: mail for elsewhere waits
    }
    return Suite(address=address, settings=settings)


@pytest.fixture(scope="module")
def suite() -> Iterator[Suite]:
    with started(2, 9100) as suite:
        yield suite


def ask(suite: Suite, service: str, path: str) -> str:
    url = f"http://{suite.address}:{suite.status['metrics'][service]}/{path}"
    with urllib.request.urlopen(url, timeout=30) as answer:
        return str(answer.read().decode())


def numbers(suite: Suite, service: str) -> dict[Sample, float]:
    """Return name and label to value, without the service's own name."""
    return {
        (sample.name, *(value for label, value in sample.labels.items() if label != "service")): sample.value
        for family in text_string_to_metric_families(ask(suite, service, "metrics"))
        for sample in family.samples
    }


def grown(suite: Suite, service: str, act: Callable[[], object]) -> Callable[..., float]:
    """Do something; return what tells by how much a number has grown since before, by its name and label."""
    before = numbers(suite, service)
    act()
    return lambda *sample: numbers(suite, service)[sample] - before[sample]


def until(is_true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_true():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def idle(person: Person) -> imaplib.IMAP4_SSL:
    client = person.imap()
    client.select("INBOX")
    client.send(b"i IDLE\r\n")
    assert client.readline().startswith(b"+")
    return client


@pytest.fixture(scope="module")
def ann(suite: Suite) -> Person:
    person = newcomer(suite)
    person.imap().logout()
    return person


@pytest.mark.parametrize("service", [service.name for service in SERVICES])
def test_every_service_is_well(suite: Suite, service: str) -> None:
    assert ask(suite, service, "health") == '{"status":"ok"}'
    until(lambda: numbers(suite, service)["chatmail_postgres_available",] == 1, "both workers are there")
    found = numbers(suite, service)
    assert found["process_resident_memory_bytes", "0"] > 0
    assert found["process_resident_memory_bytes", "1"] > 0, "there are two workers"


def test_a_message_is_counted_from_door_to_reader(suite: Suite, ann: Person) -> None:
    bob = newcomer(suite)
    client = idle(bob)
    until(lambda: numbers(suite, "imap")["chatmail_imap_idling",] == 1, "one idles")
    letter = encrypted_letter(ann.address)
    in_imap = grown(suite, "imap", lambda: None)
    in_submission = grown(suite, "submission", lambda: ann.send(bob.address, letter=letter))
    assert b"EXISTS" in client.readline()
    until(lambda: in_imap("chatmail_accept_to_readable_seconds_count") == 1, "one was told")
    assert 0 < in_imap("chatmail_accept_to_readable_seconds_sum") < PATIENCE
    assert in_submission("chatmail_messages_total") == 1
    assert in_submission("chatmail_message_bytes_total") >= len(letter)
    assert in_submission("chatmail_recipients_total") == 1
    assert in_submission("chatmail_logins_total", "ok") == 1
    assert in_submission("chatmail_commit_seconds_count") >= 1
    client.send(b"DONE\r\n")
    client.shutdown()
    until(lambda: numbers(suite, "imap")["chatmail_imap_idling",] == 0, "nobody idles")


def test_what_was_there_before_was_not_waited_for(suite: Suite, ann: Person) -> None:
    bob = newcomer(suite)
    bob.imap().logout()
    ann.send(bob.address)
    assert grown(suite, "imap", bob.inbox)("chatmail_accept_to_readable_seconds_count") == 0


def test_a_refusal_is_counted_by_its_reason(suite: Suite, ann: Person) -> None:
    def write_in_the_clear() -> None:
        with ann.smtp() as client, pytest.raises(smtplib.SMTPDataError):
            client.sendmail(ann.address, [ann.address], f"From: {ann.address}\r\n\r\nhello\r\n".encode())

    rise = grown(suite, "submission", write_in_the_clear)
    assert rise("chatmail_refusals_total", "cleartext") == 1
    assert rise("chatmail_messages_total") == 0


def test_births_and_failures_to_log_in_are_told_apart(suite: Suite) -> None:
    person = newcomer(suite)
    wrong = Person(suite, person.address, "not the password")

    def try_both() -> None:
        person.imap().logout()
        with pytest.raises(imaplib.IMAP4.error):
            wrong.imap()

    rise = grown(suite, "imap", try_both)
    assert (rise("chatmail_logins_total", "new"), rise("chatmail_logins_total", "wrong")) == (1, 1)
    assert rise("chatmail_births_total", "login") == 1


def test_a_failed_handshake_is_seen(suite: Suite) -> None:
    def talk_nonsense() -> None:
        with socket.create_connection((suite.address, suite.ports["port_imaps"]), 10) as client:
            client.sendall(b"a LOGIN in the clear\r\n")
            client.recv(100)

    rise = grown(suite, "imap", talk_nonsense)
    until(lambda: rise("chatmail_accepts_total", "handshake_failed") == 1, "the handshake failed")
    assert rise("chatmail_accepts_total", "admitted") == 1


def test_connections_of_all_workers_are_added_up(suite: Suite) -> None:
    before = numbers(suite, "imap")["chatmail_connections",]
    clients = [socket.create_connection((suite.address, suite.ports["port_imap"]), 10) for _ in range(12)]
    for client in clients:
        assert client.recv(100).startswith(b"* OK")
    assert {numbers(suite, "imap")["chatmail_connections",] for _ in range(5)} == {before + 12}
    for client in clients:
        client.close()
    until(lambda: numbers(suite, "imap")["chatmail_connections",] == before, "all are gone")


def test_the_certificate_in_force_tells_its_end(suite: Suite) -> None:
    pem = ssl.get_server_certificate((suite.address, suite.ports["port_imaps"]))
    file = suite.folder / "seen.pem"
    file.write_text(pem)
    end = ssl.cert_time_to_seconds(str(ssl._ssl._test_decode_cert(str(file))["notAfter"]))  # type: ignore[attr-defined]
    name = "chatmail_certificate_expiry_timestamp_seconds"
    assert {numbers(suite, service)[name,] for service in ("imap", "submission", "register", "smtp-in")} == {end}


def test_what_waits_for_other_servers_is_seen(suite: Suite, ann: Person) -> None:
    ann.send(f"somebody@{HELLO}")
    until(lambda: numbers(suite, "queue-worker")["chatmail_outbox_waiting",] >= 1, "one waits")
    until(lambda: numbers(suite, "queue-worker")["chatmail_outbox_oldest_seconds",] > 0, "it grows old")


def test_the_command_sums_up(suite: Suite) -> None:
    def said(*words: str) -> str:
        command = [sys.executable, "-m", "chatmail", "status", *words, "--data", str(suite.folder / "data")]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    accepted = numbers(suite, "submission")["chatmail_messages_total",]
    until(lambda: json.loads(said("--json"))["services"]["submission"]["accepted"] == accepted, "told of every message")
    status = json.loads(said("--json"))
    assert {name: row["replicas"] for name, row in status["services"].items()} == dict.fromkeys(
        suite.status["metrics"], 2
    )
    assert status["services"]["imap"]["readable"] == 1
    assert 0 < status["services"]["imap"]["readable_p99"] <= PATIENCE
    assert "1 told to clients that waited: half within" in said()


def test_nobody_can_be_found_in_any_number(suite: Suite, ann: Person) -> None:
    born = Person(suite, f"{NAME}@{suite.domain}", PASSWORD)
    born.inbox()
    with born.smtp() as client, pytest.raises(smtplib.SMTPRecipientsRefused):
        client.sendmail(born.address, [f"{NAME}-unknown@{suite.domain}"], encrypted_letter(born.address))
    born.send(f"someone@{HELLO}")
    with socket.create_connection((suite.address, suite.ports["port_smtp"]), timeout=30) as client:
        client.recv(100)
        client.sendall(f"EHLO {HELLO}\r\nMAIL FROM:<{NAME}@{HELLO}>\r\nQUIT\r\n".encode())
        while client.recv(4096):
            pass
    page = f"https://{suite.address}:{suite.ports['port_https']}/{NAME}"
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(page, timeout=30, context=trusting())
    words = [NAME, PASSWORD, HELLO, ann.address.partition("@")[0], suite.domain, suite.address, "127.", "@"]
    for service in suite.status["metrics"]:
        text = ask(suite, service, "metrics")
        assert [word for word in words if word in text] == [], service
