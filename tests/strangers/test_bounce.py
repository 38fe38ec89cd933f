"""A Postfix that takes mail and thinks better of it: its report comes through our port 25 to whom it concerns."""

from pathlib import Path

from deltachat_rpc_client.const import MessageState

from tests.deltachat.core import Core
from tests.deltachat.links import invent
from tests.people import Person, encrypted_letter
from tests.strangers.program import until
from tests.strangers.world import HERE, RIGHT, Strangers

NOBODY = f"nobody@{RIGHT}"


def test_the_report_lands_in_the_senders_mailbox(strangers: Strangers, ann: Person) -> None:
    name = f"in-vain@{HERE}"
    ann.send(NOBODY, letter=encrypted_letter(ann.address, message_id=name))
    strangers.postfix.wait_for_log(rf"to=<{NOBODY}>.*status=bounced \(unknown user")
    until(lambda: reports(ann, name), "told of it")
    (report,) = reports(ann, name)
    assert f"<MAILER-DAEMON@{RIGHT}>".encode() in report
    assert f"Final-Recipient: rfc822; {NOBODY}".encode() in report
    assert b"Status: 5.1.1" in report


def test_delta_chat_shows_the_message_as_failed(strangers: Strangers, tmp_path: Path) -> None:
    with Core(tmp_path) as core:
        alice, bob = core.log_in(invent(strangers.here), "Alice"), core.log_in(moved(invent(strangers.here)), "Bob")
        message = alice.chat_with(bob).send_text("Are you still there?")
        alice.wait_for_state(message, MessageState.OUT_FAILED)
        assert f'unknown user: "{NOBODY}"' in message.get_info()  # the words of Postfix


def moved(link: str) -> str:
    """Return a link to the same mailbox for somebody who tells everyone that their address is nobody's."""
    address, _, rest = link.removeprefix("dclogin:").partition("?")
    return f"dclogin:{NOBODY}?{rest}&iu={address}&su={address}"


def reports(person: Person, about: str) -> list[bytes]:
    letters = person.inbox()
    return [letter for letter in letters if b"report-type=delivery-status" in letter and about.encode() in letter]
