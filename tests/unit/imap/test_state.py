from imap.commands import COMMANDS
from imap.state import QUIET, WELCOME, State


def test_every_command_is_welcome_somewhere_and_every_welcome_one_exists() -> None:
    assert COMMANDS.keys() == WELCOME.keys()
    assert COMMANDS.keys() > QUIET


def test_nothing_is_welcome_while_idling_authenticating_or_after_the_end() -> None:
    spoken = set().union(*WELCOME.values())
    assert spoken == {State.STRANGER, State.AUTHENTICATED, State.SELECTED}


def test_strangers_may_do_little() -> None:
    allowed = {name for name, states in WELCOME.items() if State.STRANGER in states}
    assert allowed == {b"CAPABILITY", b"ID", b"LOGOUT", b"NOOP", b"AUTHENTICATE", b"LOGIN", b"STARTTLS"}
