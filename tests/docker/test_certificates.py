"""Certificates of the operator's: below ./certs, root's alone as certbot's are, taken up while people are connected."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.docker import pem
from tests.docker.engine import health
from tests.docker.project import DOMAIN, HOSTNAME, Project
from tests.people import newcomer

PORTS = (25, 443, 465, 993)
SECONDS = 60.0


@pytest.fixture(scope="module")
def project(images: str) -> Iterator[Project]:
    with Project() as running:
        yield running


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_without_one_it_makes_its_own_and_writes_it_nowhere_near(project: Project) -> None:
    found = {pem.shown(project.address, port) for port in PORTS}
    assert len(found) == 1
    assert all(map(pem.is_issued_by_itself, found))
    assert below(project.folder / "certs") == {}
    assert below(project.volume("tls")) == {}


def test_files_are_taken_up_and_followed_without_a_connection_lost(project: Project, authority: Authority) -> None:
    certs = project.folder / "certs"
    client = newcomer(project).imap()
    for number in range(2):
        leaf = authority.issue(HOSTNAME, DOMAIN)
        pem.put(certs, leaf)
        written = below(certs)
        project.wait(pem.is_shown(leaf, project.address, *PORTS), SECONDS, f"shown: certificate {number + 1}")
        assert client.noop()[0] == "OK"
        assert below(certs) == written
    client.logout()


def test_one_that_goes_away_goes_with_the_next_start(project: Project, authority: Authority) -> None:
    # Not before: while there is nothing that clients would trust as well, it stays in force.
    certs, leaf = project.folder / "certs", authority.issue(HOSTNAME)
    pem.put(certs, leaf)
    project.wait(pem.is_shown(leaf, project.address, 993), SECONDS, "shown")
    (certs / pem.KEY).unlink()  # half a pair is none
    project.wait(lambda: not below(project.volume("tls")), SECONDS, "taken away")
    project.compose("restart", "imap")
    project.wait(lambda: health(project.container("imap")) == "healthy", SECONDS, "healthy again")
    assert pem.is_issued_by_itself(pem.shown(project.address, 993))
    (certs / pem.CHAIN).unlink()


def test_a_link_that_leads_nowhere_is_a_word_in_the_log(project: Project) -> None:
    # As when certbot's live folder is mounted, whose links lead into its archive.
    link = project.folder / "certs" / pem.CHAIN
    link.symlink_to("../../archive/fullchain1.pem")
    said = "fullchain.pem is a link that leads out of this folder"
    project.wait(lambda: said in project.output(), SECONDS, "told")
    link.unlink()


def test_one_that_is_there_before_the_start_is_shown_from_the_start(project: Project, authority: Authority) -> None:
    leaf = authority.issue(HOSTNAME, DOMAIN)
    project.stop()
    pem.put(project.folder / "certs", leaf)
    project.start()
    project.wait(pem.is_shown(leaf, project.address, *PORTS), SECONDS, "shown")
