"""The rendered compose configuration, by the numbers of the attack list: C1 ports and networks, C6 secrets, C7 what a
container may do, C8 the engine's own door, C9 what is installed. What runs is looked at in test_hardening.py.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from chatmail.services import SERVICES
from tests.docker import engine
from tests.docker.engine import ROOT
from tests.docker.project import Project

PUBLISHED = {25, 80, 143, 443, 465, 587, 993}
OURS = {service.name for service in SERVICES}
STANDING = {*OURS, "certs", "postgres", "redis", "resolver"}
INWARD = {"postgres", "redis", "migrate"}
POSTGRES_START = {"CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID"}
# What may be done at all: postgres:17 begins as root, and becomes postgres; `certs` reads files of root.
ADDED = {"postgres": POSTGRES_START, "certs": {"DAC_READ_SEARCH"}}
NO_NETWORK = {"init", "certs"}
HASHED = re.compile(r"[\w.-]+(\[[\w,-]+\])?==\S+ .*--hash=sha256:[0-9a-f]{64}")
EXTRAS = [path.name for path in engine.compose_files()[1:]]

Services = dict[str, dict[str, Any]]


@pytest.fixture(scope="module", params=[(), *((extra,) for extra in EXTRAS)], ids=lambda files: "+".join(files) or "-")
def configuration(images: str, request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    project = Project(files=request.param)  # never started
    yield project.rendered()
    project.remove()


@pytest.fixture(scope="module")
def services(configuration: dict[str, Any]) -> Services:
    found: Services = configuration["services"]
    assert found.keys() >= {*STANDING, "init", "migrate", "chatmail"}
    return found


def test_c1_the_seven_ports_and_no_other_are_published(services: Services) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert sorted(int(port["published"]) for port in ports) == sorted(PUBLISHED)
    assert all(port["published"] == str(port["target"]) for port in ports)


def test_c1_servers_are_on_the_inner_network_alone(configuration: dict[str, Any], services: Services) -> None:
    assert configuration["networks"]["inner"]["internal"] is True
    for name in INWARD:
        assert set(services[name]["networks"]) == {"inner"}, name
    for name in NO_NETWORK:
        assert services[name]["network_mode"] == "none", name


def test_c6_each_container_sees_its_own_secrets_and_reads_them_only(services: Services) -> None:
    for name, service in services.items():
        seen = [volume for volume in service.get("volumes", []) if volume.get("source") == "secrets"]
        if name == "init":
            assert [volume["target"] for volume in seen] == ["/secrets"]
        elif name in ("certs", "resolver", "edge"):
            assert seen == [], name
        else:
            room = "operator" if name == "chatmail" else name
            assert [volume["volume"] for volume in seen] == [{"subpath": room}], name
            assert seen[0]["read_only"], name


def test_c6_no_secret_is_in_an_environment(services: Services) -> None:
    for name, service in services.items():
        words = {word for word in service.get("environment", {}) if re.search("PASSWORD|SECRET|TOKEN|_URL|KEY", word)}
        allowed = {"POSTGRES_PASSWORD_FILE"} if name == "postgres" else set()
        assert words <= allowed, name


def test_c7_nobody_may_do_more_than_is_written_here(services: Services) -> None:
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert set(service.get("cap_add", [])) == ADDED.get(name, set()), name
        assert service["read_only"] is True, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["init"] is True, name
        assert 0 < int(service["pids_limit"]) <= 1024, name
        assert int(service["mem_limit"]) <= 2 << 30, name
        assert service["logging"]["options"]["max-size"], name


def test_c7_what_can_be_written_in_memory_cannot_be_run(services: Services) -> None:
    for name, service in services.items():
        for mount in service.get("tmpfs", []):
            assert "size=" in mount, name
            if mount.startswith("/tmp"):
                assert {"noexec", "nosuid", "nodev"} <= set(re.split("[:,]", mount)), name


def test_c7_the_certificate_is_for_reading(services: Services) -> None:
    for name, service in services.items():
        seen = [volume for volume in service.get("volumes", []) if volume.get("source") == "tls"]
        assert all(volume.get("read_only") for volume in seen) or name == "certs", name


def test_c7_every_service_drains_and_comes_back(services: Services) -> None:
    for name in OURS:
        assert services[name]["stop_grace_period"] == "1m0s", name
    for name in set(services) - {"init", "migrate", "chatmail"}:
        assert services[name]["restart"] == "unless-stopped", name


def test_c8_nothing_of_the_host_is_lent_out(services: Services) -> None:
    for name, service in services.items():
        assert not {"privileged", "pid", "ipc", "userns_mode", "devices", "cgroup"} & service.keys(), name
        binds = [volume["source"] for volume in service.get("volumes", []) if volume["type"] == "bind"]
        assert [source.rpartition("/")[2] for source in binds] == (["certs"] if name == "certs" else []), name
        assert all(volume.get("read_only") for volume in service.get("volumes", []) if volume["type"] == "bind")


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_c9_every_package_is_locked_with_its_hashes(lock: str) -> None:
    text = (ROOT / lock).read_text().replace("\\\n", " ")
    packages = [line for line in text.splitlines() if line and not line.startswith(("#", " "))]
    assert len(packages) > 20
    assert [line for line in packages if not HASHED.match(line)] == []


def test_c9_the_images_install_from_the_lock_alone() -> None:
    installs = re.findall(r"pip install [^\n]*", (ROOT / "Dockerfile").read_text())
    assert installs
    assert [line for line in installs if "--require-hashes" not in line] == []
