"""Ways to an address, and ways to none."""

import pytest
from deltachat_rpc_client.rpc import JsonRpcError

from tests.deltachat.core import Core
from tests.deltachat.links import ask, invent
from tests.suite import Suite


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_page_gives_an_address(core: Core, suite: Suite, scheme: str) -> None:
    given = ask(suite, scheme)
    profile = core.log_in(given.dclogin_url)
    assert profile.address == given.email
    assert profile.account.is_configured()


@pytest.mark.parametrize("is_starttls", [False, True], ids=["tls", "starttls"])
def test_an_invented_address_is_born_at_first_login(core: Core, suite: Suite, is_starttls: bool) -> None:
    link = invent(suite, is_starttls=is_starttls)
    assert core.log_in(link).address in link
    assert core.log_in(link).address in link, "nor was it born for one login only"


def test_a_wrong_password_is_refused_as_such(own_core: Core, suite: Suite) -> None:
    link = invent(suite)
    own_core.log_in(link)
    stranger = own_core.new()
    with pytest.raises(JsonRpcError, match=r"(?i)authentication|password"):
        stranger.account.add_transport_from_qr(link.replace("?p=", "?p=not-"))
    assert not stranger.account.is_configured()
    own_core.wait_for_complaint("authentication")


def test_the_core_knows_that_nothing_may_be_sent_in_clear(own_core: Core, suite: Suite) -> None:
    # It learns this from XCHATMAIL, and refuses by itself what the gate would.
    profile = own_core.log_in(invent(suite))
    chat = profile.account.create_contact(f"nobody-knows-my-key@{suite.domain}").create_chat()
    with pytest.raises(JsonRpcError, match="encryption unavailable"):
        chat.send_text("in clear")
    own_core.wait_for_complaint("requires end-to-end encryption")
