"""Login links: from the web page, and invented as Delta Chat invents them."""

import json
import secrets
import ssl
import urllib.request
from dataclasses import dataclass

from tests.suite import Suite


@dataclass(frozen=True)
class Given:
    """What `POST /new` answers."""

    email: str
    password: str
    dclogin_url: str


def ask(suite: Suite, scheme: str = "http") -> Given:
    """Ask the web page for an address; its certificate is its own."""
    url = f"{scheme}://{suite.address}:{suite.ports[f'port_{scheme}']}/new"
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with urllib.request.urlopen(url, data=b"", context=trusting) as answer:
        return Given(**json.load(answer))


def invent(suite: Suite, *, is_starttls: bool = False) -> str:
    """Return a link to an address that the server has not heard of."""
    imap, smtp, security = ("imap", "submission", "starttls") if is_starttls else ("imaps", "submissions", "ssl")
    name, password = secrets.token_hex(5), secrets.token_urlsafe(16)
    ports = f"ip={suite.ports[f'port_{imap}']}&sp={suite.ports[f'port_{smtp}']}"
    hosts = f"ih={suite.address}&sh={suite.address}&is={security}&ss={security}"
    return f"dclogin:{name}@{suite.domain}?p={password}&v=1&{hosts}&{ports}&ic=3"
