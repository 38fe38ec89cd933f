"""A backup is the whole database of one moment; restoring gives all of it back, or changes nothing."""

import io
import subprocess
import sys
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest

from chatmail.embedded.postgres import Postgres
from shared.settings import Settings
from shared.storage import backup_catalog as catalog
from shared.storage import migrate
from shared.storage.backup import backup
from shared.storage.backup_catalog import NotAllowed
from shared.storage.backup_format import MAGIC, BadBackup, Reader, Sequence, Table, Writer
from shared.storage.errors import Unavailable
from shared.storage.restore import MARGIN
from tests.storage.backup_rig import (
    ABOUT,
    PLENTY,
    SETTINGS,
    contents,
    empty_database,
    fill,
    frames,
    migrated,
    restored,
    taken,
)
from tests.storage.conftest import one
from tests.storage.outbox_rig import Owner, assert_balanced, born, letter, put

LARGEST_UID = 2**32 - 1


@pytest.fixture(scope="module")
def full(database_urls: dict[str, str]) -> str:
    """The owner's address of a database with something in every table, of a suite with a name."""
    url = database_urls["postgres"]
    migrate.migrate(url, SETTINGS)
    with psycopg.connect(url, autocommit=True) as owner:
        fill(owner)
    return url


@pytest.fixture(scope="module")
def octets(full: str) -> bytes:
    return taken(full)


@pytest.fixture
def empty(postgres_server: Postgres) -> Iterator[str]:
    with empty_database(postgres_server) as url:
        yield url


def seen(url: str) -> dict[str, list[Any]]:
    with psycopg.connect(url, autocommit=True) as owner:
        return contents(owner)


def described(url: str) -> list[Any]:
    with psycopg.connect(url, autocommit=True) as owner:
        return [catalog.tables(owner), catalog.sequences(owner)]


def differing(before: dict[str, list[Any]], after: dict[str, list[Any]]) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


class TestRoundTrip:
    def test_every_table_has_something_in_it(self, full: str) -> None:
        assert [name for name, rows in seen(full).items() if not rows] == []

    def test_every_table_and_every_sequence_of_the_schema_is_in_it(self, full: str, octets: bytes) -> None:
        relations = b"SELECT relname FROM pg_class WHERE relnamespace = 'chatmail'::regnamespace AND relkind = ANY (%s)"
        with psycopg.connect(full) as owner:
            tables = {name for (name,) in owner.execute(relations, (["r", "p", "m", "f"],))}
            sequences = {name for (name,) in owner.execute(relations, (["S"],))}
        entries = list(Reader(io.BytesIO(octets)).entries())
        assert [entry.name for entry in entries if isinstance(entry, Sequence)] == sorted(sequences)
        assert sorted(entry.name for entry in entries if isinstance(entry, Table)) == sorted(tables)

    def test_all_comes_back_but_what_must_not(self, full: str, octets: bytes, empty: str) -> None:
        before = seen(full)
        copied = restored(empty, octets)
        assert differing(before, seen(empty)) == {"mailbox", "worker", "destination", "outbox"}
        assert copied.octets == len(octets)
        assert copied.rows == {name: len(rows) for name, rows in before.items()}

    def test_uids_go_on_beyond_all_that_were_given_since(self, full: str, octets: bytes, empty: str) -> None:
        columns = b"SELECT id, uidvalidity, name, messages, bytes, uidnext, modseq FROM chatmail.mailbox ORDER BY id"
        restored(empty, octets)
        with psycopg.connect(full) as old, psycopg.connect(empty) as new:
            pairs = list(zip(old.execute(columns), new.execute(columns), strict=True))
        assert pairs
        assert all((*was[:5], was[5] + MARGIN, was[6] + MARGIN) == now for was, now in pairs)

    def test_ids_and_uidvalidity_go_on_beyond_too(self, octets: bytes, full: str, empty: str) -> None:
        restored(empty, octets)
        before, after = ({s.name: s.value or 0 for s in described(url)[1]} for url in (full, empty))
        assert {name: after[name] - value for name, value in before.items()} == dict.fromkeys(before, MARGIN)

    def test_what_a_worker_held_is_due_and_nothing_counts_as_lost(self, octets: bytes, empty: str) -> None:
        restored(empty, octets)
        with psycopg.connect(empty, autocommit=True) as owner:
            assert one(owner, "SELECT count(*) FROM chatmail.worker") == 0
            assert one(owner, "SELECT count(*) FROM chatmail.destination WHERE worker IS NOT NULL") == 0
            assert one(owner, "SELECT count(*) FROM chatmail.outbox WHERE worker IS NOT NULL OR lost_leases > 0") == 0
            token = one(owner, "SELECT chatmail.worker_join(60)")
            leased = owner.execute(b"SELECT id FROM chatmail.lease(%s, NULL, 9, NULL)", (token,)).fetchall()
            assert len(leased) == one(owner, "SELECT count(*) FROM chatmail.destination")

    def test_it_can_be_used(self, octets: bytes, empty: str) -> None:
        restored(empty, octets)
        with psycopg.connect(empty, autocommit=True) as owner:
            account = born(owner)
            put(owner, letter(account, "new@d.test", here=(account.mailbox_id,)))
            assert_balanced(owner)

    def test_roles_may_what_they_may(self, octets: bytes, empty: str) -> None:
        restored(empty, octets)
        name = empty.replace("//postgres@", "//imap@")
        with psycopg.connect(name) as imap:
            assert imap.execute(b"SELECT count(*) FROM chatmail.message").fetchone() != (0,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                imap.execute(b"DELETE FROM chatmail.message")

    def test_the_backup_of_what_was_restored_restores(
        self, octets: bytes, empty: str, postgres_server: Postgres
    ) -> None:
        restored(empty, octets)
        with empty_database(postgres_server) as third:
            restored(third, taken(empty))
            assert differing(seen(empty), seen(third)) == {"mailbox"}


class TestOlder:
    def test_a_backup_of_the_first_schema_comes_to_today(self, postgres_server: Postgres, empty: str) -> None:
        account = "INSERT INTO chatmail.account (address, password_hash) VALUES ('a@example.org', 'h') RETURNING id"
        with empty_database(postgres_server) as old:
            migrated(old, steps=1)
            with psycopg.connect(old) as owner:
                owner.execute(b"INSERT INTO chatmail.suite VALUES (true, 'closed', 'key', 'cert', 'certkey')")
                owner.execute(
                    b"INSERT INTO chatmail.mailbox (account_id, name) VALUES (%s, 'INBOX')", (one(owner, account),)
                )
            octets = taken(old)
            restored(empty, octets)
            with psycopg.connect(empty) as owner:
                assert catalog.migrations(owner) == [path.name for path in migrate.migrations()]
                assert one(owner, "SELECT login_key FROM chatmail.suite") == b"key"
                assert one(owner, "SELECT wants_push FROM chatmail.mailbox") is False
                assert one(owner, "SELECT count(*) FROM chatmail.dkim_key") > 0, "made as any migration does"

    def test_one_of_a_newer_version_is_refused(self, octets: bytes, empty: str) -> None:
        newer = octets.replace(b'"0001_first.sql"', b'"0001_later.sql"', 1)
        with pytest.raises(BadBackup, match=r"newer version: it has seen '0001_later\.sql'"):
            restored(empty, newer)

    def test_no_newer_database_is_dropped(self, octets: bytes, empty: str) -> None:
        restored(empty, octets)
        with psycopg.connect(empty) as owner:
            owner.execute(b"INSERT INTO chatmail.migration (name) VALUES ('9999_later.sql')")
        with pytest.raises(NotAllowed, match=r"newer version: it has seen '9999_later\.sql'"):
            restored(empty, octets, may_replace=True)


class TestRefused:
    def test_people_and_mail_are_not_replaced_unasked(self, octets: bytes, empty: str) -> None:
        restored(empty, octets)
        before = seen(empty)
        with pytest.raises(NotAllowed, match="--replace"):
            restored(empty, octets)
        assert seen(empty) == before

    def test_asked_to_it_replaces_all(self, octets: bytes, empty: str) -> None:
        restored(empty, octets)
        before = seen(empty)
        with psycopg.connect(empty, autocommit=True) as owner:
            born(owner)
        restored(empty, octets, may_replace=True)
        assert differing(before, seen(empty)) == set()

    def test_a_suite_that_was_only_started_is_replaced(self, octets: bytes, empty: str) -> None:
        migrate.migrate(empty, Settings(domain="example.org"))
        restored(empty, octets)
        with psycopg.connect(empty) as owner:
            assert one(owner, "SELECT count(*) FROM chatmail.account") == 2

    def test_not_while_a_service_is_connected(self, octets: bytes, empty: str) -> None:
        restored(empty, octets)
        with (
            psycopg.connect(empty.replace("//postgres@", "//imap@")),
            pytest.raises(NotAllowed, match="stopped first; still connected: imap"),
        ):
            restored(empty, octets, may_replace=True)

    def test_not_while_a_service_came_in_between(self, octets: bytes, empty: str) -> None:
        migrate.migrate(empty, Settings(domain="example.org"))
        before = seen(empty)
        connections = []

        class Late(Settings):
            @property
            def domains(self) -> frozenset[str]:
                connections.append(psycopg.connect(empty.replace("//postgres@", "//imap@")))
                return frozenset({"example.org"})

        with pytest.raises(NotAllowed, match="still connected: imap"):
            restored(empty, octets, settings=Late(domain="example.org"))
        for connection in connections:
            connection.close()
        assert seen(empty) == before

    def test_not_while_a_backup_or_a_migration_runs(self, octets: bytes, empty: str) -> None:
        with psycopg.connect(empty) as other:
            other.execute("SELECT pg_advisory_lock_shared(%s)", (migrate.LOCK,))
            with pytest.raises(NotAllowed, match="is running"):
                restored(empty, octets)

    def test_only_the_owner_may(self, full: str, octets: bytes) -> None:
        with pytest.raises(NotAllowed, match="only the owner"):
            taken(full.replace("//postgres@", "//operator@"))
        with pytest.raises(NotAllowed, match="only the owner"):
            restored(full.replace("//postgres@", "//operator@"), octets, may_replace=True)

    def test_an_empty_database_has_no_backup(self, empty: str) -> None:
        with pytest.raises(NotAllowed, match="no suite"):
            taken(empty)

    def test_a_database_that_is_away(self, octets: bytes) -> None:
        nowhere = "postgresql://postgres@127.0.0.1:1/chatmail"
        with pytest.raises(Unavailable):
            taken(nowhere)
        with pytest.raises(Unavailable):
            restored(nowhere, octets)


class TestDamaged:
    """That the reader sees all damage is shown beside it; here, that nothing comes of what it had handed out before."""

    def test_cut_off_in_any_block_of_mail_it_changes_nothing(self, octets: bytes, empty: str) -> None:
        restored(empty, octets)
        before = [seen(empty), described(empty)]
        for place in _heavy(octets):
            with pytest.raises(BadBackup):
                restored(empty, octets[: place + 7], may_replace=True)
        assert [seen(empty), described(empty)] == before

    def test_altered_in_any_block_of_mail_it_changes_nothing(self, octets: bytes, empty: str) -> None:
        restored(empty, octets)
        before = [seen(empty), described(empty)]
        for place in _heavy(octets):
            altered = bytearray(octets)
            altered[place + 9] ^= 4
            with pytest.raises(BadBackup):
                restored(empty, bytes(altered), may_replace=True)
        assert [seen(empty), described(empty)] == before

    def test_rows_that_are_none_change_nothing(self, octets: bytes, empty: str) -> None:
        restored(empty, octets)
        before = seen(empty)
        for name in ("account", "mailbox"):
            with pytest.raises(BadBackup, match="does not take it"):
                restored(empty, _forged(octets, name, b"PGCOPY nonsense"), may_replace=True)
        with pytest.raises(BadBackup, match="not complete"):
            restored(empty, _forged(octets, "alias", NO_ROWS), may_replace=True)
        assert seen(empty) == before

    def test_something_after_its_end(self, octets: bytes, empty: str) -> None:
        with pytest.raises(BadBackup, match="follows the end"):
            restored(empty, octets + b"x")

    @pytest.mark.parametrize(
        "octets", [b"", b"\n", b"PGDMP", b"chatmail-backup 2 {}\n", MAGIC, MAGIC + b"x" * 2_000_000]
    )
    def test_what_is_no_backup(self, octets: bytes, empty: str) -> None:
        with pytest.raises(BadBackup):
            restored(empty, octets)


class TestWhileMailComes:
    def test_no_migration_comes_in_between_and_no_restore(self, full: str) -> None:
        answers = []

        def write(_: bytes) -> None:
            if not answers:
                with psycopg.connect(full) as other:
                    answers.append(one(other, "SELECT pg_try_advisory_xact_lock(%s)", migrate.LOCK))

        backup(full, ABOUT, write, lambda *_: None)
        with psycopg.connect(full) as other:
            answers.append(one(other, "SELECT pg_try_advisory_xact_lock(%s)", migrate.LOCK))
        assert answers == [False, True]

    def test_it_shows_one_moment(self, full: str, postgres_server: Postgres, empty: str) -> None:
        done = threading.Event()
        failures: list[BaseException] = []
        with psycopg.connect(full, autocommit=True) as owner:
            boxes = [born(owner) for _ in range(3)]

        def write(number: int) -> None:
            try:
                with psycopg.connect(full, autocommit=True) as owner:
                    for salt in range(100_000):
                        if done.is_set():
                            return
                        _write_and_remove(owner, boxes, f"{number} {salt}")
            except BaseException as error:
                failures.append(error)

        writers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
        for writer in writers:
            writer.start()
        try:
            backups = [taken(full) for _ in range(5)]
        finally:
            done.set()
            for writer in writers:
                writer.join()
        assert failures == []
        assert len(set(backups)) == len(backups), "nothing was written meanwhile"
        for octets in backups:
            restored(empty, octets, may_replace=True)
            with psycopg.connect(empty, autocommit=True) as owner:
                assert_balanced(owner)
                assert owner.execute(WRONG.encode()).fetchall() == []


# Mailboxes that miscount, or whose next UID is taken.
WRONG = """
SELECT b.id FROM chatmail.mailbox b LEFT JOIN chatmail.message m ON m.mailbox_id = b.id
GROUP BY b.id HAVING count(m.uid) <> b.messages OR coalesce(sum(m.size), 0) <> b.bytes OR max(m.uid) >= b.uidnext
"""


def _write_and_remove(owner: Owner, boxes: list[Any], salt: str) -> None:
    put(owner, letter(boxes[0], "x@busy.test", here=tuple(box.mailbox_id for box in boxes), salt=salt), PLENTY)
    oldest = (
        b"SELECT mailbox_id, min(uid) FROM chatmail.message WHERE mailbox_id = ANY (%s) GROUP BY 1 HAVING count(*) > 9"
    )
    found = owner.execute(oldest, ([box.mailbox_id for box in boxes],)).fetchall()
    if found:
        ids, uids = [row[0] for row in found], [row[1] for row in found]
        owner.execute(b"SELECT chatmail.remove_messages(%s::bigint[], %s::bigint[], false)", (ids, uids)).fetchall()


class TestNumbers:
    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (1, 1 + MARGIN),
            (LARGEST_UID - 2 * MARGIN, LARGEST_UID - MARGIN),
            (LARGEST_UID - 2 * MARGIN + 5, LARGEST_UID - MARGIN),
            (LARGEST_UID - 7, LARGEST_UID - 7),
            (LARGEST_UID, LARGEST_UID),
        ],
    )
    def test_no_uid_is_beyond_the_largest(self, full: str, empty: str, before: int, after: int) -> None:
        migrate.migrate(empty, Settings(domain="example.org"))
        with psycopg.connect(empty, autocommit=True) as owner:
            mailbox = born(owner).mailbox_id
            owner.execute(b"UPDATE chatmail.mailbox SET uidnext = %s WHERE id = %s", (before, mailbox))
        restored(empty, taken(empty), may_replace=True)
        with psycopg.connect(empty, autocommit=True) as owner:
            assert one(owner, "SELECT uidnext FROM chatmail.mailbox WHERE id = %s", mailbox) == after

    def test_no_sequence_is_beyond_its_end(self, empty: str) -> None:
        migrate.migrate(empty, Settings(domain="example.org"))
        with psycopg.connect(empty, autocommit=True) as owner:
            owner.execute(b"SELECT setval('chatmail.uidvalidity', 4294967000)")
        restored(empty, taken(empty))
        with psycopg.connect(empty, autocommit=True) as owner:
            assert one(owner, "SELECT last_value FROM chatmail.uidvalidity") == LARGEST_UID

    def test_the_time_in_between_makes_nobody_unused(self, empty: str) -> None:
        migrate.migrate(empty, Settings(domain="example.org"))
        with psycopg.connect(empty, autocommit=True) as owner:
            account = born(owner).account_id
            owner.execute(b"UPDATE chatmail.last_login SET day = current_date - 80")
        octets = taken(empty)
        older = octets.replace(b'"taken":"20', b'"taken":"19', 1)  # no true checksum, and so nothing comes of it
        with pytest.raises(BadBackup):
            restored(empty, older, may_replace=True)
        restored(empty, _signed(older), may_replace=True)
        with psycopg.connect(empty, autocommit=True) as owner:
            unused = "SELECT current_date - day FROM chatmail.last_login WHERE account_id = %s"
            assert one(owner, unused, account) == 80 - 36525


NO_ROWS = b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\xff\xff"


def _heavy(octets: bytes) -> list[int]:
    """Where the last frames begin, and those that hold much."""
    places = frames(octets)
    ends = [*places[1:], len(octets)]
    return [place for place, end in zip(places, ends, strict=True) if end - place > 100_000] + places[-2:]


def _forged(octets: bytes, table: str, rows: bytes) -> bytes:
    """The backup with other rows in one table, and every checksum true."""
    reader, file = Reader(io.BytesIO(octets)), io.BytesIO()
    writer, now = Writer(file.write, reader.header), ""
    for entry in reader.entries():
        if isinstance(entry, bytes):
            writer.rows(rows if now == table else entry)
            continue
        writer.end_table()
        if isinstance(entry, Table):
            now = entry.name
            writer.table(entry)
        elif isinstance(entry, Sequence):
            writer.sequence(entry)
        else:
            writer.end(entry.rows)
    return file.getvalue()


def _signed(octets: bytes) -> bytes:
    """The same with a true checksum."""
    place = frames(octets)[-1]
    return octets[: place + 5] + sha256(octets[:place]).digest()


MANY_BODIES = """
INSERT INTO chatmail.body (header_size, data)
SELECT 10, convert_to(repeat(md5(i::text), 32768), 'UTF8') FROM generate_series(1, 100) i"""
MEASURED = """
import sys
from pathlib import Path
from tests.storage.backup_rig import ABOUT, SETTINGS
from shared.storage import migrate
from shared.storage.backup import backup
from shared.storage.backup_format import Reader
from shared.storage.restore import restore

def highest():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

url, empty, path = sys.argv[1:]
before = highest()
with open(path, "wb") as file:
    backup(url, ABOUT, file.write, lambda *_: None)
backed_up = highest()
with open(path, "rb") as file:
    bring_up = lambda connection: migrate.bring_up(connection, SETTINGS)
    restore(empty, Reader(file), bring_up, may_replace=False, progress=lambda *_: None)
print(backed_up - before, highest() - backed_up)
"""


def test_memory_does_not_grow_with_the_database(postgres_server: Postgres, empty: str, tmp_path: Path) -> None:
    with empty_database(postgres_server) as large:
        migrate.migrate(large, Settings(domain="example.org"))
        with psycopg.connect(large) as owner:
            owner.execute(MANY_BODIES.encode())
            stored = one(owner, "SELECT sum(octet_length(data)) FROM chatmail.body")
        words = [sys.executable, "-c", MEASURED, large, empty, str(tmp_path / "file")]
        done = subprocess.run(words, capture_output=True, text=True, cwd=Path(__file__).parents[2])
        assert done.returncode == 0, done.stderr
        assert max(int(word) for word in done.stdout.split()) * 1024 < stored / 5, done.stdout


def test_tables_come_after_those_they_refer_to(empty: str) -> None:
    migrate.migrate(empty, Settings(domain="example.org"))
    with psycopg.connect(empty) as owner:
        owner.execute(b"CREATE TABLE chatmail.aaa (id bigint REFERENCES chatmail.mailbox (id))")
        names = [table.name for table in catalog.tables(owner)]
    assert names.index("account") < names.index("mailbox") < names.index("aaa")
