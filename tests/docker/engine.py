"""The Docker engine: its command line, and what the host sees of a container's processes.

Strategy: what a container may do is asked of the kernel, in /proc of this host, and not of the container. That takes
root, as does killing a service from outside.
"""

import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
IMAGE = "chatmail-test"  # what the images of these tests begin with
SECONDS = 180.0


def docker(*words: str | Path, text: str = "", environment: Mapping[str, str] | None = None) -> str:
    """Run a command that must succeed, and return what it says; `text` is its input."""
    done = ask_docker(*words, text=text, environment=environment)
    assert done.returncode == 0, f"docker {' '.join(map(str, words))}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


def ask_docker(
    *words: str | Path, text: str = "", environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command that may fail."""
    return subprocess.run(
        ["docker", *map(str, words)],
        input=text,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        env={**_clean_environment(), **(environment or {})},
    )


def inspect(thing: str) -> dict[str, Any]:
    """Return what the engine knows of a container or an image."""
    found: list[dict[str, Any]] = json.loads(docker("inspect", thing))
    return found[0]


def health(container: str) -> str:
    """Return `healthy`, `starting`, … or, for a container that is not asked, `running`, `exited`, …"""
    state = inspect(container)["State"]
    return str(state["Health"]["Status"] if state.get("Health") and state["Running"] else state["Status"])


def pids(container: str) -> list[int]:
    """Return the process ids on this host of everything in a container, its first process first."""
    first = inspect(container)["State"]["Pid"]
    others = {int(line) for line in docker("top", container, "-eo", "pid").splitlines()[1:]} - {first}
    return [first, *sorted(others)]


def main_pid(container: str) -> int:
    """Return the process id on this host of what the container is for: the init's child, where it has an init."""
    first = int(inspect(container)["State"]["Pid"])
    if first and title(first).split()[0].endswith(("docker-init", "tini")):
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        return int(children[0]) if children else first
    return first


def title(pid: int) -> str:
    """Return a process's command line."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip() or "?"


def status(pid: int) -> dict[str, str]:
    """Return /proc/PID/status, see proc_pid_status(5)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def memory(containers: Iterable[str]) -> int:
    """Return the octets these containers hold: proportional set size, where a shared page is counted once."""
    return sum(_pss(pid) for container in containers for pid in pids(container))


def build() -> None:
    """Build every image of the suite from this working tree, and remove those it replaces."""
    before = _images()
    variables = {"MADDY_IMAGE": IMAGE, "MADDY_DOMAIN": "build.test"}
    files = [word for file in compose_files() for word in ("-f", file)]
    docker("compose", "--env-file", "/dev/null", *files, "build", "--quiet", environment=variables)
    for target in ("all-in-one", "tests"):
        docker("build", "--quiet", "--target", target, "--tag", f"{IMAGE}-{target}", ROOT)
    for identity in before - _images():
        ask_docker("rmi", identity)


def left_behind() -> list[str]:
    """Return the containers, volumes and networks of this run of the tests."""
    kinds = {"container": ("--all", "{{.Names}}"), "volume": ("{{.Name}}",), "network": ("{{.Name}}",)}
    rows = [docker(kind, "ls", *words[:-1], "--format", words[-1]) for kind, words in kinds.items()]
    return [name for row in rows for name in row.split() if f"-{os.getpid()}-" in name]


def compose_files() -> list[Path]:
    """Return the compose file and what may be laid over it on one machine."""
    return [ROOT / "docker-compose.yml", *(path for path in [ROOT / "docker-compose.scale.yml"] if path.exists())]


def _images() -> set[str]:
    return set(docker("images", "--quiet", "--no-trunc", "--filter", f"reference={IMAGE}-*").split())


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def _clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("MADDY_", "COMPOSE_"))}
