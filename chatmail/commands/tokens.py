"""`chatmail tokens`: invitations for a suite whose registration needs one."""

import secrets
from typing import Annotated

import typer

from chatmail import target
from chatmail.answer import Data, Json, answer, require, table

app = typer.Typer(help="Make, list and remove registration tokens.", no_args_is_help=True)

TOKEN_SIZE = 12  # octets: 96 bits, 16 letters


@app.command()
def create(
    uses: Annotated[int, typer.Option(min=1, help="How many accounts it makes.")] = 1,
    days: Annotated[int | None, typer.Option(min=1, help="How long it is good; for ever if left out.")] = None,
    note: Annotated[str, typer.Option(help="What it is for; only the operator sees it.")] = "",
    data: Data = None,
    is_json: Json = False,
) -> None:
    """Make a token and print it."""
    token = made()
    with target.find(data).operator() as operator:
        operator.create_token(token, uses, days, note)
    answer({"token": token, "uses": uses, "days": days, "note": note}, token, is_json=is_json)


@app.command("list")
def list_(data: Data = None, is_json: Json = False) -> None:
    """List all tokens."""
    with target.find(data).operator() as operator:
        table(operator.list_tokens(), "There are no tokens.", is_json=is_json)


@app.command()
def delete(token: str, data: Data = None, is_json: Json = False) -> None:
    """Remove a token; the accounts it made stay."""
    with target.find(data).operator() as operator:
        require(operator.delete_token(token), "there is no such token")
    answer({"token": token, "deleted": True}, "The token is deleted.", is_json=is_json)


def made() -> str:
    """Return a new token that can be an argument: one that began with a dash would be taken for a flag."""
    while (token := secrets.token_urlsafe(TOKEN_SIZE)).startswith("-"):
        pass
    return token
