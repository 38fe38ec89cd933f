"""`chatmail accounts`: make, look at, change and remove accounts.

Names that speak for the server (postmaster, abuse, …) are made only here.
"""

import os
import sys
from typing import Annotated

import typer

from chatmail import target
from chatmail.answer import Data, Json, answer, require, table
from chatmail.target import Target
from chatmail.trouble import Trouble
from shared.address import Address, AddressError, parse_login
from shared.policy.accounts import Judgement, judge_name, judge_password, mint

app = typer.Typer(help="Make, list, change and remove accounts.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The address, or its part before the @.")]
FromInput = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]
Asked = Annotated[bool, typer.Option("--ask", help="Ask for the password.")]
Sure = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether this is meant.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="The address, or its part before the @; made up if left out.")] = "",
    from_input: FromInput = False,
    asked: Asked = False,
    data: Data = None,
    is_json: Json = False,
) -> None:
    """Make an account; its password is made up unless it is given."""
    suite = target.find(data)
    address = _address(name or mint(os.urandom, suite.rules).local, suite)
    _require_accepted(judge_name(address, suite.rules, may_be_reserved=True))
    password = _password(suite, from_input=from_input, asked=asked)
    with suite.operator() as operator:
        is_made = operator.create_account(address, target.hashed(password))
    require(is_made, f"{address} exists or is banned")
    is_ours = not (from_input or asked)
    result = {"address": str(address), "password": password} if is_ours else {"address": str(address)}
    answer(result, "\n".join(result.values()), is_json=is_json)


@app.command("list")
def list_(
    is_barred: Annotated[bool, typer.Option("--barred", help="Those that were deleted or banned instead.")] = False,
    data: Data = None,
    is_json: Json = False,
) -> None:
    """List all accounts, or all addresses that are kept out."""
    with target.find(data).operator() as operator:
        if is_barred:
            table(operator.list_barred(), "No address is kept out.", is_json=is_json)
        else:
            table(operator.list_accounts(), "There are no accounts.", is_json=is_json)


@app.command()
def show(name: Name, data: Data = None, is_json: Json = False) -> None:
    """Show one account: its age, its size, its last login."""
    suite = target.find(data)
    address = _address(name, suite)
    with suite.operator() as operator:
        line = operator.show_account(address)
    if line is None:
        raise Trouble(f"there is no account {address}")
    if is_json:
        answer(line, "", is_json=True)
    else:
        table([line], "", is_json=False)


@app.command()
def password(
    name: Name, from_input: FromInput = False, asked: Asked = False, data: Data = None, is_json: Json = False
) -> None:
    """Give an account another password; it is made up unless it is given."""
    suite = target.find(data)
    address = _address(name, suite)
    word = _password(suite, from_input=from_input, asked=asked)
    with suite.operator() as operator:
        require(operator.set_password(address, target.hashed(word)), f"there is no account {address}")
    result = {"address": str(address)} if from_input or asked else {"address": str(address), "password": word}
    answer(result, result.get("password", f"{address} has another password."), is_json=is_json)


@app.command()
def delete(name: Name, is_sure: Sure = False, data: Data = None, is_json: Json = False) -> None:
    """Remove an account with its mail; a login does not bring it back."""
    suite = target.find(data)
    address = _address(name, suite)
    if not is_sure and sys.stdin.isatty():
        typer.confirm(f"Remove {address} and all its mail?", abort=True)
    with suite.operator() as operator:
        require(operator.delete_account(address), f"there is no account {address}")
    answer({"address": str(address), "deleted": True}, f"{address} is deleted.", is_json=is_json)


@app.command()
def ban(name: Name, data: Data = None, is_json: Json = False) -> None:
    """Shut an address out, whether it has an account or not: no login, no mail, no birth."""
    suite = target.find(data)
    address = _address(name, suite)
    with suite.operator() as operator:
        operator.ban(address)
    answer({"address": str(address), "banned": True}, f"{address} is banned.", is_json=is_json)


@app.command()
def unban(name: Name, data: Data = None, is_json: Json = False) -> None:
    """Let a banned or deleted address back in."""
    suite = target.find(data)
    address = _address(name, suite)
    with suite.operator() as operator:
        require(operator.unban(address), f"{address} was neither banned nor deleted")
    answer({"address": str(address), "banned": False}, f"{address} may come back.", is_json=is_json)


def _address(name: str, suite: Target) -> Address:
    try:
        return parse_login(name if "@" in name else f"{name}@{suite.settings.domain}")
    except AddressError:
        raise Trouble(f"{name} is not an address") from None


def _password(suite: Target, *, from_input: bool, asked: bool) -> str:
    if from_input:
        word = sys.stdin.readline().rstrip("\r\n")
    elif asked:
        word = str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    else:
        return mint(os.urandom, suite.rules).password
    _require_accepted(judge_password(word, suite.rules))
    return word


def _require_accepted(judgement: Judgement) -> None:
    require(judgement is Judgement.ACCEPTED, str(judgement))
