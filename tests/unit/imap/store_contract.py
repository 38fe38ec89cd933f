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
        assert _pairs((await store.add_flags(mailbox, [uid], Flag.SEEN)).messages) == [(uid, Flag.SEEN)]
        assert _pairs((await store.add_flags(mailbox, [uid], Flag.FLAGGED)).messages) == [(uid, both)]
        assert _pairs((await store.remove_flags(mailbox, [uid], Flag.SEEN)).messages) == [(uid, Flag.FLAGGED)]
        assert _pairs((await store.replace_flags(mailbox, [uid], Flag.DRAFT)).messages) == [(uid, Flag.DRAFT)]

    async def test_flags_of_nothing(self, scene: Scene) -> None:
        mailbox = await scene.inbox()
        assert list((await scene.store.add_flags(mailbox, [77], Flag.SEEN)).messages) == []
        assert list((await scene.store.add_flags(mailbox, [], Flag.SEEN)).messages) == []

    async def test_expunge_removes_only_what_is_deleted(self, scene: Scene) -> None:
        kept, gone = [await scene.deliver(BODY) for _ in range(2)]
        mailbox = await scene.inbox()
        await scene.store.add_flags(mailbox, [gone], Flag.DELETED)
        assert list((await scene.store.expunge(mailbox, [kept, gone, gone + 5])).uids) == [gone]
        assert list((await scene.store.expunge(mailbox, [gone])).uids) == []
        assert list((await scene.store.expunge(mailbox, [])).uids) == []

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

    async def test_a_mailbox_is_opened_by_its_newest(self, scene: Scene) -> None:
        uids = [await scene.deliver(BODY) for _ in range(5)]
        await scene.store.add_flags(await scene.inbox(), uids[3:4], Flag.SEEN)
        for newest, shown in ((2, 2), (5, 5), (9, 5), (None, 5)):
            snapshot = await scene.store.snapshot(scene.account_id, "INBOX", newest)
            assert snapshot is not None
            assert (list(snapshot.uids), snapshot.older) == (uids[5 - shown :], 5 - shown)
            assert list(snapshot.flags)[-2:] == [Flag.SEEN, 0]

    async def test_older_messages_are_those_that_were_there(self, scene: Scene) -> None:
        uids = [await scene.deliver(BODY) for _ in range(6)]
        mailbox, store = await scene.inbox(), scene.store
        await store.add_flags(mailbox, uids[:2], Flag.DELETED)
        await store.expunge(mailbox, uids[:1])
        snapshot = await store.snapshot(scene.account_id, "INBOX", 2)
        assert snapshot is not None
        await store.expunge(mailbox, uids[1:2])
        await store.add_flags(mailbox, [uids[2], uids[4]], Flag.FLAGGED)
        await scene.deliver(BODY)
        older = await store.older(mailbox, uids[4], snapshot.modseq)
        assert older is not None
        assert (list(older.uids), list(older.flags)) == (uids[2:4], [Flag.FLAGGED, 0])
        assert (list(older.marked), list(older.expunged)) == (uids[2:3], uids[1:2])
        assert len(older.uids) + len(older.expunged) == snapshot.older

    async def test_older_messages_of_none(self, scene: Scene) -> None:
        older = await scene.store.older(await scene.inbox(), 10, 0)
        assert older is not None
        assert [list(one) for one in (older.uids, older.flags, older.marked, older.expunged)] == [[], [], [], []]
        assert await scene.store.older(987_654_321, 10, 0) is None

    async def test_what_is_deleted_is_found(self, scene: Scene) -> None:
        uids, mailbox = [await scene.deliver(BODY) for _ in range(4)], await scene.inbox()
        await scene.store.add_flags(mailbox, uids[:1], Flag.SEEN)
        marked = await scene.store.add_flags(mailbox, uids[1:], Flag.DELETED)
        found = await scene.store.deleted(mailbox, uids[3])
        assert found is not None
        assert (list(found.uids), found.modseq) == (uids[1:3], marked.modseq)
        await scene.store.remove_flags(mailbox, uids, Flag.DELETED)
        found = await scene.store.deleted(mailbox, uids[3] + 1)
        assert found is not None
        assert (list(found.uids), found.modseq) == ([], marked.modseq + 1)
        assert await scene.store.deleted(987_654_321, 10) is None

    async def test_every_change_says_the_modseq_it_brought(self, scene: Scene) -> None:
        uids, mailbox = [await scene.deliver(BODY) for _ in range(2)], await scene.inbox()
        snapshot = await scene.store.snapshot(scene.account_id, "INBOX")
        assert snapshot is not None
        first = await scene.store.add_flags(mailbox, uids, Flag.DELETED)
        second = await scene.store.replace_flags(mailbox, uids[1:], Flag.SEEN)
        third = await scene.store.expunge(mailbox, uids)
        assert [first.modseq, second.modseq, third.modseq] == [snapshot.modseq + at for at in (1, 2, 3)]
        assert (await scene.store.expunge(mailbox, uids)).modseq == 0
        assert (await scene.store.add_flags(mailbox, [], Flag.SEEN)).modseq == 0
        changes = await scene.store.changes(mailbox, snapshot.modseq, snapshot.uidnext)
        assert changes is not None
        assert (changes.modseq, list(changes.modseqs)) == (third.modseq, [second.modseq])

    async def test_flags_change_only_where_nothing_has_since(self, scene: Scene) -> None:
        """UNCHANGEDSINCE (RFC 7162 §3.1.3)."""
        old, new = [await scene.deliver(BODY) for _ in range(2)]
        mailbox, store = await scene.inbox(), scene.store
        seen = await store.add_flags(mailbox, [new], Flag.SEEN)
        marked = await store.add_flags(mailbox, [old, new, new + 9], Flag.FLAGGED, until=seen.modseq - 1)
        assert list(marked.messages) == [(old, Flag.FLAGGED)]
        assert list(marked.modseqs) == [marked.modseq] == [seen.modseq + 1]
        assert list((await store.remove_flags(mailbox, [old, new], Flag.SEEN, until=0)).messages) == []
        both = await store.replace_flags(mailbox, [old, new], Flag.DRAFT, until=marked.modseq)
        assert list(both.messages) == [(old, Flag.DRAFT), (new, Flag.DRAFT)]

    async def test_a_flag_that_is_there_already_changes_no_modseq(self, scene: Scene) -> None:
        """RFC 7162 §3.1.11."""
        first, second = [await scene.deliver(BODY) for _ in range(2)]
        mailbox, store = await scene.inbox(), scene.store
        before = await store.add_flags(mailbox, [first], Flag.SEEN)
        after = await store.add_flags(mailbox, [first, second], Flag.SEEN)
        assert list(after.modseqs) == [before.modseq, after.modseq]
        assert after.modseq > before.modseq
        changes = await store.changes(mailbox, before.modseq, second + 1)
        assert changes is not None
        assert list(changes.flagged) == [(second, Flag.SEEN)]
        assert list(changes.modseqs) == [after.modseq]
        again = await store.replace_flags(mailbox, [first], Flag.SEEN)
        assert list(again.modseqs) == [before.modseq]

    async def test_what_has_changed_since(self, scene: Scene) -> None:
        uids = [await scene.deliver(BODY) for _ in range(3)]
        mailbox, store = await scene.inbox(), scene.store
        messages = await store.fetch(mailbox, uids, header=False, body=False)
        assert list(await store.changed_since(mailbox, messages[1].modseq)) == [uids[2]]
        marked = await store.add_flags(mailbox, uids[:1], Flag.SEEN)
        assert list(await store.changed_since(mailbox, messages[1].modseq)) == [uids[0], uids[2]]
        assert list(await store.changed_since(mailbox, 0)) == uids
        assert list(await store.changed_since(mailbox, marked.modseq)) == []
        assert list(await store.changed_since(987_654_321, 0)) == []

    async def test_no_message_is_ahead_of_its_mailbox(self, scene: Scene) -> None:
        uids = [await scene.deliver(BODY) for _ in range(3)]
        mailbox, store = await scene.inbox(), scene.store
        marked = await store.add_flags(mailbox, uids[1:], Flag.DELETED)
        gone = await store.expunge(mailbox, uids[2:])
        snapshot = await store.snapshot(scene.account_id, "INBOX")
        status = await store.status(scene.account_id, "INBOX")
        assert snapshot is not None
        assert status is not None
        assert marked.modseq < gone.modseq == snapshot.modseq == status.modseq
        messages = await store.fetch(mailbox, uids, header=False, body=False)
        assert [message.modseq <= snapshot.modseq for message in messages] == [True, True]

    async def test_a_mailbox_that_is_gone_has_no_changes(self, scene: Scene) -> None:
        assert await scene.store.changes(987_654_321, 0, 1) is None


def _pairs(found: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    return [(uid, flags) for uid, flags in found]
