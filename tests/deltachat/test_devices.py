"""One person with two devices."""

from pathlib import Path

from deltachat_rpc_client.const import MessageState

from tests.deltachat.core import Core, Profile, join
from tests.deltachat.links import invent
from tests.suite import Suite


def test_both_devices_of_a_person_have_everything(core: Core, suite: Suite, tmp_path: Path) -> None:
    alice, phone = (core.log_in(invent(suite), name, is_bot=True) for name in ("Alice", "Bob"))
    chat, _ = join(alice, phone)
    laptop = second_device(phone, tmp_path)
    chat.send_text("to your pocket and your desk")
    for device in (phone, laptop):
        device.receive("to your pocket and your desk")
    phone.chat_with(alice).send_text("from my pocket")
    own = laptop.receive("from my pocket")
    assert own.get_snapshot().state >= MessageState.OUT_DELIVERED
    alice.receive("from my pocket")
    laptop.chat_with(alice).send_text("from my desk")
    phone.receive("from my desk")
    alice.receive("from my desk")


def second_device(first: Profile, folder: Path) -> Profile:
    """Return a second device of a person, made from a backup."""
    first.account.set_config("bcc_self", "1")  # as the transfer between devices does
    first.account.stop_io()
    first.account.export_backup(folder)
    second = first.core.new()
    second.account.import_backup(next(folder.glob("*.tar")))
    for device in (first, second):
        device.go_online()
    return second
