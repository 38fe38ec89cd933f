"""Delta Chat on a suite with push: it talks as ever, and the device of whoever is written to is told."""

from tests.deltachat.core import Core, join
from tests.deltachat.links import invent
from tests.people import from_link
from tests.push_service import PushService, set_token
from tests.suite import Suite


def test_a_device_is_told_of_what_a_friend_writes(own_core: Core) -> None:
    with PushService() as service, Suite(settings={"MADDY_PUSH_URL": service.url}) as suite:
        link = invent(suite)
        alice, bob = own_core.log_in(invent(suite), "Alice"), own_core.log_in(link, "Bob")
        chat, _ = join(alice, bob)
        alice.settle()
        bob.settle()
        # The apps set the token by a call that is not among the core's remote ones; what it sends is known.
        set_token(from_link(suite, link), "openpgp:bob=")
        chat.send_text("are you asleep?")
        bob.receive("are you asleep?")
        suite.wait(lambda: bool(service.told), 30, "told")
        assert set(service.told) == {b"openpgp:bob="}
