"""Whether a watched mailbox has changed: every reason to look is seen, and nothing else."""

import asyncio
from typing import Any

import psycopg
import pytest

from shared.mail.mailbox import Flag
from shared.storage.accounts import Account
from shared.storage.database import Database
from shared.storage.deliveries import Deliveries
from shared.storage.mailboxes import Mailboxes
from shared.storage.watches import Watches
from tests.storage.conftest import QUOTA, MakeAccount, message

Owner = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
async def account(make_account: MakeAccount, deliveries: Deliveries) -> Account:
    made = await make_account()
    await deliveries.store(message(made.mailbox_id))
    return made


async def test_many_ask_together(imap: Database, account: Account) -> None:
    modseq = await _modseq(imap, account)
    watches = Watches(imap)
    asked = [
        watches.is_stale(account.mailbox_id, modseq),
        watches.is_stale(account.mailbox_id, modseq - 1),
        watches.is_stale(account.mailbox_id, modseq + 1),  # a crash took lazy changes back
        watches.is_stale(1 << 40, 1),
        watches.is_stale(account.mailbox_id, modseq),
    ]
    assert await asyncio.gather(*asked) == [False, True, True, True, False]


def _ban(owner: Owner, account: Account) -> None:
    address = owner.execute("SELECT address FROM chatmail.account WHERE id = %s", (account.account_id,)).fetchone()
    assert address
    owner.execute("INSERT INTO chatmail.barred (address, reason) VALUES (%s, 'banned')", address)


@pytest.mark.parametrize("change", ["deliver", "flag", "expunge", "ban"])
async def test_every_change_is_seen(
    change: str, imap: Database, deliveries: Deliveries, account: Account, owner: Owner
) -> None:
    store, box = Mailboxes(imap, QUOTA), account.mailbox_id
    if change == "expunge":
        await store.add_flags(box, [1], Flag.DELETED)
    modseq = await _modseq(imap, account)
    watches = Watches(imap)
    assert not await watches.is_stale(box, modseq)
    if change == "deliver":
        await deliveries.store(message(box, salt=2))
    elif change == "flag":
        await store.add_flags(box, [1], Flag.SEEN)
    elif change == "expunge":
        await store.expunge(box, [1])
    else:
        _ban(owner, account)
    assert await watches.is_stale(box, modseq)


async def _modseq(imap: Database, account: Account) -> int:
    snapshot = await Mailboxes(imap, QUOTA).snapshot(account.account_id, "INBOX")
    assert snapshot is not None
    return snapshot.modseq
