"""The units: systemd finds nothing wrong with them, they leave little open, and the suite runs under their rules."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatmail import passwords
from chatmail.services import SERVICES, Service
from shared.settings import Settings
from shared.storage import migrate
from tests.deploy.closed import read
from tests.deploy.units import FOLDER, under, unit_of
from tests.needs import needs
from tests.people import newcomer
from tests.suite import STOP_SECONDS, Suite

UNITS = sorted(FOLDER.glob("*.service"))

# 0 is closed, 10 is open: systemd's figure for each unit, which may fall but not rise. The network is most of it.
EXPOSURE = {
    "chatmail-smtp-in": 1.6,
    "chatmail-submission": 1.6,
    "chatmail-imap": 1.6,
    "chatmail-register": 1.6,
    "chatmail-queue-worker": 1.3,
    "chatmail-migrate": 0.6,
    "chatmail": 1.4,
}

# What may differ from unit to unit; every other rule is the same in all of them.
OWN = {
    *("DynamicUser", "User", "SupplementaryGroups", "RemoveIPC", "PrivateUsers", "PrivateNetwork", "ProcSubset"),
    *("CapabilityBoundingSet", "AmbientCapabilities", "RestrictAddressFamilies", "TasksMax", "MemoryMax"),
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units as on a machine whose programs are where they are here."""
    folder = tmp_path_factory.mktemp("units")
    for unit in [*UNITS, FOLDER / "chatmail.target"]:
        text = re.sub(r"/opt/chatmail/\.venv/bin/\w+", sys.executable, unit.read_text())
        (folder / unit.name).write_text(text)
    return folder


def closed_rules(unit: Path) -> dict[str, list[str]]:
    rules = unit.read_text().partition("UMask=")[2].partition("[Install]")[0]
    return {name: values for name, values in read(unit).items() if f"\n{name}=" in rules and name not in OWN}


def test_systemd_finds_nothing_wrong(installed: Path) -> None:
    command = [needs("systemd-analyze"), "verify", *map(str, sorted(installed.iterdir()))]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("name", EXPOSURE)
def test_little_is_open(installed: Path, name: str) -> None:
    limit = str(round(EXPOSURE[name] * 10))
    command = [needs("systemd-analyze"), "security", "--offline=true", "--no-pager", f"--threshold={limit}"]
    done = subprocess.run([*command, str(installed / f"{name}.service")], capture_output=True, text=True)
    assert done.returncode == 0, "\n".join(line for line in done.stdout.splitlines() if not line.startswith("✓"))


def test_every_unit_has_a_figure() -> None:
    assert {unit.stem for unit in UNITS} == set(EXPOSURE)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_the_rules_are_the_same_in_all_units(unit: Path) -> None:
    rules = closed_rules(unit)
    assert len(rules) > 20
    assert rules == closed_rules(UNITS[0])


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_a_service_has_its_unit(service: Service) -> None:
    unit = read(unit_of(service))
    assert unit["ExecStart"] == [f"/opt/chatmail/.venv/bin/python -P -m {service.module}"]
    assert (unit["Type"], unit["Restart"], unit["KillMode"]) == (["notify"], ["always"], ["mixed"])
    right = "CAP_NET_BIND_SERVICE" if service.ports else ""  # only who has a door may open one below 1024
    assert (unit["CapabilityBoundingSet"], unit["AmbientCapabilities"]) == ([right], [right])
    assert unit["DynamicUser"] == ["yes"]


def test_services_do_not_share_an_inner_port() -> None:
    ports = [re.search(r"MADDY_METRICS_PORT=(\d+)", unit_of(service).read_text()) for service in SERVICES]
    assert len({port and port[1] for port in ports}) == len(SERVICES)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_settings_and_secrets_in_units_exist(unit: Path, tmp_path: Path) -> None:
    for name in re.findall(r"\bmaddy_(\w+)", unit.read_text(), re.IGNORECASE):
        assert name.lower() in Settings.model_fields
    passwords.write(tmp_path, "127.0.0.1")
    for given in read(unit).get("LoadCredential", []):
        path = given.partition(":")[2].removeprefix("/etc/chatmail/secrets/")
        assert (tmp_path / path).exists(), given


def test_secrets_name_the_machine_where_there_are_no_containers(tmp_path: Path) -> None:
    passwords.write(tmp_path, "127.0.0.1")
    assert "@127.0.0.1/chatmail" in (tmp_path / "imap/maddy_database_url").read_text()
    assert "@127.0.0.1:6379/0" in (tmp_path / "imap/maddy_redis_url").read_text()


@pytest.mark.parametrize("name", ["roles/imap", "roles_imap"], ids=["docker", "systemd"])
def test_the_migration_finds_the_passwords_of_roles(name: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("secret\n")
    assert migrate._given_passwords([tmp_path / "nowhere", tmp_path]) == {"imap": "secret"}


def test_the_user_can_be_made(tmp_path: Path) -> None:
    place = tmp_path / "etc/sysusers.d/chatmail.conf"
    place.parent.mkdir(parents=True)
    place.write_text((FOLDER / "chatmail.sysusers.conf").read_text())
    subprocess.run([needs("systemd-sysusers"), f"--root={tmp_path}"], check=True, capture_output=True)
    assert "chatmail:" in (tmp_path / "etc/passwd").read_text()
    assert "chatmail:" in (tmp_path / "etc/group").read_text()


# Under the rules ----------------------------------------------------------------------------------------------------


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """What stands for systemd: a socket that waits to be told."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(STOP_SECONDS)
        yield sock


@pytest.mark.parametrize(
    "what",
    [
        "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
        "mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)",
        "os.nice(1)",
        "os.chown('.', 1, 1)",
        "subprocess.run(['unshare', '--user', 'true'], check=True, stderr=subprocess.DEVNULL)",
    ],
)
def test_the_rules_hold(what: str) -> None:
    program = f"import mmap, os, socket, subprocess\n{what}"
    command = [*under(FOLDER / "chatmail.service"), sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True)
    assert re.search(r"(OSError|PermissionError|CalledProcessError): .*\n$", done.stderr), done.stderr


def test_the_suite_runs_under_the_rules_and_tells_when(manager: socket.socket) -> None:
    settings = {"NOTIFY_SOCKET": str(manager.getsockname())}
    with Suite(settings=settings, under=under(FOLDER / "chatmail.service")) as suite:
        assert manager.recv(100) == b"READY=1"
        ann, bob = newcomer(suite), newcomer(suite)
        assert bob.inbox() == []
        ann.send(bob.address)
        suite.wait(lambda: len(bob.inbox()) == 1, 60, "delivered")
        processes = [*suite.status["services"].values(), *suite.status["servers"].values()]
        states = [Path(f"/proc/{pid}/status").read_text() for pid in processes]
        assert all("Seccomp:\t2\n" in state and "NoNewPrivs:\t1\n" in state for state in states)
        assert "Name:\timap\n" in "".join(states), "they are forked here too"
        assert suite.stop() == 0
        assert manager.recv(100) == b"STOPPING=1"
    # The services and Postgres, who can speak to systemd too, were not asked to.
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.recv(100)
