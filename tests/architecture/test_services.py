"""One table of services, and everything that must agree with it."""

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

from chatmail.services import OPERATOR, PORTS, SERVICES, Service, redis_users
from shared.settings import Settings
from shared.storage import migrate

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
each_service = pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)


def test_the_table_holds_every_service_folder_and_no_other() -> None:
    folders = {path.name for path in (ROOT / "services").iterdir() if path.is_dir()}
    assert {service.name for service in SERVICES} == folders


def test_every_service_and_the_operator_has_a_database_role() -> None:
    assert {service.role for service in SERVICES} | {OPERATOR} == set(migrate.ROLES)
    assert set(redis_users()) == set(migrate.ROLES)


def test_every_port_setting_belongs_to_one_service() -> None:
    settings = {name for name in Settings.model_fields if name.startswith("port_")}
    assert sorted(PORTS) == sorted(settings)


@each_service
def test_the_package_can_be_run(service: Service) -> None:
    assert (ROOT / "services" / service.name / service.module / "__init__.py").is_file()
    assert importlib.util.find_spec(f"{service.module}.__main__")


@each_service
def test_the_package_is_built_and_its_imports_are_ruled(service: Service) -> None:
    assert (
        f"services/{service.name}/{service.module}" in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    )
    assert service.module in PROJECT["tool"]["importlinter"]["root_packages"]


@each_service
def test_the_readme_names_its_ports_and_role(service: Service) -> None:
    text = (ROOT / "services" / service.name / "README.md").read_text()
    assert service.role in text
    for name in service.ports:
        assert re.search(rf"\b{Settings.model_fields[name].default}\b", text), f"{name} is not named"


@each_service
def test_a_service_without_a_door_is_not_asked(service: Service) -> None:
    assert bool(service.ports) == (service.question != "event")
