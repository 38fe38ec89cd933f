"""The table of services, the Dockerfile and the compose files say the same; and so do both ways to run the servers."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from chatmail.embedded import postgres, valkey
from chatmail.services import SERVICES, Service
from shared.settings import Settings

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
FILES = [path.name for path in sorted(ROOT.glob("docker-compose*.yml"))]
each_service = pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
each_file = pytest.mark.parametrize("file", FILES)


class _Loader(yaml.SafeLoader):
    """Knows Compose's own tags: what is overridden or reset is read as it stands."""


def _plain(loader: _Loader, _tag: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True) if isinstance(node, yaml.MappingNode) else None


_Loader.add_multi_constructor("!", _plain)


def read(file: str) -> dict[str, Any]:
    return dict(yaml.load((ROOT / file).read_text(), _Loader))


COMPOSE = read("docker-compose.yml")["services"]


def stages() -> dict[str, str]:
    """The lines of each stage of the Dockerfile, by its name."""
    parts = re.split(r"^FROM \S+ AS (\S+)$", DOCKERFILE.replace("\\\n", " "), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def number(setting: str) -> str:
    return str(Settings.model_fields[setting].default)


def commanded(text: str, word: str) -> list[str]:
    """The words of the last CMD or ENTRYPOINT of a stage."""
    found: list[str] = json.loads(re.findall(rf"^{word} (\[.*\])$", text, re.MULTILINE)[-1])
    return found


@each_service
def test_a_service_has_a_stage_that_runs_it_as_nobody(service: Service) -> None:
    stage = stages()[service.name]
    assert f"FROM suite AS {service.name}\n" in DOCKERFILE, "or it shares no layers with the others"
    assert commanded(stage, "CMD") == ["python", "-P", "-m", service.module]
    assert "USER 10001:10001" in stage
    assert "RUN" not in stage
    assert "COPY" not in stage


@each_service
def test_a_service_exposes_its_ports_and_is_asked_for_itself(service: Service) -> None:
    stage = stages()[service.name]
    exposed = set(" ".join(re.findall(r"^EXPOSE (.*)$", stage, re.MULTILINE)).split())
    assert exposed == {number(port) for port in service.ports}
    assert re.search(rf'^HEALTHCHECK .*healthy\.py", "{service.name}"\]', stage, re.MULTILINE)


def test_the_one_container_has_all_of_them() -> None:
    stage = stages()["all-in-one"]
    ports = {number(port) for service in SERVICES for port in service.ports}
    assert set(" ".join(re.findall(r"^EXPOSE (.*)$", stage, re.MULTILINE)).split()) == ports
    asked = re.findall(r'^HEALTHCHECK .*healthy\.py", (.*)\]', stage, re.MULTILINE)
    assert re.findall(r'"([\w-]+)"', asked[0]) == [service.name for service in SERVICES]


@each_service
def test_compose_runs_the_service_from_its_stage(service: Service) -> None:
    row = COMPOSE[service.name]
    assert row["build"] == {"context": ".", "target": service.name}
    assert row["image"] == f"${{MADDY_IMAGE:-chatmail}}-{service.name}:${{MADDY_TAG:-latest}}"
    assert "command" not in row
    assert "entrypoint" not in row


@each_service
def test_compose_publishes_the_ports_of_the_service(service: Service) -> None:
    doors = {f"${{MADDY_{port.upper()}:-{number(port)}}}" for port in service.ports}
    assert set(COMPOSE[service.name].get("ports", [])) == {f"{door}:{door}" for door in doors}


@each_service
def test_compose_shows_a_service_its_own_secrets(service: Service) -> None:
    rooms = [
        row["volume"]["subpath"]
        for row in COMPOSE[service.name]["volumes"]
        if isinstance(row, dict) and row["source"] == "secrets"
    ]
    assert rooms == [service.name]


@each_service
def test_compose_lets_no_service_write_what_migrate_reads(service: Service) -> None:
    # Keys to sign with are taken from there: who could write them could sign as anybody here.
    read_by_migrate = {row.split(":")[0] for row in COMPOSE["migrate"]["volumes"] if isinstance(row, str)}
    mounted = [row.split(":") for row in COMPOSE[service.name]["volumes"] if isinstance(row, str)]
    assert read_by_migrate
    assert read_by_migrate.isdisjoint(source for source, _, *mode in mounted if mode != ["ro"])


def test_compose_has_no_services_but_these() -> None:
    ours = {service.name for service in SERVICES}
    assert set(COMPOSE) - ours == {"init", "migrate", "chatmail", "certs", "postgres", "redis", "resolver"}


@each_file
def test_a_target_is_a_stage_and_a_healthcheck_a_service(file: str) -> None:
    for name, row in read(file)["services"].items():
        if target := (row.get("build") or {}).get("target"):
            assert target in stages(), name
        asked = json.dumps((row.get("healthcheck") or {}).get("test", ""))
        if "healthy.py" in asked:
            assert f'"{name}"' in asked


def postgres_flags(row: dict[str, Any]) -> dict[str, str]:
    words = [word for word in row["command"] if "=" in word]
    return dict(word.removeprefix("-c").split("=", 1) for word in words)


def embedded_postgres() -> dict[str, str]:
    text = postgres._CONFIGURATION
    return {name: value.strip("'") for name, value in re.findall(r"^(\w+) = (.*)$", text, re.MULTILINE)}


@each_file
def test_postgres_is_set_as_the_embedded_one(file: str) -> None:
    row = read(file)["services"].get("postgres", {})
    if "command" not in row:
        return
    flags = postgres_flags(row)
    flags.pop("max_connections")  # more there: replicas
    assert flags.items() <= embedded_postgres().items()
    assert {"log_error_verbosity", "log_min_error_statement", "jit", "shared_buffers"} <= flags.keys()


@each_file
def test_redis_is_set_as_the_embedded_one(file: str) -> None:
    row = read(file)["services"].get("redis", {})
    if "command" not in row:
        return
    words = row["command"][1:]
    flags = {name.removeprefix("--"): value for name, value in zip(words[::2], words[1::2], strict=True)}
    assert flags.pop("aclfile").startswith("/run/secrets/")
    assert flags.pop("protected-mode") == "yes"
    embedded = dict(re.findall(r"^([\w-]+) (.*)$", valkey._CONFIGURATION, re.MULTILINE))
    where = {"port", "unixsocket", "unixsocketperm", "aclfile", "dir", "daemonize"}
    assert flags == {name: value.strip('"') for name, value in embedded.items() if name not in where}


def test_what_is_copied_is_not_ignored() -> None:
    let_in = re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    copies = re.findall(r"^COPY (?!.*--from)(?:--\S+ )*(.*) \S+$", DOCKERFILE, re.MULTILINE)
    sources = [source for copy in copies for source in copy.split()]
    assert len(sources) >= 8
    for source in sources:
        assert (ROOT / source).exists(), source
        assert source.split("/")[0] in let_in, source
