"""What every store behind IMAP must do with mailboxes as wholes: the contract of `imap.store.Folders` as tests.

Derive from `FoldersContract` beside `StoreContract`, with the same fixture `scene`.
"""

import pytest
from imap.store import Arranged, Flag, NotPut, Put, Snapshot

from tests.unit.imap.store_contract import BODY, Scene

LONGEST, DEEPEST = 100, 5
ALL = range(1, 100)


async def names(scene: Scene) -> list[str]:
    return [folder.name for folder in await scene.store.folders(scene.account_id)]


async def create(scene: Scene, name: str, special_use: str = "") -> Arranged:
    return (await scene.store.create(scene.account_id, name, special_use))[0]


async def rename(scene: Scene, old: str, new: str) -> Arranged:
    return await scene.store.rename(scene.account_id, old, new, LONGEST, DEEPEST)


async def snapshot(scene: Scene, name: str) -> Snapshot:
    found = await scene.store.snapshot(scene.account_id, name)
    assert found is not None
    return found


async def put(scene: Scene, name: str, *uids: int, is_move: bool = False) -> Put:
    act = scene.store.move if is_move else scene.store.copy
    done = await act(await scene.inbox(), uids, name)
    assert isinstance(done, Put)
    return done


class FoldersContract:
    async def test_a_mailbox_is_made_with_those_above_it(self, scene: Scene) -> None:
        outcome, mailbox_id = await scene.store.create(scene.account_id, "a/b/c")
        assert outcome is Arranged.DONE
        assert (await snapshot(scene, "a/b/c")).mailbox_id == mailbox_id
        assert await names(scene) == ["INBOX", "a", "a/b", "a/b/c"]

    async def test_a_mailbox_is_made_once(self, scene: Scene) -> None:
        assert await create(scene, "a") is Arranged.DONE
        assert await create(scene, "a") is await create(scene, "INBOX") is Arranged.THERE

    async def test_one_mailbox_is_for_one_use(self, scene: Scene) -> None:
        assert await create(scene, "Sent", "\\Sent") is Arranged.DONE
        assert await create(scene, "Sent2", "\\Sent") is Arranged.USE_TAKEN
        assert await create(scene, "Drafts", "\\Drafts") is Arranged.DONE
        uses = {folder.name: folder.special_use for folder in await scene.store.folders(scene.account_id)}
        assert uses == {"INBOX": "", "Sent": "\\Sent", "Drafts": "\\Drafts"}

    async def test_a_mailbox_made_again_is_another(self, scene: Scene) -> None:
        await create(scene, "a")
        before = await snapshot(scene, "a")
        outcome, mailbox_id = await scene.store.delete(scene.account_id, "a")
        assert (outcome, mailbox_id) == (Arranged.DONE, before.mailbox_id)
        await create(scene, "a")
        after = await snapshot(scene, "a")
        assert after.uidvalidity > before.uidvalidity
        assert after.mailbox_id != before.mailbox_id

    async def test_a_mailbox_goes_with_its_mail_and_without_its_children(self, scene: Scene) -> None:
        await create(scene, "a/b")
        await scene.deliver(BODY)
        copied = await put(scene, "a", 1)
        assert await scene.store.delete(scene.account_id, "a") == (Arranged.DONE, copied.mailbox_id)
        assert await names(scene) == ["INBOX", "a/b"]
        assert await scene.store.changes(copied.mailbox_id, 0, 1) is None
        assert (await scene.store.quota(scene.account_id)).used == len(BODY)

    @pytest.mark.parametrize(
        ("name", "outcome"), [("a", Arranged.HAS_CHILDREN), ("b", Arranged.MISSING), ("INBOX", Arranged.MISSING)]
    )
    async def test_what_cannot_be_removed(self, scene: Scene, name: str, outcome: Arranged) -> None:
        await create(scene, "a/b")
        await scene.store.delete(scene.account_id, "a")
        assert await scene.store.delete(scene.account_id, name) == (outcome, 0)

    async def test_a_mailbox_is_renamed_with_its_children_and_keeps_all_else(self, scene: Scene) -> None:
        await create(scene, "a/b")
        await create(scene, "ab")
        before = await snapshot(scene, "a/b")
        assert await rename(scene, "a", "x/y") is Arranged.DONE
        assert await names(scene) == ["INBOX", "ab", "x", "x/y", "x/y/b"]
        assert await snapshot(scene, "x/y/b") == before

    async def test_only_children_are_renamed_where_there_is_no_more(self, scene: Scene) -> None:
        await create(scene, "a/b")
        await scene.store.delete(scene.account_id, "a")
        assert await rename(scene, "a", "x") is Arranged.DONE
        assert await names(scene) == ["INBOX", "x/b"]

    async def test_a_mailbox_may_take_the_place_above_it(self, scene: Scene) -> None:
        await create(scene, "a/b/b/b")
        await scene.store.delete(scene.account_id, "a")
        assert await rename(scene, "a/b", "a") is Arranged.DONE
        assert await names(scene) == ["INBOX", "a", "a/b", "a/b/b"]

    @pytest.mark.parametrize(
        ("old", "new", "outcome"),
        [
            ("none", "x", Arranged.MISSING),
            ("a", "c", Arranged.THERE),
            ("a", "INBOX", Arranged.THERE),
            ("d", "a", Arranged.THERE),
            ("a", "e", Arranged.THERE),  # there is an e/b
            ("a", "n" * LONGEST, Arranged.TOO_LONG),
            ("a", "1/2/3/4/5", Arranged.TOO_LONG),
        ],
    )
    async def test_what_cannot_be_renamed(self, scene: Scene, old: str, new: str, outcome: Arranged) -> None:
        for name in ("a/b", "c", "d", "e/b"):
            await create(scene, name)
        await scene.store.delete(scene.account_id, "e")
        before = await names(scene)
        assert await rename(scene, old, new) is outcome
        assert await names(scene) == before

    async def test_names_are_subscribed_to_and_outlive_their_mailboxes(self, scene: Scene) -> None:
        store, account = scene.store, scene.account_id
        await create(scene, "a")
        await create(scene, "b")
        assert await store.subscribe(account, "a") is await store.subscribe(account, "a") is Arranged.DONE
        assert await store.subscribe(account, "none") is Arranged.MISSING
        await store.delete(account, "a")
        found = {
            folder.name: (folder.mailbox_id is None, folder.is_subscribed) for folder in await store.folders(account)
        }
        assert found == {"INBOX": (False, True), "a": (True, True), "b": (False, False)}
        assert await store.unsubscribe(account, "a") is Arranged.DONE
        assert await store.unsubscribe(account, "a") is Arranged.MISSING
        assert await names(scene) == ["INBOX", "b"]

    async def test_copies_are_messages_of_their_own(self, scene: Scene) -> None:
        await create(scene, "a")
        first, _, third = [await scene.deliver(BODY + str(at).encode()) for at in range(3)]
        inbox = await scene.inbox()
        await scene.store.add_flags(inbox, [third], Flag.SEEN)
        done = await put(scene, "a", third, first, third + 9)
        assert (list(done.copied), done.first_uid, done.source_modseq) == ([first, third], 1, 0)
        found = await snapshot(scene, "a")
        assert (list(found.uids), list(found.flags)) == ([1, 2], [0, Flag.SEEN])
        assert (found.uidvalidity, found.modseq, found.uidnext) == (done.uidvalidity, done.modseq, 3)
        await scene.store.add_flags(inbox, [first], Flag.DELETED)
        await scene.store.expunge(inbox, [first])
        (copy,) = await scene.store.fetch(done.mailbox_id, [1], header=False, body=True)
        assert copy.body == BODY + b"0"

    async def test_copies_keep_what_they_are(self, scene: Scene) -> None:
        await create(scene, "a")
        uid = await scene.deliver(BODY)
        done = await put(scene, "a", uid)
        (first,) = await scene.store.fetch(await scene.inbox(), [uid], header=False, body=False)
        (copy,) = await scene.store.fetch(done.mailbox_id, [1], header=False, body=False)
        assert (copy.arrived, copy.body_id, copy.size) == (first.arrived, first.body_id, first.size)
        assert copy.saved >= first.saved == first.arrived

    async def test_a_message_may_be_copied_where_it_is(self, scene: Scene) -> None:
        uid = await scene.deliver(BODY)
        done = await put(scene, "INBOX", uid)
        again = await put(scene, "INBOX", uid, done.first_uid)
        assert again.first_uid == uid + 2
        assert len((await snapshot(scene, "INBOX")).uids) == 4

    async def test_copies_count(self, scene: Scene) -> None:
        await create(scene, "a")
        await put(scene, "a", await scene.deliver(BODY))
        quota = await scene.store.quota(scene.account_id)
        assert (quota.used, quota.messages) == (2 * len(BODY), 2)

    async def test_there_is_no_room_for_copies(self, scene: Scene) -> None:
        await create(scene, "a")
        uid = await scene.deliver(BODY + b"x" * 1000)
        used = (await scene.store.quota(scene.account_id)).used
        scene.limit(2 * used - 1)
        assert await scene.store.copy(await scene.inbox(), [uid], "a") is NotPut.FULL
        assert not (await snapshot(scene, "a")).uids
        assert await put(scene, "a", uid, is_move=True)
        scene.limit(2 * used)
        assert isinstance(await scene.store.copy((await snapshot(scene, "a")).mailbox_id, [1], "INBOX"), Put)

    async def test_nothing_is_copied(self, scene: Scene) -> None:
        await create(scene, "a")
        before = await snapshot(scene, "a")
        done = await put(scene, "a", 7)
        assert list(done.copied) == []
        assert await snapshot(scene, "a") == before

    @pytest.mark.parametrize("is_move", [False, True])
    async def test_nowhere_to_copy_to_or_from(self, scene: Scene, is_move: bool) -> None:
        act = scene.store.move if is_move else scene.store.copy
        assert await act(await scene.inbox(), [await scene.deliver(BODY)], "none") is NotPut.MISSING
        assert await act(987_654_321, [1], "INBOX") is NotPut.GONE

    async def test_what_is_moved_leaves(self, scene: Scene) -> None:
        await create(scene, "a")
        first, second, third = [await scene.deliver(BODY) for _ in range(3)]
        before = await snapshot(scene, "INBOX")
        done = await put(scene, "a", first, third, is_move=True)
        assert list(done.copied) == [first, third]
        changes = await scene.store.changes(before.mailbox_id, before.modseq, before.uidnext)
        assert changes is not None
        assert (list(changes.expunged), changes.modseq) == ([first, third], done.source_modseq)
        assert list((await snapshot(scene, "INBOX")).uids) == [second]
        assert list((await snapshot(scene, "a")).uids) == [1, 2]
        quota = await scene.store.quota(scene.account_id)
        assert (quota.used, quota.messages) == (3 * len(BODY), 3)

    async def test_a_message_may_be_moved_where_it_is(self, scene: Scene) -> None:
        first, second = [await scene.deliver(BODY) for _ in range(2)]
        before = await snapshot(scene, "INBOX")
        done = await put(scene, "INBOX", first, is_move=True)
        assert done.first_uid == second + 1
        changes = await scene.store.changes(before.mailbox_id, before.modseq, before.uidnext)
        assert changes is not None
        assert (list(changes.expunged), [uid for uid, _ in changes.arrived]) == ([first], [second + 1])

    async def test_keywords_have_bits_above_the_flags(self, scene: Scene) -> None:
        uid, inbox = await scene.deliver(BODY), await scene.inbox()
        assert list(await scene.store.add_keywords(inbox, ["$Forwarded", "Junk", "junk"]) or ()) == [
            "$Forwarded",
            "Junk",
        ]
        assert list((await scene.store.add_flags(inbox, [uid], 1 << 6 | Flag.SEEN)).messages) == [
            (uid, 1 << 6 | Flag.SEEN)
        ]
        assert list((await scene.store.remove_flags(inbox, [uid], Flag.SEEN)).messages) == [(uid, 1 << 6)]
        assert list((await scene.store.replace_flags(inbox, [uid], 1 << 5)).messages) == [(uid, 1 << 5)]
        found = await snapshot(scene, "INBOX")
        assert (list(found.flags), list(found.keywords)) == ([1 << 5], ["$Forwarded", "Junk"])
        (message,) = await scene.store.fetch(inbox, [uid], header=False, body=False)
        assert message.flags == 1 << 5
        changes = await scene.store.changes(inbox, 0, uid + 1)
        assert changes is not None
        assert (list(changes.flagged), list(changes.keywords)) == ([(uid, 1 << 5)], ["$Forwarded", "Junk"])

    async def test_a_mailbox_knows_so_many_keywords(self, scene: Scene) -> None:
        inbox = await scene.inbox()
        known = await scene.store.add_keywords(inbox, [f"k{number}" for number in range(60)])
        assert known is not None
        assert list(known) == [f"k{number}" for number in range(58)]
        assert await scene.store.add_keywords(987_654_321, ["a"]) is None
        top = 1 << 62
        uid = await scene.deliver(BODY)
        assert list((await scene.store.add_flags(inbox, [uid], top)).messages) == [(uid, top)]

    async def test_keywords_go_along_by_their_names(self, scene: Scene) -> None:
        await create(scene, "a")
        there = (await snapshot(scene, "a")).mailbox_id
        await scene.store.add_keywords(there, ["other", "JUNK"])
        uid, inbox = await scene.deliver(BODY), await scene.inbox()
        await scene.store.add_keywords(inbox, ["one", "Junk", "unused"])
        await scene.store.add_flags(inbox, [uid], 1 << 5 | 1 << 6 | Flag.SEEN)
        await put(scene, "a", uid)
        found = await snapshot(scene, "a")
        assert list(found.keywords) == ["other", "JUNK", "one"]
        assert list(found.flags) == [1 << 6 | 1 << 7 | Flag.SEEN]

    async def test_status_counts_what_is_marked(self, scene: Scene) -> None:
        uid, _ = [await scene.deliver(BODY) for _ in range(2)]
        await scene.store.add_flags(await scene.inbox(), [uid], Flag.DELETED)
        status = await scene.store.status(scene.account_id, "INBOX")
        assert status is not None
        assert (status.deleted, status.deleted_size) == (1, len(BODY))
