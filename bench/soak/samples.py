"""What is looked at every half minute: processes, Postgres, Valkey, and what the load did.

A sample is a flat table, name → number, so that every one of its columns has a slope. Names: `anon imap` (octets that
are this service's own: the figure that a leak moves), `pss imap`, `rss imap`, `files imap` (descriptors), `cpu imap`
(share of a core since the last sample), `table message` (with its TOAST and without indexes), `index message_pkey`,
`dead message` (tuples, those of its TOAST among them).
"""

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import redis

from bench import accounting
from bench.report import share_of
from bench.run import components
from tests.suite import Suite

_SIZES = """
SELECT CASE c.relkind WHEN 'i' THEN 'index ' ELSE 'table ' END || c.relname,
        CASE c.relkind WHEN 'i' THEN pg_relation_size(c.oid) ELSE pg_table_size(c.oid) END
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'chatmail' AND c.relkind IN ('r', 'i')
"""
_DEAD = """
SELECT 'dead ' || c.relname, coalesce(s.n_dead_tup, 0) + coalesce(t.n_dead_tup, 0)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_stat_all_tables s ON s.relid = c.oid
    LEFT JOIN pg_stat_all_tables t ON t.relid = c.reltoastrelid
    WHERE n.nspname = 'chatmail' AND c.relkind = 'r'
"""
_WHOLE = """
SELECT pg_database_size(current_database()), (SELECT sum(size) FROM pg_ls_waldir()), pg_current_wal_lsn() - '0/0',
    (SELECT count(*) FROM chatmail.message), (SELECT count(*) FROM chatmail.body),
    (SELECT count(*) FROM chatmail.account),
    (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')
"""
_WHOLE_NAMES = ("database", "wal folder", "wal", "messages", "bodies", "accounts", "connections")
_PROCESS = {"Rss:": "rss", "Pss:": "pss", "Pss_Anon:": "anon"}

Sample = dict[str, float]


class Sampler:
    """Takes samples of a suite; shares and rates are since the last one."""

    def __init__(self, suite: Suite, told: Path) -> None:
        self._suite = suite
        self._told = told
        self._began = self._at = time.monotonic()
        self._cpu: Mapping[str, float] = accounting.cpu(components(suite))
        self._valkey = redis.Redis.from_url(suite.status["redis_url"])

    def take(self) -> Sample:
        """Return a sample; `minutes` since the first counts."""
        now = time.monotonic()
        sample = {"minutes": (now - self._began) / 60}
        sample.update(self._processes(now - self._at))
        self._at = now
        sample.update(_database(self._suite.owner_url))
        sample.update(self._memory_of_valkey())
        sample.update(self._load())
        return sample

    def _processes(self, seconds: float) -> Sample:
        roots = components(self._suite)
        found: Sample = {}
        for name, root in roots.items():
            pids = accounting.tree(root)
            found[f"processes {name}"] = len(pids)
            for pid in pids:
                for word, number in _process(pid).items():
                    found[f"{word} {name}"] = found.get(f"{word} {name}", 0) + number
        cpu = accounting.cpu(roots)
        found.update({f"cpu {name}": (cpu[name] - self._cpu[name]) / max(seconds, 1e-3) for name in roots})
        self._cpu = cpu
        return found

    def _memory_of_valkey(self) -> Sample:
        info: dict[str, Any] = self._valkey.info()
        keys = sum(part["keys"] for name, part in info.items() if name.startswith("db"))
        return {"valkey used": info["used_memory"], "valkey keys": keys, "valkey clients": info["connected_clients"]}

    def _load(self) -> Sample:
        """Return what the load said last, if it has said anything yet."""
        if not self._told.exists():
            return {}
        told = json.loads(self._told.read_text())
        found: Sample = {}
        for name, value in told.items():
            if not isinstance(value, list):
                found[f"load {name}"] = value
            elif value:
                found.update({f"load {name} p{share}": share_of(value, share) * 1e3 for share in (50, 99)})
        return found


def _process(pid: int) -> dict[str, int]:
    found: dict[str, int] = {}
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            name, _, rest = line.partition(" ")
            if name in _PROCESS:
                found[_PROCESS[name]] = int(rest.split()[0]) * 1024
        found["files"] = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return found


def _database(url: str) -> Sample:
    with psycopg.connect(url, autocommit=True) as connection:
        found: Sample = {str(name): float(number) for name, number in connection.execute(_SIZES)}
        found.update({str(name): float(number) for name, number in connection.execute(_DEAD)})
        whole = connection.execute(_WHOLE).fetchone()
    assert whole
    return {**found, **{name: float(number) for name, number in zip(_WHOLE_NAMES, whole, strict=True)}}
