"""Signing keys: made once for each domain with a name, or the operator's own; the worker reads them, RSA first."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from shared.mail.dkim import private
from shared.storage import dkim_keys
from shared.storage.database import connect
from tests.storage.outbox_rig import Owner

Kept = dict[tuple[str, str], str]


@pytest.fixture(autouse=True)
def none(owner: Owner) -> Iterator[None]:
    owner.execute(b"DELETE FROM chatmail.dkim_key")
    yield
    owner.execute(b"DELETE FROM chatmail.dkim_key")


def kept(owner: Owner) -> Kept:
    statement = b"SELECT domain, selector, private_key, record FROM chatmail.dkim_key"
    rows = owner.execute(statement).fetchall()
    assert all(record == private.public_record(pem) for _, _, pem, record in rows)
    return {(domain, selector): pem for domain, selector, pem, _ in rows}


def test_every_domain_with_a_name_gets_two_once(owner: Owner, tmp_path: Path) -> None:
    domains = {"a.test", "b.test", "[127.0.0.1]"}
    dkim_keys.make(owner, domains, tmp_path)
    made = kept(owner)
    assert set(made) == {(domain, selector) for domain in ("a.test", "b.test") for selector in ("default", "ed25519")}
    assert isinstance(private.load(made["a.test", "default"]), RSAPrivateKey)
    assert isinstance(private.load(made["a.test", "ed25519"]), Ed25519PrivateKey)
    dkim_keys.make(owner, {*domains, "c.test"}, tmp_path)
    assert kept(owner).items() >= made.items()
    assert len(kept(owner)) == 6


def test_what_is_missing_is_made(owner: Owner, tmp_path: Path) -> None:
    dkim_keys.make(owner, {"a.test"}, tmp_path)
    made = kept(owner)
    owner.execute(b"DELETE FROM chatmail.dkim_key WHERE selector = 'ed25519'")
    dkim_keys.make(owner, {"a.test"}, tmp_path)
    assert set(kept(owner)) == set(made)
    assert kept(owner)["a.test", "default"] == made["a.test", "default"]


def test_the_operators_files_take_their_domains_place_whole(owner: Owner, tmp_path: Path) -> None:
    dkim_keys.make(owner, {"a.test", "b.test"}, tmp_path)
    made = kept(owner)
    own = private.make_ed25519()
    (tmp_path / "a.test_mail.key").write_text(own)
    (tmp_path / "x.a.test_mail.key").write_text(private.make_ed25519())  # of no domain of ours
    dkim_keys.make(owner, {"a.test", "b.test"}, tmp_path)
    others = {name: pem for name, pem in made.items() if name[0] == "b.test"}
    assert kept(owner) == {("a.test", "mail"): own, **others}
    other = private.make_ed25519()
    (tmp_path / "a.test_mail.key").write_text(other)
    dkim_keys.make(owner, {"a.test"}, tmp_path)
    assert kept(owner)["a.test", "mail"] == other


def test_a_file_that_is_no_key_is_named_as_such(owner: Owner, tmp_path: Path) -> None:
    (tmp_path / "a.test_mail.key").write_text("no key")
    with pytest.raises(private.KeyFileError), owner.transaction():
        dkim_keys.make(owner, {"a.test"}, tmp_path)
    assert kept(owner) == {}


async def test_the_worker_reads_them_rsa_first(owner: Owner, tmp_path: Path, database_urls: dict[str, str]) -> None:
    (tmp_path / "b.test_a.key").write_text(private.make_ed25519())
    (tmp_path / "b.test_z.key").write_text(private.make_rsa())
    dkim_keys.make(owner, {"a.test", "b.test"}, tmp_path)
    database = await connect(database_urls["queue_worker"], "queue-worker")
    try:
        keys = await dkim_keys.read(database.read)
    finally:
        await database.close()
    assert {domain: list(found) for domain, found in keys.items()} == {
        "a.test": ["default", "ed25519"],
        "b.test": ["z", "a"],
    }
    assert private.public_record(kept(owner)["a.test", "default"]).startswith("v=DKIM1; k=rsa; p=")
    assert isinstance(keys["a.test"]["default"], RSAPrivateKey)
