"""What every store behind IMAP must do: the contract of `imap.store.Store` as tests.

Derive from `StoreContract` in a test module and give it a fixture `scene`; the memory store and Postgres both do.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from imap.store import Flag, Store

HEADER = b"From: a@b.test\r\nSubject: hi\r\n\r\n"
BODY = HEADER + b"Hello\r\n"


@dataclass(frozen=True)
class Scene:
    """A store with one account and its empty INBOX.

    `deliver` puts a message in and returns its UID; `limit` sets the account's quota in octets.
    """

    store: Store
    account_id: int
    deliver: Callable[[bytes], Awaitable[int]]
    inline_limit: int
    limit: Callable[[int], None]

    async def inbox(self) -> int:
        snapshot = await self.store.snapshot(self.account_id, "INBOX")
        assert snapshot is not None
        return snapshot.mailbox_id


class StoreContract:
    async def test_an_account_has_an_inbox(self, scene: Scene) -> None:
        assert next(iter(await scene.store.names(scene.account_id))) == "INBOX"

    async def test_a_new_inbox_is_empty(self, scene: Scene) -> None:
        snapshot = await scene.store.snapshot(scene.account_id, "INBOX")
        assert snapshot is not None
        assert list(snapshot.uids) == list(snapshot.flags) == []
        assert snapshot.uidvalidity > 0

    async def test_there_is_no_other_mailbox(self, scene: Scene) -> None:
        assert await scene.store.snapshot(scene.account_id, "Nowhere") is None
        assert await scene.store.status(scene.account_id, "Nowhere") is None

    async def test_uids_ascend_and_lie_below_uidnext(self, scene: Scene) -> None:
        uids = [await scene.deliver(BODY) for _ in range(3)]
        snapshot = await scene.store.snapshot(scene.account_id, "INBOX")
        assert snapshot is not None
        assert list(snapshot.uids) == uids == sorted(set(uids))
        assert snapshot.uidnext > uids[-1]

    async def test_a_uid_is_never_used_again(self, scene: Scene) -> None:
        mailbox = await scene.inbox()
        first = await scene.deliver(BODY)
        await scene.store.add_flags(mailbox, [first], Flag.DELETED)
        await scene.store.expunge(mailbox, [first])
        assert await scene.deliver(BODY) > first

    async def test_status_counts(self, scene: Scene) -> None:
        seen, _ = [await scene.deliver(BODY) for _ in range(2)]
        await scene.store.add_flags(await scene.inbox(), [seen], Flag.SEEN)
        status = await scene.store.status(scene.account_id, "INBOX")
        assert status is not None
        assert (status.messages, status.unseen, status.size) == (2, 1, 2 * len(BODY))

    async def test_fetch_brings_what_is_asked(self, scene: Scene) -> None:
        uid = await scene.deliver(BODY)
        for header, body in ((False, False), (True, False), (False, True), (True, True)):
            (message,) = await scene.store.fetch(await scene.inbox(), [uid], header=header, body=body)
            assert message.uid == uid
            assert message.size == len(BODY)
            assert message.header == (HEADER if header else None)
            assert message.body == (BODY if body else None)

    async def test_fetch_ignores_what_is_not_there_and_ascends(self, scene: Scene) -> None:
        uids = [await scene.deliver(BODY) for _ in range(3)]
        found = await scene.store.fetch(await scene.inbox(), [uids[2], uids[0], uids[2] + 9], header=False, body=False)
        assert [message.uid for message in found] == [uids[0], uids[2]]

    async def test_a_large_body_is_read_in_slices(self, scene: Scene) -> None:
        whole = BODY + b"x" * scene.inline_limit
        uid = await scene.deliver(whole)
        (message,) = await scene.store.fetch(await scene.inbox(), [uid], header=True, body=True)
        assert (message.size, message.header, message.body) == (len(whole), HEADER, None)
        middle = await scene.store.read(await scene.inbox(), uid, 10, 5)
        assert middle == whole[10:15]

    async def test_a_slice_at_and_past_the_end(self, scene: Scene) -> None:
        uid = await scene.deliver(BODY)
        mailbox = await scene.inbox()
        assert await scene.store.read(mailbox, uid, len(BODY) - 2, 10) == b"\r\n"
        assert await scene.store.read(mailbox, uid, len(BODY), 10) == b""
        assert await scene.store.read(mailbox, uid + 1, 0, 10) == b""

    async def test_flags_are_added_removed_and_replaced(self, scene: Scene) -> None:
        uid, mailbox = await scene.deliver(BODY), await scene.inbox()
        store = scene.store
        both = Flag.SEEN | Flag.FLAGGED
        assert _pairs(await store.add_flags(mailbox, [uid], Flag.SEEN)) == [(uid, Flag.SEEN)]
        assert _pairs(await store.add_flags(mailbox, [uid], Flag.FLAGGED)) == [(uid, both)]
        assert _pairs(await store.remove_flags(mailbox, [uid], Flag.SEEN)) == [(uid, Flag.FLAGGED)]
        assert _pairs(await store.replace_flags(mailbox, [uid], Flag.DRAFT)) == [(uid, Flag.DRAFT)]

    async def test_flags_of_nothing(self, scene: Scene) -> None:
        mailbox = await scene.inbox()
        assert list(await scene.store.add_flags(mailbox, [77], Flag.SEEN)) == []
        assert list(await scene.store.add_flags(mailbox, [], Flag.SEEN)) == []

    async def test_expunge_removes_only_what_is_deleted(self, scene: Scene) -> None:
        kept, gone = [await scene.deliver(BODY) for _ in range(2)]
        mailbox = await scene.inbox()
        await scene.store.add_flags(mailbox, [gone], Flag.DELETED)
        assert list(await scene.store.expunge(mailbox, [kept, gone, gone + 5])) == [gone]
        assert list(await scene.store.expunge(mailbox, [gone])) == []
        assert list(await scene.store.expunge(mailbox, [])) == []

    async def test_quota_falls_when_mail_is_deleted(self, scene: Scene) -> None:
        uid, mailbox = await scene.deliver(BODY), await scene.inbox()
        before = await scene.store.quota(scene.account_id)
        await scene.store.add_flags(mailbox, [uid], Flag.DELETED)
        await scene.store.expunge(mailbox, [uid])
        after = await scene.store.quota(scene.account_id)
        assert (before.used, after.used) == (len(BODY), 0)
        assert before.limit == after.limit > 0

    async def test_nothing_has_changed(self, scene: Scene) -> None:
        await scene.deliver(BODY)
        snapshot = await scene.store.snapshot(scene.account_id, "INBOX")
        assert snapshot is not None
        changes = await scene.store.changes(snapshot.mailbox_id, snapshot.modseq, snapshot.uidnext)
        assert changes is not None
        assert (list(changes.arrived), list(changes.flagged), list(changes.expunged)) == ([], [], [])
        assert (changes.modseq, changes.uidnext) == (snapshot.modseq, snapshot.uidnext)

    async def test_changes_tell_what_happened(self, scene: Scene) -> None:
        flagged, gone = [await scene.deliver(BODY) for _ in range(2)]
        snapshot = await scene.store.snapshot(scene.account_id, "INBOX")
        assert snapshot is not None
        mailbox = snapshot.mailbox_id
        await scene.store.add_flags(mailbox, [flagged], Flag.SEEN)
        await scene.store.add_flags(mailbox, [gone], Flag.DELETED)
        await scene.store.expunge(mailbox, [gone])
        new = await scene.deliver(BODY)
        changes = await scene.store.changes(mailbox, snapshot.modseq, snapshot.uidnext)
        assert changes is not None
        assert _pairs(changes.arrived) == [(new, 0)]
        assert _pairs(changes.flagged) == [(flagged, Flag.SEEN)]
        assert list(changes.expunged) == [gone]
        assert changes.modseq > snapshot.modseq
        assert changes.uidnext > new

    async def test_mail_that_came_and_went_is_not_told(self, scene: Scene) -> None:
        snapshot = await scene.store.snapshot(scene.account_id, "INBOX")
        assert snapshot is not None
        mailbox = snapshot.mailbox_id
        uid = await scene.deliver(BODY)
        await scene.store.add_flags(mailbox, [uid], Flag.DELETED)
        await scene.store.expunge(mailbox, [uid])
        changes = await scene.store.changes(mailbox, snapshot.modseq, snapshot.uidnext)
        assert changes is not None
        assert (list(changes.arrived), list(changes.flagged), list(changes.expunged)) == ([], [], [])

    async def test_a_mailbox_that_is_gone_has_no_changes(self, scene: Scene) -> None:
        assert await scene.store.changes(987_654_321, 0, 1) is None


def _pairs(found: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    return [(uid, flags) for uid, flags in found]
