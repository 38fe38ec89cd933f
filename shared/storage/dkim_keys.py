"""DKIM keys: made once for every domain with a name, or taken from the operator's files.

A file `dkim_keys/<domain>_<selector>.key` below the data folder wins over what was made (a server that moves here keeps
its keys), and takes its domain's place whole: what was made beside it is published nowhere.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import psycopg

from shared.mail.dkim import private
from shared.storage.lane import Connection as LaneConnection
from shared.storage.lane import Lane
from shared.storage.operation import Light

SELECTORS = {"default": private.make_rsa, "ed25519": private.make_ed25519}
FOLDER = "dkim_keys"

Connection = psycopg.Connection[tuple[Any, ...]]

SELECT_SELECTORS = "SELECT selector FROM chatmail.dkim_key WHERE domain = %s"
PUT = """
INSERT INTO chatmail.dkim_key (domain, selector, private_key, record) VALUES (%s, %s, %s, %s)
ON CONFLICT (domain, selector) DO UPDATE SET private_key = excluded.private_key, record = excluded.record
"""
DELETE_OTHERS = "DELETE FROM chatmail.dkim_key WHERE domain = %s AND NOT selector = ANY (%s)"
READ = """
SELECT domain, selector, private_key FROM chatmail.dkim_key ORDER BY domain, record LIKE '%k=ed25519%', selector
"""


def make(connection: Connection, domains: Collection[str], folder: Path) -> None:
    """Make what is missing, and take over the operator's files in `folder`; raise KeyFileError if one is no key."""
    for domain in sorted(domains):
        if domain.startswith("["):
            continue
        given = _files(folder, domain)
        there = {row[0] for row in connection.execute(SELECT_SELECTORS, (domain,))}
        wanted = given or {selector: make() for selector, make in SELECTORS.items() if selector not in there}
        for selector, pem in wanted.items():
            connection.execute(PUT, (domain, selector, pem, private.public_record(pem)))
        if given:
            connection.execute(DELETE_OTHERS, (domain, list(given)))


async def read(lane: Lane) -> dict[str, dict[str, private.PrivateKey]]:
    """Return the private keys by domain and selector, RSA first, for a worker; raise Unavailable."""
    keys: dict[str, dict[str, private.PrivateKey]] = {}
    for domain, selector, pem in await lane.submit(_Keys(), None):
        keys.setdefault(domain, {})[selector] = private.load(pem)
    return keys


class _Keys(Light):
    limit = 1

    async def run(self, connection: LaneConnection, items: object) -> list[list[tuple[str, str, str]]]:
        return [await connection.execute(READ)]


def _files(folder: Path, domain: str) -> dict[str, str]:
    prefix = f"{domain}_"
    return {path.stem.removeprefix(prefix): path.read_text() for path in sorted(folder.glob(f"{prefix}*.key"))}
