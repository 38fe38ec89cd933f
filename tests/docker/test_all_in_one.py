"""`docker run` with two settings: everything in one container, on one volume that moves between versions."""

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.certificates import Authority
from tests.docker import pem
from tests.docker.engine import IMAGE, docker, inspect, pids, status, title
from tests.docker.figures import note
from tests.docker.project import DOMAIN, HOSTNAME
from tests.docker.single import Single
from tests.people import Person, encrypted_letter, newcomer

GENEROUS_SECONDS = 60.0  # the aim is thirty; this machine may be busy
OURS = "10001"
CLOSED = (
    *("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"),
    *("--security-opt", "no-new-privileges", "--user", "10001:10001"),
)


def with_letter(single: Single) -> Person:
    person = newcomer(single)
    person.send(person.address)
    assert len(person.inbox()) == 1
    return person


def test_it_is_healthy_soon(images: str) -> None:
    started = time.monotonic()
    with Single() as single:
        seconds = time.monotonic() - started
        note("all-in-one: from nothing to healthy", seconds, "s")
        with_letter(single)
    assert seconds < GENEROUS_SECONDS


def test_the_operators_command_is_in_it(single: Single) -> None:
    assert DOMAIN in single.run("chatmail", "status")
    made = json.loads(single.run("chatmail", "accounts", "create", "--json"))
    assert Person(single, made["address"], made["password"]).inbox() == []


def test_all_processes_are_nobody_but_the_carrier(single: Single) -> None:
    states = {pid: status(pid) for pid in pids(single.name)}
    roots = {title(pid) for pid, state in states.items() if state["Uid"].split()[0] == "0"}
    carrier = "/bin/sh /usr/local/bin/carry-certificates /data/tls /run/tls"
    assert roots <= {"tini -g -- start", carrier, "sleep 10"}
    for pid, state in states.items():
        if title(pid) not in roots:
            assert set(state["Uid"].split()) == set(state["Gid"].split()) == {OURS}, title(pid)
            assert state["Groups"] == "", title(pid)
            assert (int(state["CapEff"], 16), int(state["CapBnd"], 16)) == (0, 0), title(pid)
            assert state["NoNewPrivs"] == "1", title(pid)
    assert len(states) > 10


def test_it_stops_in_order_and_moves_to_another_version(images: str, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {IMAGE}-all-in-one\nLABEL version=newer\nRUN touch /opt/newer\n")
    newer = f"{IMAGE}-newer"
    with Single() as single:
        person = with_letter(single)
        docker("stop", "--time", "60", single.name)
        assert inspect(single.name)["State"]["ExitCode"] == 0
        log = Path(docker("volume", "inspect", "--format", "{{.Mountpoint}}", single.data)) / "log/postgres.log"
        assert "database system is shut down" in log.read_text().splitlines()[-1]
        single.remove()
        docker("build", "--quiet", "--tag", newer, tmp_path)
        try:
            single.image = newer
            single.start()
            assert single.run("ls", "/opt/newer")
            assert len(person.inbox()) == 1
            person.send(person.address, letter=encrypted_letter(person.address, message_id="second@chat.test"))
            assert len(person.inbox()) == 2
        finally:
            single.remove()
            docker("rmi", newer)


def test_two_files_and_a_restart(images: str, tmp_path: Path) -> None:
    with Single() as single:
        leaf = Authority().issue(HOSTNAME, DOMAIN)
        private = leaf.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        for name, octets, mode in ((pem.CHAIN, leaf.pem, 0o644), (pem.KEY, private, 0o600)):
            (tmp_path / name).write_bytes(octets)
            (tmp_path / name).chmod(mode)
            docker("cp", tmp_path / name, f"{single.name}:/data/tls/")
        single.restart()
        assert pem.is_shown(leaf, single.address, 25, 443, 465, 993)()
        # And so does doing nothing.
        later = Authority().issue(HOSTNAME, DOMAIN)
        client = newcomer(single).imap()
        private = later.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        for name, octets in ((pem.CHAIN, later.pem), (pem.KEY, private)):
            (tmp_path / name).write_bytes(octets)
            docker("cp", tmp_path / name, f"{single.name}:/data/tls/")
        single.wait(pem.is_shown(later, single.address, 25, 443, 465, 993), 60.0, "shown: the later certificate")
        assert client.noop()[0] == "OK"
        client.logout()


def test_closed_as_a_service_of_compose_it_works(images: str) -> None:
    with Single(*CLOSED) as single:
        for pid in pids(single.name):
            state = status(pid)
            assert (state["Uid"].split()[0], state["CapEff"].strip("0"), state["NoNewPrivs"]) == (OURS, "", "1")
        person = with_letter(single)
        single.restart()
        assert len(person.inbox()) == 1


@pytest.fixture
def folder_of_root() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="cm-"))
    yield path
    shutil.rmtree(path)


def test_its_data_may_be_a_folder_of_root(images: str, folder_of_root: Path) -> None:
    with Single(data=str(folder_of_root)) as single:
        person = with_letter(single)
        single.restart()
        assert len(person.inbox()) == 1
