"""The abuse log of a real suite, read by fail2ban's own reader; and a suite that was not asked for one has no address.

Everybody who misbehaves comes from a loopback address of their own, so that each filter can be seen to find its own.
"""

import contextlib
import shutil
import smtplib
import socket
import subprocess
from collections.abc import Callable, Iterator
from http.client import HTTPSConnection
from pathlib import Path

import pytest

from tests.needs import needs
from tests.people import Person, newcomer, trusting
from tests.suite import Suite

DEPLOY = Path(__file__).parents[2] / "deploy/fail2ban"
LOG = "abuse.log"
CONNECTIONS = 50  # at once from one source, where people log in
PATIENCE = 60.0


def guess_imap(suite: Suite, peer: str, victim: Person) -> None:
    port = suite.ports["port_imaps"]
    plain = socket.create_connection((suite.address, port), 30, (peer, 0))
    with trusting().wrap_socket(plain) as client:
        client.recv(4096)
        client.sendall(f'a LOGIN "{victim.address}" guessed\r\n'.encode())
        assert b"a NO" in client.recv(4096)


def guess_submission(suite: Suite, peer: str, victim: Person) -> None:
    port = suite.ports["port_submissions"]
    client = smtplib.SMTP_SSL(suite.address, port, context=trusting(), source_address=(peer, 0))
    with client, pytest.raises(smtplib.SMTPAuthenticationError):
        client.login(victim.address, "guessed")


def flood(suite: Suite, peer: str, _: Person) -> None:
    with contextlib.ExitStack() as open_things:
        for _number in range(CONNECTIONS + 10):
            client = socket.create_connection((suite.address, suite.ports["port_imap"]), 30, (peer, 0))
            open_things.enter_context(client)
        assert b"BYE" in client.recv(4096)


def ask_for_addresses(suite: Suite, peer: str, _: Person) -> None:
    for _number in range(12):
        client = HTTPSConnection(
            suite.address, suite.ports["port_https"], timeout=30, context=trusting(), source_address=(peer, 0)
        )
        client.request("POST", "/new")
        answer = client.getresponse()
        answer.read()
        client.close()
    assert answer.status == 429


def relay(suite: Suite, peer: str, _: Person) -> None:
    assert _ask_port_25(suite, peer, ["someone@elsewhere.test"]) == [550]


def ask_for_names(suite: Suite, peer: str, _: Person) -> None:
    names = [f"nobody{number}@{suite.domain}" for number in range(22)]
    assert _ask_port_25(suite, peer, names)[-1] == 450


MISUSES: dict[Callable[[Suite, str, Person], None], tuple[str, str]] = {
    guess_imap: ("guess", "127.10.1.1"),
    guess_submission: ("guess", "127.10.1.2"),
    flood: ("flood", "127.10.1.3"),
    ask_for_addresses: ("flood", "127.10.1.4"),
    relay: ("mail", "127.10.1.5"),
    ask_for_names: ("mail", "127.10.1.6"),
}
PEERS = [peer for _, peer in MISUSES.values()]


def _ask_port_25(suite: Suite, peer: str, recipients: list[str]) -> list[int]:
    port = suite.ports["port_smtp"]
    with smtplib.SMTP(suite.address, port, timeout=30, source_address=(peer, 0)) as client:
        client.starttls(context=trusting())
        client.ehlo()
        client.mail("stranger@elsewhere.test")
        return [client.rcpt(name)[0] for name in recipients]


def misuse_everything(suite: Suite) -> Person:
    victim = newcomer(suite)
    assert victim.inbox() == []
    for misuse, (_, peer) in MISUSES.items():
        misuse(suite, peer, victim)
    return victim


def texts(suite: Suite) -> dict[str, str]:
    files = [suite.log, *(suite.folder / "data/log").rglob("*")]
    return {path.name: path.read_text(errors="replace") for path in files if path.is_file()}


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Suite, Person, Path]]:
    """A suite with an abuse log, in which everything happened."""
    log = tmp_path_factory.mktemp("watched") / LOG
    with Suite(settings={"MADDY_ABUSE_LOG": str(log)}) as suite:
        victim = misuse_everything(suite)
        suite.wait(lambda: log.exists() and len(log.read_text().splitlines()) >= len(MISUSES), PATIENCE, "written down")
        yield suite, victim, log


@pytest.mark.parametrize("mode", sorted({mode for mode, _ in MISUSES.values()}))
def test_fail2ban_finds_who_it_is_meant_for(watched: tuple[Suite, Person, Path], mode: str) -> None:
    program, log = needs("fail2ban-regex"), watched[2]
    command = [program, "--out", "<ip>\n", str(log), f"{DEPLOY}/filter.d/chatmail.conf[mode={mode}]"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {peer for meant, peer in MISUSES.values() if meant == mode}


def test_a_line_says_nothing_of_whom_it_was_about(watched: tuple[Suite, Person, Path]) -> None:
    _, victim, log = watched
    for line in log.read_text().splitlines():
        _, service, word, address = line.split()
        assert service in {"smtp-in", "submission", "imap", "register"}
        assert word.replace("_", "").isalpha()
        assert address in PEERS
    assert victim.address.partition("@")[0] not in log.read_text()


def test_no_other_log_learns_of_it(watched: tuple[Suite, Person, Path]) -> None:
    for name, text in texts(watched[0]).items():
        assert not [peer for peer in PEERS if peer in text], name


def test_without_the_setting_no_address_is_anywhere() -> None:
    with Suite() as suite:
        misuse_everything(suite)
        suite.stop()
        files = [path for path in suite.folder.rglob("*") if path.is_file()]
        assert suite.log in files
        for path in files:
            assert not [peer for peer in PEERS if peer.encode() in path.read_bytes()], path


def test_strangers_words_cannot_name_somebody_else(tmp_path: Path) -> None:
    log = tmp_path / LOG
    log.write_text(
        "2026-01-31T12:00:00Z imap wrong_password 192.0.2.1\n"
        "2026-01-31T12:00:00Z imap wrong_password 192.0.2.2 192.0.2.3\n"
        "2026-01-31T12:00:00Z imap wrong_password bystander.example\n"
        "2026-01-31T12:00:00Z sshd wrong_password 192.0.2.4\n"
        "192.0.2.5 2026-01-31T12:00:00Z imap wrong_password 192.0.2.6\n"
    )
    command = [needs("fail2ban-regex"), "--out", "<ip>\n", str(log), f"{DEPLOY}/filter.d/chatmail.conf"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["192.0.2.1"]


def test_the_jails_are_sound(tmp_path: Path) -> None:
    program = needs("fail2ban-client")
    configuration, logs = tmp_path / "fail2ban", tmp_path / "chatmail-imap"
    shutil.copytree("/etc/fail2ban", configuration)
    shutil.copytree(DEPLOY, configuration, dirs_exist_ok=True)
    logs.mkdir()
    (logs / LOG).touch()
    jails = configuration / "jail.d/chatmail.conf"
    jails.write_text(jails.read_text().replace("/var/log/", f"{tmp_path}/"))
    (configuration / "jail.d/defaults-debian.conf").unlink(missing_ok=True)  # sshd's log may not be here
    done = subprocess.run([program, "-c", str(configuration), "-d"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for jail in ("chatmail-guess", "chatmail-flood", "chatmail-mail"):
        assert f"['add', '{jail}'" in done.stdout
        assert f"['set', '{jail}', 'addlogpath', '{logs / LOG}'" in done.stdout
