"""A compose project with docker-compose.scale.yml: an edge, and several replicas of every service behind it.

with Scaled(settings=...) as scaled:
    scaled.roll("imap")
    connect(scaled.address, scaled.ports["port_imaps"])
"""

import os
import re
import socket
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.docker.engine import IMAGE, ROOT, docker, inspect
from tests.docker.project import START_SECONDS, Project

SCALE = "docker-compose.scale.yml"
REPLICAS = {"imap": 3, "queue-worker": 4, "submission": 2, "smtp-in": 2, "register": 2}
NEWER = "newer"  # a tag: the same images with another label
ROLL_SECONDS = 300.0
_INNER_PORT = 9100


class Scaled(Project):
    """A project with several replicas of every service."""

    def __init__(self, *, settings: Mapping[str, str] | None = None) -> None:
        super().__init__(settings=settings, files=[SCALE])

    def start(self) -> None:
        """Return when every container is healthy."""
        self.scale(**REPLICAS)

    def scale(self, **replicas: int) -> None:
        """Have this many of these services, named as in REPLICAS."""
        counts = [word for name, number in replicas.items() for word in ("--scale", f"{name}={number}")]
        wait = ("--wait", "--wait-timeout", str(int(2 * START_SECONDS)))
        done = self.ask("up", "--detach", "--no-recreate", *wait, *counts)
        assert done.returncode == 0, f"{done.stderr[-2000:]}\n{self.output()[-6000:]}"

    def roll(self, *services: str, tag: str = NEWER) -> None:
        """Replace services as an operator does, by those of another tag."""
        files = ":".join(str(word) for word in self._compose() if str(word).endswith(".yml"))
        chosen = {"COMPOSE_FILE": files, "COMPOSE_PROJECT_NAME": self.name, "MADDY_IMAGE": IMAGE, "MADDY_TAG": tag}
        done = subprocess.run(
            [ROOT / "deploy/roll", *services],
            cwd=self.folder,
            env={**os.environ, **chosen},
            capture_output=True,
            text=True,
            timeout=ROLL_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def numbers(self, service: str, name: str) -> list[float]:
        """Ask each replica for one of its numbers."""
        return [_number(self.edge_address(replica), name) for replica in self.containers(service)]

    def edge_address(self, container: str) -> str:
        """The address of a container on the network that clients come by."""
        return str(inspect(container)["NetworkSettings"]["Networks"][self.edge]["IPAddress"])

    def connect(self, port: str, _source: str) -> socket.socket:
        """Connect to a port by its settings name; this host has one address here."""
        return socket.create_connection((self.address, self.ports[port]), 20)


@contextmanager
def newer_images() -> Iterator[str]:
    """Have images of another tag, that differ from ours in a label; return the tag."""
    names = (*REPLICAS, "tools", "resolver", "edge")
    for name in names:
        dockerfile = f"FROM {IMAGE}-{name}\nLABEL version={NEWER}\n"
        docker("build", "--quiet", "--tag", f"{IMAGE}-{name}:{NEWER}", "-", text=dockerfile)
    try:
        yield NEWER
    finally:
        docker("rmi", "--force", *(f"{IMAGE}-{name}:{NEWER}" for name in names))


def _number(address: str, name: str) -> float:
    with urllib.request.urlopen(f"http://{address}:{_INNER_PORT}/metrics", timeout=20) as answer:
        found = re.search(rf"^{name}{{[^}}]*}} (\S+)$", answer.read().decode(), re.MULTILINE)
    assert found, name
    return float(found[1])
