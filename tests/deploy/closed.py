"""Runs a command under a unit's rules, as near as one process can: `python closed.py UNIT COMMAND …`.

Done as systemd does it, by a filter of system calls (seccomp(2), through libseccomp): SystemCallFilter,
RestrictAddressFamilies, RestrictNamespaces, MemoryDenyWriteExecute; further NoNewPrivileges and LimitNOFILE. The
rules about folders, devices, users and the network of a unit need a systemd that runs.
"""

import ctypes
import os
import re
import resource
import socket
import subprocess
import sys
from collections.abc import Sequence
from errno import EAFNOSUPPORT, ENOSYS, EPERM
from pathlib import Path

LIBRARY = "libseccomp.so.2"
ALLOW = 0x7FFF0000
NOT_EQUAL, EQUAL, MASKED_EQUAL = 1, 4, 7
PR_SET_NO_NEW_PRIVS = 38
WRITE, EXECUTE = 2, 4  # mmap(2)
NAMESPACES = 0x7E020080  # the CLONE_NEW flags, clone(2)


class Comparison(ctypes.Structure):
    """`struct scmp_arg_cmp`."""

    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


class Filter:
    """Allows what it is told to, and answers everything else with EPERM."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(LIBRARY)
        self._library.seccomp_init.restype = ctypes.c_void_p
        self._context = ctypes.c_void_p(self._library.seccomp_init(_refuse(EPERM)))

    def rule(self, action: int, name: str, *comparisons: Comparison) -> None:
        """Add one rule; a call that this machine does not know needs none."""
        number = self._library.seccomp_syscall_resolve_name(name.encode())
        if number < 0:
            return
        array = (Comparison * len(comparisons))(*comparisons)
        done = self._library.seccomp_rule_add_array(self._context, action, number, len(comparisons), array)
        assert done == 0, f"{name}: {os.strerror(-done)}"

    def load(self) -> None:
        """Hold this process to it, and all it will start."""
        done = self._library.seccomp_load(self._context)
        assert done == 0, os.strerror(-done)


def read(unit: Path) -> dict[str, list[str]]:
    """Return what a unit assigns, all values of a name in their order."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", unit.read_text(), re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


def allowed_calls(assignments: Sequence[str]) -> set[str]:
    """Return the calls that a list of SystemCallFilter lets through."""
    calls: set[str] = set()
    for words in assignments:
        names = {call for word in words.removeprefix("~").split() for call in _calls(word)}
        calls = calls - names if words.startswith("~") else calls | names
    return calls


def _calls(word: str) -> set[str]:
    if not word.startswith("@"):
        return {word}
    done = subprocess.run(["systemd-analyze", "syscall-filter", word], capture_output=True, text=True, check=True)
    words = [line.strip() for line in done.stdout.splitlines()[1:]]
    return {call for inner in words if inner and not inner.startswith("#") for call in _calls(inner)}


def hold_to(rules: dict[str, list[str]]) -> None:
    """Put this process under the rules."""
    calls = allowed_calls(rules["SystemCallFilter"])
    assert rules["RestrictNamespaces"] == rules["MemoryDenyWriteExecute"] == rules["NoNewPrivileges"] == ["yes"]
    filter_ = Filter()
    for name in calls - {"socket", "clone", "clone3", "unshare", "setns", "mmap", "mprotect", "pkey_mprotect"}:
        filter_.rule(ALLOW, name)
    families = [getattr(socket, name) for name in rules["RestrictAddressFamilies"][-1].split()]
    for family in families:
        filter_.rule(ALLOW, "socket", Comparison(0, EQUAL, family))
    for family in set(range(64)) - set(families):
        filter_.rule(_refuse(EAFNOSUPPORT), "socket", Comparison(0, EQUAL, family))
    filter_.rule(ALLOW, "clone", Comparison(0, MASKED_EQUAL, NAMESPACES, 0))
    filter_.rule(_refuse(ENOSYS), "clone3")  # its flags lie in memory, where no filter looks
    for both in (0, WRITE, EXECUTE):
        filter_.rule(ALLOW, "mmap", Comparison(2, MASKED_EQUAL, WRITE | EXECUTE, both))
    filter_.rule(ALLOW, "mprotect", Comparison(2, MASKED_EQUAL, EXECUTE, 0))
    files = min(int(rules["LimitNOFILE"][-1]), resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    filter_.load()


def _refuse(number: int) -> int:
    return 0x00050000 | number


if __name__ == "__main__":
    hold_to(read(Path(sys.argv[1])))
    os.execvp(sys.argv[2], sys.argv[2:])
