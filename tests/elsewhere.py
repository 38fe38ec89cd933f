"""A suite that somebody else has started, on the standard ports of a host: what tests in a container of their own use.

MADDY_TEST_SERVER names its domain, which must lead to the host; its address in brackets must be a domain there as well.
"""

import os
import socket
from dataclasses import dataclass

from chatmail.services import PORTS
from shared.settings import Settings

VARIABLE = "MADDY_TEST_SERVER"


@dataclass(frozen=True)
class Elsewhere:
    """What of a `Suite` can be known from outside."""

    domain: str

    @property
    def address(self) -> str:
        return socket.gethostbyname(self.domain)

    @property
    def ports(self) -> dict[str, int]:
        return {name: Settings.model_fields[name].default for name in PORTS}

    @property
    def page(self) -> str:
        return f"http://{self.address}/"


def named() -> Elsewhere | None:
    """Return the suite that the environment names."""
    domain = os.environ.get(VARIABLE, "")
    return Elsewhere(domain) if domain else None
