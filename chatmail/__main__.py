"""The operator's command: `chatmail up` starts everything, the others look after what runs."""

import json
import sys

import typer

from chatmail.commands import accounts, aliases, certificate, federation, queue, registration, tokens
from chatmail.commands.backup import backup, restore
from chatmail.commands.dns import dns
from chatmail.commands.status import status
from chatmail.commands.up import up
from chatmail.trouble import Trouble
from shared.storage.errors import Unavailable

app = typer.Typer(
    help="A chatmail server: start it, and look after it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(up)
app.add_typer(accounts.app, name="accounts")
app.add_typer(registration.app, name="registration")
app.add_typer(tokens.app, name="tokens")
app.add_typer(aliases.app, name="alias")
app.add_typer(federation.app, name="federation")
app.add_typer(queue.app, name="queue")
app.add_typer(certificate.app, name="certificate")
app.command()(status)
app.command()(dns)
app.command()(backup)
app.command()(restore)


def main() -> None:
    """Run the command of this process's arguments; ends with status 1 and a sentence when it cannot be done."""
    try:
        app(prog_name="chatmail")
    except Trouble as trouble:
        _fail(str(trouble))
    except Unavailable:
        _fail("the database stopped answering; nothing may have been done")


def _fail(sentence: str) -> None:
    if "--json" in sys.argv:
        print(json.dumps({"error": sentence}))
    print(f"chatmail: {sentence}", file=sys.stderr)
    raise SystemExit(1)


if __name__ == "__main__":
    main()
