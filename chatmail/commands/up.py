"""`chatmail up`: the flags, each the setting of the same name (design §6)."""

from pathlib import Path
from typing import Annotated

import typer

from chatmail import up as running
from chatmail.answer import Json

Port = Annotated[int | None, typer.Option(min=0, max=65535, help="0 takes a free one.", show_default=False)]
Text = Annotated[str | None, typer.Option(show_default=False)]


def up(
    data: Annotated[Path | None, typer.Option(help="Where all state lives.", show_default="./data")] = None,
    listen: Annotated[str | None, typer.Option(help="The address to bind.", show_default="all, or 127.0.0.1")] = None,
    domain: Annotated[str | None, typer.Option(help="The mail domain, or an IP.", show_default="[127.0.0.1]")] = None,
    hostname: Annotated[str | None, typer.Option(help="The server's name.", show_default="the domain")] = None,
    port_smtp: Port = None,
    port_submission: Port = None,
    port_submissions: Port = None,
    port_imap: Port = None,
    port_imaps: Port = None,
    port_http: Port = None,
    port_https: Port = None,
    ready_file: Annotated[Path | None, typer.Option(help="Written as JSON when all is ready.")] = None,
    is_json: Json = False,
) -> None:
    """Start everything here, and stop it on Ctrl-C; the ports are the standard ones, or those plus 10000."""
    flags = {
        "MADDY_DATA": data,
        "MADDY_LISTEN": listen,
        "MADDY_DOMAIN": domain,
        "MADDY_HOSTNAME": hostname,
        "MADDY_PORT_SMTP": port_smtp,
        "MADDY_PORT_SUBMISSION": port_submission,
        "MADDY_PORT_SUBMISSIONS": port_submissions,
        "MADDY_PORT_IMAP": port_imap,
        "MADDY_PORT_IMAPS": port_imaps,
        "MADDY_PORT_HTTP": port_http,
        "MADDY_PORT_HTTPS": port_https,
    }
    given = {name: str(value) for name, value in flags.items() if value is not None}
    raise typer.Exit(running.up(given, ready_file, is_json=is_json))
