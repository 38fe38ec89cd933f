"""Real Delta Chat cores: one `deltachat-rpc-server` process, and the profiles in it.

Strategy: a test waits for a state, not for an event. `Profile.until` asks for the state, and asks again after whatever
the core reports next; so nothing is missed that happened before the waiting began, nothing is polled, and every wait
has an end that says what it waited for. What a core complains about on the way is kept, since the core is the judge.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from queue import Empty
from types import TracebackType
from typing import Any, Self, TypeVar

from deltachat_rpc_client import Account, Chat, DeltaChat, Message, Rpc
from deltachat_rpc_client.const import Connectivity, DownloadState

PATIENCE = 60.0  # seconds; nothing here takes more than a few, even on a busy machine
PROGRAMS = Path(sys.executable).parent  # where deltachat-rpc-server and cmping are installed
DONE = 1000  # the core's last step of every progress
JOINS = ("SecurejoinInviterProgress", "SecurejoinJoinerProgress")

Found = TypeVar("Found")


class Profile:
    """One profile of a core: a person on one device."""

    def __init__(self, core: "Core", account: Account) -> None:
        self.core = core
        self.account = account
        self.complaints: list[str] = []
        self.errors: list[str] = []  # those of the complaints that a user is shown
        self.joins: set[str] = set()  # the sides of a handshake on which it has ended well

    @property
    def address(self) -> str:
        """The profile's mail address."""
        return str(self.account.get_config("configured_addr"))

    def until(self, find: Callable[[], Found], what: str, seconds: float = PATIENCE) -> Found:
        """Return what `find` returns as soon as it is something, looking again after every report of the core."""
        deadline = time.monotonic() + seconds
        while not (found := find()):
            self._wait_for_report(deadline, what)
        return found

    def go_online(self) -> None:
        """Start to send and receive, and return when the profile waits for mail."""
        self.account.start_io()
        self.until(self._is_online, "online")

    def settle(self) -> None:
        """Return when there is nothing left to fetch or to send and the profile only waits for what the server says."""
        self.core.rpc.wait_for_all_work_done(self.account.id)

    def connect(self) -> None:
        """Return when the profile is connected: a core that has lost some connections lately waits for another."""
        self.until(self._is_online, "online", 2 * PATIENCE)

    def chat_with(self, other: "Profile") -> Chat:
        """Return the chat with someone whose key came by another way than the server."""
        return self.account.create_chat(other.account)

    def find(self, text: str) -> Message | None:
        """Return the message with this text, if it has come."""
        numbers = self.core.rpc.search_messages(self.account.id, text, None)
        return Message(self.account, numbers[0]) if numbers else None

    def receive(self, text: str, seconds: float = PATIENCE) -> Message:
        """Wait for the one message with this text in it."""
        message = self.until(lambda: self.find(text), f"told: {text}", seconds)
        assert message
        return message

    def receive_file(self, text: str) -> bytes:
        """Wait for the file of the message with this text, and return its bytes."""
        message = self.receive(text)
        self.until(lambda: message.get_snapshot().download_state == DownloadState.DONE, f"given the file: {text}")
        return Path(message.get_snapshot().file).read_bytes()

    def wait_for_state(self, message: Message, state: int) -> None:
        """Wait until a message of ours is as far as this: delivered, or read."""
        self.until(lambda: message.get_snapshot().state == state, f"told that its message reached state {state}")

    def hear(self) -> None:
        """Take note of everything the core has reported so far."""
        reports = self.core.rpc.get_queue(self.account.id)
        while not reports.empty():
            self._note(reports.get())

    def _is_online(self) -> bool:
        return int(self.core.rpc.get_connectivity(self.account.id)) >= Connectivity.CONNECTED

    def _wait_for_report(self, deadline: float, what: str) -> None:
        """Wait until the core reports something that may be a change."""
        reports = self.core.rpc.get_queue(self.account.id)
        kind = "Info"
        while kind == "Info":  # the core thinking aloud
            try:
                kind = self._note(reports.get(timeout=max(0.0, deadline - time.monotonic())))
            except Empty:
                complaints = "\n".join(self.core.take_complaints())
                raise AssertionError(f"{self.address} is not {what}\n{complaints}") from None

    def _note(self, report: dict[str, Any]) -> str:
        kind = str(report["kind"])
        if kind in ("Warning", "Error"):
            self.complaints.append(f"{self.address}: {report['msg']}")
        if kind == "Error":
            self.errors.append(report["msg"])
        if kind in JOINS and report["progress"] == DONE:
            self.joins.add(kind)
        return kind


class Core:
    """One deltachat-rpc-server; `folder` holds its profiles and its log."""

    def __init__(self, folder: Path) -> None:
        self._log = (folder / "core.log").open("wb")
        program = str(PROGRAMS / "deltachat-rpc-server")
        self.rpc = Rpc(str(folder / "accounts"), rpc_server_path=program, stderr=self._log)
        self._profiles: list[Profile] = []

    def __enter__(self) -> Self:
        self.rpc.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.rpc.close()
        process: subprocess.Popen[bytes] = self.rpc.process
        process.wait(PATIENCE)
        assert process.stdout
        process.stdout.close()
        self._log.close()

    def new(self, name: str = "", *, is_bot: bool = False) -> Profile:
        """Return a profile that has no address yet.

        A bot takes every chat, sends no read receipts, and may send more than a message a second.
        """
        profile = Profile(self, DeltaChat(self.rpc).add_account())
        profile.account.update_config(displayname=name, bot="1" if is_bot else "0")
        self._profiles.append(profile)
        return profile

    def log_in(self, link: str, name: str = "", *, is_bot: bool = False) -> Profile:
        """Return a profile that has logged in by a link and is online."""
        profile = self.new(name, is_bot=is_bot)
        profile.account.add_transport_from_qr(link)
        profile.go_online()
        return profile

    def hurry(self) -> None:
        """Tell all profiles that there is a network again, as a phone does, so that they try at once."""
        self.rpc.maybe_network()

    def take_complaints(self) -> list[str]:
        """Return the warnings and errors of all profiles since the last time."""
        taken: list[str] = []
        for profile in self._profiles:
            profile.hear()
            taken += profile.complaints
            profile.complaints.clear()
        return taken

    def wait_for_complaint(self, words: str) -> None:
        """Return when a profile has complained in these words: complaints come apart from answers, and may be late."""
        heard: list[str] = []
        deadline = time.monotonic() + PATIENCE
        while not any(words in complaint.lower() for complaint in heard):
            assert time.monotonic() < deadline, f"no complaint of {words}: {heard}"
            heard += self.take_complaints()
            time.sleep(0.02)


def join(inviter: Profile, joiner: Profile) -> tuple[Chat, Chat]:
    """Let one scan the other's code; return their chats when each is sure of the other's key.

    Both have done nothing of the kind before.
    """
    chat = joiner.account.secure_join(inviter.account.get_qr_code())
    for profile, kind in zip((inviter, joiner), JOINS, strict=True):
        profile.until(partial(profile.joins.__contains__, kind), "sure of the other's key")
    return inviter.chat_with(joiner), chat
