"""The running containers, by the numbers of the attack list: what the kernel lets each of them do, and what they hold.

postgres:17 begins as root and becomes postgres, for which it has six capabilities; the init before it keeps them, does
nothing, and is the one process of root beside `certs`, which reads the operator's key and has no network.
"""

import json
import re
from pathlib import Path

import pytest

from chatmail.services import OPERATOR, SERVICES
from tests.docker import engine
from tests.docker.engine import ask_docker, docker, inspect, pids, status, title
from tests.docker.project import Project

OURS = tuple(service.name for service in SERVICES)
STANDING = (*OURS, "postgres", "redis", "resolver", "certs")
DAC_READ_SEARCH = 1 << 2  # capability.h
FILTERED = "2"  # seccomp(2): by a filter
each_service = pytest.mark.parametrize("service", STANDING)

OWN = {
    **{name: {"maddy_database_url", "maddy_redis_url"} for name in OURS},
    "register": {"maddy_database_url", "maddy_redis_url", "maddy_inbound_database_url"},
    "postgres": {"password"},
    "redis": {"users.acl"},
}


def passwords(project: Project) -> set[str]:
    """Every password there is."""
    found = {path.read_text().strip() for path in (project.volume("secrets") / "passwords").iterdir()}
    assert len(found) >= 2 * len(OURS)
    assert all(len(password) >= 32 for password in found)
    return found


def mounts(pid: int) -> dict[str, set[str]]:
    """The options of what is mounted in a process's view, by place."""
    rows = [line.split() for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]
    return {row[4]: set(row[5].split(",")) for row in rows}


@each_service
def test_c7_processes_are_nobody_and_may_do_nothing(project: Project, service: str) -> None:
    found = pids(project.container(service))
    assert found
    for pid in found:
        state = status(pid)
        assert state["NoNewPrivs"] == "1", title(pid)
        assert state["Seccomp"] == FILTERED, title(pid)
        is_init = "docker-init" in title(pid)
        if service == "certs":
            assert int(state["CapEff"], 16) == int(state["CapBnd"], 16) == DAC_READ_SEARCH, title(pid)
        elif service == "postgres" and is_init:
            assert int(state["CapEff"], 16).bit_count() == 6
        else:
            assert "0" not in state["Uid"].split(), title(pid)
            assert int(state["CapEff"], 16) == 0, title(pid)
        if service in OURS:
            assert set(state["Uid"].split()) == {"10001"}, title(pid)
            assert int(state["CapBnd"], 16) == 0, title(pid)


@each_service
def test_c7_the_root_is_read_only_and_what_is_writable_runs_nothing(project: Project, service: str) -> None:
    container = project.container(service)
    done = ask_docker("exec", "--user", "0", container, "touch", "/usr/bin/mine")
    assert "Read-only file system" in done.stderr
    places = mounts(project.pid(service))
    assert "ro" in places["/"]
    assert "noexec" in places.get("/tmp", {"noexec"})
    if service in OURS:
        done = ask_docker("exec", container, "sh", "-c", "cp /bin/true /tmp/mine && /tmp/mine")
        assert "Permission denied" in done.stderr


@each_service
def test_c7_it_is_limited_asked_and_has_an_init(project: Project, service: str) -> None:
    found = inspect(project.container(service))
    host = found["HostConfig"]
    assert host["Memory"] > 0
    assert 0 < host["PidsLimit"] <= 1024
    assert "docker-init" in title(pids(project.container(service))[0])
    assert not host["Privileged"]
    assert service == "certs" or found["State"]["Health"]["Status"] == "healthy"


def test_c1_what_is_bound_on_the_host(project: Project) -> None:
    bound = [
        (binding["HostIp"], binding["HostPort"], port)
        for identity in project.containers()
        for port, bindings in inspect(identity)["NetworkSettings"]["Ports"].items()
        for binding in bindings or []
    ]
    seven = (25, 80, 143, 443, 465, 587, 993)
    assert sorted(bound) == sorted((project.address, str(port), f"{port}/tcp") for port in seven)


REACH = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)"


def reaches(network: str, address: str, port: int) -> bool:
    flags = ["--rm", "--network", network, "--entrypoint", "python3"]
    done = ask_docker("run", *flags, f"{engine.IMAGE}-tools", "-c", REACH, address, str(port))
    assert done.returncode == 0 or re.search(r"[Ee]rror|timed out", done.stderr), done.stderr
    return done.returncode == 0


def test_c1_nobody_gets_out_of_the_inner_network(project: Project) -> None:
    inner = f"{project.name}_inner"
    assert reaches(project.edge, project.address, 80), "or the next line would prove nothing"
    assert not reaches(inner, project.address, 80)
    assert reaches(inner, "postgres", 5432)


@pytest.mark.parametrize(("server", "port"), [("postgres", 5432), ("redis", 6379)])
def test_c1_servers_cannot_be_reached_from_the_edge(project: Project, server: str, port: int) -> None:
    assert not reaches(project.edge, server, port)
    assert not reaches(project.edge, project.inner_address(server), port)


@pytest.mark.parametrize("service", [*OWN, "resolver", "certs"])
def test_c6_a_service_sees_its_own_secrets_and_no_other(project: Project, service: str) -> None:
    root = Path(f"/proc/{project.pid(service)}/root")
    seen = {path.name for path in (root / "run/secrets").rglob("*")}
    assert seen == OWN.get(service, set())
    assert not list((root / "secrets").glob("*")) if (root / "secrets").is_dir() else True
    for name in seen:
        mode = (root / "run/secrets" / name).stat().st_mode & 0o777
        assert mode == (0o444 if service in ("postgres", "redis") else 0o400)


def test_c6_no_password_can_be_seen_from_outside(project: Project) -> None:
    everything = [project.output(), json.dumps(project.rendered())]
    for identity in project.containers():
        found = inspect(identity)
        everything += [json.dumps(found), docker("history", "--no-trunc", found["Image"])]
        if found["State"]["Running"]:
            for pid in pids(identity):
                environment = Path(f"/proc/{pid}/environ").read_bytes().replace(b"\0", b"\n").decode(errors="replace")
                everything += [title(pid), environment]
    text = "\n".join(everything)
    assert project.domain in text, "or nothing was looked at"
    assert [password for password in passwords(project) if password in text] == []


def test_c6_redis_knows_hashes_only(project: Project) -> None:
    rules = project.secret("redis/users.acl")
    assert len(re.findall(r"^user \w+ on #[0-9a-f]{64} ", rules, re.MULTILINE)) == len(OURS) + 1
    assert not [password for password in passwords(project) if password in rules]
    assert OPERATOR in rules


@each_service
def test_c8_the_engine_filters_calls_and_lends_nothing(project: Project, service: str) -> None:
    found = inspect(project.container(service))
    host = found["HostConfig"]
    assert not any("unconfined" in option for option in host["SecurityOpt"])
    assert (host["PidMode"], host["IpcMode"], host["UTSMode"], host["UsernsMode"]) == ("", "private", "", "")
    assert host["NetworkMode"] != "host"
    assert not [mount["Source"] for mount in found["Mounts"] if mount["Source"].endswith(".sock")]
    assert service == "certs" or not [mount for mount in found["Mounts"] if mount["Type"] == "bind"]


def test_c7_the_carrier_has_one_right_and_no_network(project: Project) -> None:
    host = inspect(project.container("certs"))["HostConfig"]
    assert [name.removeprefix("CAP_") for name in host["CapAdd"]] == ["DAC_READ_SEARCH"]
    assert host["CapDrop"] == ["ALL"]
    assert (host["NetworkMode"], host["ReadonlyRootfs"]) == ("none", True)
