"""What root does in the all-in-one container, it does among things of nobody's (uid 10001).

Nobody must not be able to have root read, or open, what is not theirs. Each attempt is made as nobody, in a volume as
an attacker would have it.
"""

import os
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.docker import pem
from tests.docker.engine import ask_docker, docker
from tests.docker.project import HOSTNAME
from tests.docker.single import Single

OURS = "10001"
SECRET = "/etc/shadow"
LINKS = f"ln -s {SECRET} /data/tls/fullchain.pem && ln -s {SECRET} /data/tls/privkey.pem"

# What nobody may have left in a volume when /data was nobody's still.
LEFT = {
    "links in its folder": f"mkdir -p /data/tls && {LINKS}",
    "a link in place of its folder": "rm -rf /data/tls && ln -s /root /data/tls",
    "a link that leads to links": f"mkdir -p /data/mine && rm -rf /data/tls && ln -s mine /data/tls && {LINKS}",
}
ATTEMPTS = {
    "links in its folder": LINKS,
    "another folder": f"mv /data/tls /data/old && mkdir /data/tls && {LINKS}",
    "no folder": f"rm -r /data/tls && mkdir /data/tls && {LINKS}",
}


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS)
def test_nobody_puts_anything_where_root_reads(single: Single, attempt: str) -> None:
    done = ask_docker("exec", "--user", OURS, single.name, "sh", "-c", attempt)
    assert done.returncode != 0
    assert single.run("stat", "--format", "%U %a", "/data", "/data/tls").splitlines() == ["root 1770", "root 755"]


@pytest.mark.parametrize("left", LEFT.values(), ids=LEFT)
def test_what_nobody_left_in_a_volume_is_not_followed(images: str, left: str) -> None:
    with Single() as single:
        own = "chown chatmail: /data && chmod 700 /data && rm -rf /data/tls"
        docker("exec", single.name, "sh", "-c", own)
        docker("exec", "--user", OURS, single.name, "sh", "-c", left)
        single.restart()
        assert single.run("ls", "/run/tls") == ""
        assert single.run("stat", "--format", "%a", "/root") == "700"


def test_a_closed_folder_of_the_host_is_read_and_left_as_it_is(images: str, tmp_path: Path) -> None:
    leaf = Authority().issue(HOSTNAME)
    pem.put(tmp_path, leaf)
    tmp_path.chmod(0o700)
    os.chown(tmp_path, int(OURS), int(OURS))
    with Single("-v", f"{tmp_path}:/data/tls:ro") as single:
        assert pem.is_shown(leaf, single.address, 993)()
    assert (tmp_path.stat().st_mode & 0o777, tmp_path.stat().st_uid) == (0o700, int(OURS))
