"""`cp .env.example .env`, two settings, `docker compose up -d`: healthy in half a minute, and it stays what it is."""

import json
import time
import urllib.error
from collections.abc import Iterator
from io import BytesIO

import pytest
from PIL import Image
from playwright.sync_api import sync_playwright
from zxingcpp import read_barcode

from tests.browser.conftest import ARGUMENTS
from tests.docker.engine import inspect, memory
from tests.docker.figures import note, note_octets
from tests.docker.project import HOSTNAME, Project
from tests.needs import needs
from tests.people import Person, encrypted_letter, from_link, newcomer

GENEROUS_SECONDS = 60.0  # the aim is thirty; this machine may be busy
REST_SECONDS = 5.0
MOST_MEMORY = 350_000_000  # octets, Postgres and Redis included


@pytest.fixture(scope="module")
def project(images: str) -> Iterator[Project]:
    with Project() as running:
        yield running


@pytest.fixture(scope="module")
def somebody(project: Project) -> Person:
    """An account with a letter."""
    person = newcomer(project)
    person.send(person.address)
    assert len(person.inbox()) == 1
    return person


def identities(project: Project) -> dict[str, str]:
    return {service: inspect(identity)["Id"] for service, identity in project.running().items()}


def secrets(project: Project) -> dict[str, bytes]:
    folder = project.volume("secrets")
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_from_nothing_it_is_healthy_soon_and_at_rest_not_large(images: str) -> None:
    started = time.monotonic()
    with Project() as project:
        seconds = time.monotonic() - started
        note("compose: from nothing to healthy", seconds, "s")
        assert newcomer(project).inbox() == []
        time.sleep(REST_SECONDS)
        found = {service: memory([identity]) for service, identity in project.running().items()}
    for service, octets in found.items():
        note_octets(f"memory at rest: {service}", octets)
    total = sum(found.values())
    note_octets("memory at rest: all", total)
    assert total <= MOST_MEMORY, f"{total / 1e6:.0f} MB at rest: {found}"
    assert seconds < GENEROUS_SECONDS


def test_the_code_on_the_page_is_an_account(project: Project) -> None:
    chromium = needs("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 390, "height": 844})
        page.goto(project.page)
        page.locator("a[href^='dclogin:']").first.wait_for()
        screenshot = page.screenshot(full_page=True)
        browser.close()
    code = read_barcode(Image.open(BytesIO(screenshot)))
    assert code is not None
    assert f"ih={HOSTNAME}" in code.text
    assert from_link(project, code.text).inbox() == []


def test_a_second_start_changes_nothing(project: Project, somebody: Person) -> None:
    before, kept = identities(project), secrets(project)
    project.start()
    assert identities(project) == before
    assert secrets(project) == kept
    assert len(somebody.inbox()) == 1


def test_away_and_back_everything_is_kept(project: Project, somebody: Person) -> None:
    kept, before = secrets(project), identities(project)
    project.stop()
    assert project.containers() == []
    project.start()
    assert not set(identities(project).values()) & set(before.values())
    assert secrets(project) == kept
    assert len(somebody.inbox()) == 1
    somebody.send(somebody.address, letter=encrypted_letter(somebody.address, message_id="second@chat.test"))
    assert len(somebody.inbox()) == 2


def test_a_changed_setting_is_in_force_after_the_next_up(project: Project, somebody: Person) -> None:
    project.settings["MADDY_REGISTRATION"] = "closed"
    project.write_settings()
    project.start()
    with pytest.raises(urllib.error.HTTPError, match="403"):
        newcomer(project)
    assert len(somebody.inbox()) >= 1, "closed to newcomers alone"


def test_the_operators_command(project: Project) -> None:
    made = json.loads(project.chatmail("accounts", "create", "--json"))
    assert Person(project, made["address"], made["password"]).inbox() == []
    assert project.domain in project.chatmail("status")
