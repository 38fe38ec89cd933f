"""`chatmail alias`: addresses that stand for an account, such as postmaster and abuse."""

from typing import Annotated

import typer

from chatmail import target
from chatmail.answer import Data, Json, answer, require, table
from chatmail.target import Target
from chatmail.trouble import Trouble
from shared.address import Address, AddressError, parse_login

app = typer.Typer(help="Let an address stand for an account.", no_args_is_help=True)

Alias = Annotated[str, typer.Argument(help="An address here, or its part before the @: at every domain served here.")]


@app.command()
def add(
    alias: Alias,
    account: Annotated[str, typer.Argument(help="The account that gets the mail.")],
    data: Data = None,
    is_json: Json = False,
) -> None:
    """Give the mail for an address to an account; what it stood for before is replaced."""
    suite = target.find(data)
    addresses = _addresses(alias, suite)
    owner = _address(account if "@" in account else f"{account}@{suite.settings.domain}")
    with suite.operator() as operator:
        added = operator.rules.add_aliases(addresses, owner)
    require(added != "no account", f"there is no account {owner}")
    require(added != "taken", f"{alias} is an account itself")
    names = [str(address) for address in addresses]
    answer({"addresses": names, "target": str(owner)}, f"{_listed(names)} now {owner}.", is_json=is_json)


@app.command("list")
def list_(data: Data = None, is_json: Json = False) -> None:
    """List all aliases; they go with their accounts."""
    with target.find(data).operator() as operator:
        table(operator.rules.list_aliases(), "There are no aliases.", is_json=is_json)


@app.command()
def remove(alias: Alias, data: Data = None, is_json: Json = False) -> None:
    """Let an address stand for nobody any more."""
    suite = target.find(data)
    addresses = _addresses(alias, suite)
    with suite.operator() as operator:
        require(operator.rules.remove_aliases(addresses), f"there is no alias {alias}")
    answer({"address": alias, "removed": True}, f"{alias} is no alias any more.", is_json=is_json)


def _addresses(alias: str, suite: Target) -> list[Address]:
    domains = sorted(suite.settings.domains)
    found = [_address(alias)] if "@" in alias else [_address(f"{alias}@{domain}") for domain in domains]
    for address in found:
        require(address.domain in domains, f"{address.domain} is not served here")
        # Mail for name+tag goes to name before an alias is looked up.
        require("+" not in address.local, f"{address} has a tag; leave it out, tags need no alias")
    return found


def _address(text: str) -> Address:
    try:
        return parse_login(text)
    except AddressError:
        raise Trouble(f"{text} is not an address") from None


def _listed(names: list[str]) -> str:
    return f"{names[0]} is" if len(names) == 1 else f"{', '.join(names)} are"
