"""What the images weigh, and that those of the services differ in their command alone."""

from chatmail.services import SERVICES
from tests.docker.engine import IMAGE, docker, inspect
from tests.docker.figures import note_octets

IMAGES = tuple(service.name for service in SERVICES)


def test_the_services_share_every_layer(images: str) -> None:
    layers = {name: inspect(f"{IMAGE}-{name}")["RootFS"]["Layers"] for name in (*IMAGES, "tools")}
    assert len({tuple(found) for found in layers.values()}) == 1


def test_sizes(images: str) -> None:
    sizes: dict[str, int] = {}
    for name in (*IMAGES, "tools", "resolver", "all-in-one"):
        sizes[name] = int(inspect(f"{IMAGE}-{name}")["Size"])
        note_octets(f"image: {name}", sizes[name])
    # They share every layer, see above: one weighs what all do.
    note_octets("image: the five services together", sizes["imap"])
    base = int(inspect(docker("images", "--quiet", "python:3.13-slim-trixie"))["Size"])
    note_octets("image: the five services together, without Python's", sizes["imap"] - base)
