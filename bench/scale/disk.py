"""A slower disk: the same cycle at a suite whose Postgres and Valkey wait longer for every sync, and at one without."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bench.__main__ import SETTINGS
from bench.loop import Timing
from bench.run import Observed, components, job_for, observe
from bench.scale.report import cycle
from tests.suite import Suite

USERS = (1, 16, 64)
SIZE = 8192
_SOURCE = Path(__file__).parent / "slow_sync.c"


def measure(folder: Path, microseconds: int, rounds: int, timing: Timing) -> dict[str, Any]:
    """Run the cycle at 1, 16 and 64 users with and without, in turns; `folder` takes the compiled delay."""
    found: dict[str, Any] = {"microseconds": microseconds}
    with _suites(folder, microseconds) as suites:
        for users in USERS:
            seen: dict[str, list[Observed]] = {name: [] for name in suites}
            for _ in range(rounds):
                for name, suite in suites.items():
                    job = job_for(suite, users, SIZE, timing)
                    seen[name].append(observe(components(suite), job, suite.folder))
            found[str(users)] = {name: cycle(rounds) for name, rounds in seen.items()}
    return found


@contextmanager
def _suites(folder: Path, microseconds: int) -> Iterator[dict[str, Suite]]:
    compiler = shutil.which("cc")
    assert compiler, "needs a C compiler"
    made = folder / "slow_sync.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", str(made), str(_SOURCE), "-ldl"], check=True)
    slowly = {"LD_PRELOAD": str(made), "SLOW_SYNC_MICROSECONDS": str(microseconds)}
    with ExitStack() as stack:
        yield {
            "as it is": stack.enter_context(Suite(settings=SETTINGS)),
            "slower": stack.enter_context(Suite(settings={**SETTINGS, **slowly})),
        }
