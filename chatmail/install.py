"""Make the virtual environment: `python3 chatmail/install.py FOLDER LOCK`; run by the Makefile, imported by nobody.

The system's Python runs this, whatever its age, so it is written for an old one and imports nothing of ours. Packages
come from the hashed lock, by uv where it is there (seconds), else by pip. The project itself is not built: a .pth file
names its folders, and a launcher stands in `bin`.
"""

import os
import shutil
import subprocess
import sys
from typing import NoReturn

OLDEST = (3, 11)
NEWER = ("python3.13", "python3.12", "python3.11")
REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LAUNCHER = """#!/bin/sh
exec "$(dirname "$0")/python" -P -m chatmail "$@"
"""


def main(folder: str, lock: str) -> None:
    """Make the environment if there is none, and bring it to the lock; ends with a sentence when it cannot be done."""
    python = find_python()
    uv = shutil.which("uv") or ""
    make_environment(folder, python, uv)
    inner = os.path.join(folder, "bin", "python")
    with open(lock) as lines:
        count = sum("==" in line for line in lines)
    say(f"installing {count} packages from {lock} …")
    installer = [uv, "pip", "install", "--python", inner] if uv else [inner, "-m", "pip", "install"]
    quiet = ["--quiet", "--compile-bytecode"] if uv else ["--quiet", "--disable-pip-version-check", "--no-input"]
    if subprocess.call([*installer, *quiet, "--require-hashes", "-r", lock]) != 0:
        fail(f"the packages of {lock} could not be installed; the lines above say why, and it may be tried again")
    place_project(folder, inner)


def find_python() -> str:
    """Return a Python that is new enough: this one, or a newer one beside it."""
    if sys.version_info[:2] >= OLDEST:
        return sys.executable
    for name in NEWER:
        found = shutil.which(name)
        if found and succeeds(found, "-c", ""):  # a shim may stand for a version that is not installed
            return found
    ours = ".".join(map(str, sys.version_info[:3]))
    remedy = "Install one (apt install python3.11), or name one: make PYTHON=…"
    return fail(f"Python 3.11 or newer is needed, and {sys.executable} is {ours}. {remedy}")


def make_environment(folder: str, python: str, uv: str) -> None:
    if succeeds(os.path.join(folder, "bin", "python"), "-c", ""):
        return
    say(f"making the virtual environment {folder} …")
    if uv:
        command = [uv, "venv", "--quiet", "--clear", "--python", python, folder]
    else:
        require_venv(python)
        command = [python, "-m", "venv", "--clear", folder]
    if subprocess.call(command) != 0:
        fail(f"the virtual environment {folder} could not be made; the lines above say why")


def require_venv(python: str) -> None:
    """End with the package to install where the distribution keeps venv apart (Debian, Ubuntu)."""
    if not succeeds(python, "-c", "import ensurepip, venv"):
        version = subprocess.check_output([python, "-c", "import sys; print('.'.join(map(str, sys.version_info[:2])))"])
        package = f"python{version.decode().strip()}-venv"
        fail(
            f"{python} cannot make virtual environments: its venv module is missing. Install it: apt install {package}"
        )


def place_project(folder: str, inner: str) -> None:
    ask = [inner, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = subprocess.check_output(ask).decode().strip()
    services = os.path.join(REPOSITORY, "services")
    folders = [REPOSITORY] + [os.path.join(services, name) for name in sorted(os.listdir(services))]
    with open(os.path.join(packages, "chatmail-suite.pth"), "w") as file:
        file.write("\n".join(folders) + "\n")
    launcher = os.path.join(folder, "bin", "chatmail")
    with open(launcher, "w") as file:
        file.write(LAUNCHER)
    os.chmod(launcher, 0o755)  # noqa: S103 - a program for everyone to run


def succeeds(*command: str) -> bool:
    try:
        return subprocess.call(command, stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def fail(text: str) -> NoReturn:
    say(f"chatmail: {text}")
    raise SystemExit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
