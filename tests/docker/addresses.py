"""Addresses for tests: each network of containers gets a subnet that nobody on this machine has.

Strategy: the network's own gateway is where the seven ports are published. It is an address of this host that only
this host and its containers reach, so that both find the suite at one place, and no two suites share a port.
"""

import json
import os
from ipaddress import IPv4Network, ip_network
from itertools import count
from pathlib import Path

from tests.docker.engine import docker

_numbers = count(os.getpid() * 8)


def free_subnet() -> IPv4Network:
    """Return a /24 that overlaps no route and no network of the engine."""
    taken = [*_routes(), *_networks()]
    while True:
        number = next(_numbers)
        subnet = IPv4Network(f"10.{192 + number // 256 % 64}.{number % 256}.0/24")
        if not any(subnet.overlaps(other) for other in taken):
            return subnet


def gateway(subnet: IPv4Network) -> str:
    """Return the first address of a subnet, which Docker gives to the host."""
    return str(subnet[1])


def _routes() -> list[IPv4Network]:
    rows = [line.split() for line in Path("/proc/net/route").read_text().splitlines()[1:]]
    found = [(_dotted(row[1]), _dotted(row[7])) for row in rows]
    return [IPv4Network(f"{address}/{mask}") for address, mask in found if mask != "0.0.0.0"]


def _dotted(octets: str) -> str:
    return ".".join(str(octet) for octet in reversed(bytes.fromhex(octets)))


def _networks() -> list[IPv4Network]:
    described = json.loads(docker("network", "inspect", *docker("network", "ls", "--quiet").split()))
    subnets = [ip_network(row["Subnet"]) for one in described for row in one["IPAM"]["Config"] or []]
    return [subnet for subnet in subnets if isinstance(subnet, IPv4Network)]
