"""The web part of a suite behind `deploy/proxy/Caddyfile`."""

from collections.abc import Iterator

import pytest

from tests.needs import needs
from tests.proxies import front as fronts
from tests.proxies import web_contract
from tests.proxies.front import Front
from tests.proxies.web_contract import SETTINGS, ask
from tests.suite import Suite, free_address

CONFIGURATION = fronts.ROOT / "deploy/proxy/Caddyfile"


@pytest.fixture(scope="module")
def suite() -> Iterator[Suite]:
    with Suite(settings=SETTINGS) as running:
        yield running


@pytest.fixture(scope="module")
def front(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    program = needs("caddy")
    folder, address = tmp_path_factory.mktemp("caddy"), free_address()
    http, https = fronts.free_ports(address, 2)
    front = Front(address, {"port_http": http, "port_https": https})
    file = folder / "Caddyfile"
    file.write_text(_here(CONFIGURATION.read_text(), front, suite))
    environment = {name: str(folder) for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
    command = [program, "run", "--config", str(file), "--adapter", "caddyfile"]
    with fronts.running(command, environment, front, _is_ready):
        yield front


def _here(text: str, front: Front, suite: Suite) -> str:
    """Put this test's addresses where the file has those of a host, and a certificate authority of Caddy's own."""
    ours = f"""{{
	admin off
	local_certs
	skip_install_trust
	default_bind {front.address}
	http_port {front.ports["port_http"]}
	https_port {front.ports["port_https"]}
"""
    assert text.count("\n{\n") == 1
    assert text.count("127.0.0.1:8080") == 1
    text = text.replace("\n{\n", "\n" + ours)
    return text.replace("127.0.0.1:8080", f"{suite.address}:{suite.ports['port_http']}")


def _is_ready(front: Front) -> bool:
    try:
        return ask(front, "127.7.3.1", "/").status == 200
    except OSError:
        return False


class TestWeb(web_contract.WebContract):
    """The contract of all web proxies."""
