"""`chatmail federation`: with whom mail is exchanged, and which way it goes."""

from ipaddress import ip_address
from typing import Annotated, Literal

import typer

from chatmail import target
from chatmail.answer import Data, Json, answer, require, table
from chatmail.target import Target
from chatmail.trouble import Trouble
from shared.address import AddressError, parse_domain, parse_own_domain

app = typer.Typer(help="Say with which servers mail is exchanged, and how it gets there.", no_args_is_help=True)

EVERYBODY = "*"
Domain = Annotated[str, typer.Argument(help="A mail domain; * stands for all that are not named.")]


@app.command("list")
def list_(data: Data = None, is_json: Json = False) -> None:
    """List the domains something was said about."""
    with target.find(data).operator() as operator:
        table(operator.rules.list_federation(), "Mail passes to and from every domain.", is_json=is_json)


@app.command()
def tls(data: Data = None, is_json: Json = False) -> None:
    """Show how TLS went with other servers in the last week, in the words of RFC 8460."""
    with target.find(data).operator() as operator:
        table(operator.rules.list_tls(), "No mail has left over SMTP lately.", is_json=is_json)


@app.command()
def allow(domain: Domain, data: Data = None, is_json: Json = False) -> None:
    """Let mail pass to and from a domain."""
    _set(domain, data, may_pass=True, is_json=is_json)


@app.command()
def refuse(domain: Domain, data: Data = None, is_json: Json = False) -> None:
    """Let no mail pass to or from a domain."""
    _set(domain, data, may_pass=False, is_json=is_json)


@app.command()
def route(
    domain: Annotated[str, typer.Argument(help="A mail domain.")],
    host: Annotated[str, typer.Option(help="The name or IP address to send to, whatever DNS says.")],
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Its port.", show_default="as usual")] = None,
    tls: Annotated[
        Literal["verified", "encrypted", "any"], typer.Option(help="What the connection must be at least.")
    ] = "verified",
    data: Data = None,
    is_json: Json = False,
) -> None:
    """Send mail for a domain to a host of your choice; a domain first named here is allowed."""
    suite = target.find(data)
    named, at = _domain(domain, suite), _host(host)
    require(named != EVERYBODY, "a route is for one domain; name it")
    with suite.operator() as operator:
        operator.rules.set_route(named, at, port, tls)
    route = {"domain": named, "route_host": at, "route_port": port, "route_tls": tls}
    answer(route, f"Mail for {named} goes to {at}.", is_json=is_json)


@app.command()
def forget(domain: Domain, data: Data = None, is_json: Json = False) -> None:
    """Take back all that was said about a domain, its route too."""
    suite = target.find(data)
    named = _domain(domain, suite)
    with suite.operator() as operator:
        require(operator.rules.forget_federation(named), f"nothing was said about {named}")
    answer({"domain": named, "forgotten": True}, f"What was said about {named} is forgotten.", is_json=is_json)


def _set(domain: str, data: Data, *, may_pass: bool, is_json: bool) -> None:
    suite = target.find(data)
    named = _domain(domain, suite)
    with suite.operator() as operator:
        operator.rules.set_federation(named, may_pass=may_pass)
    sentence = f"{_called(named)} {'allowed' if may_pass else 'refused'}."
    answer({"domain": named, "may_pass": may_pass}, sentence, is_json=is_json)


def _called(domain: str) -> str:
    return "Every domain that is not named is" if domain == EVERYBODY else f"{domain} is"


def _domain(text: str, suite: Target) -> str:
    if text == EVERYBODY:
        return text
    try:
        domain = parse_own_domain(text)
    except AddressError:
        raise Trouble(f"{text} is not a domain") from None
    require(domain not in suite.settings.domains, f"{domain} is served here")
    return domain


def _host(text: str) -> str:
    """Read a host as the worker dials it: a bare IP address, or a name in lower case."""
    try:
        return str(ip_address(text.strip("[]")))
    except ValueError:
        pass
    try:
        return parse_domain(text)
    except AddressError:
        raise Trouble(f"{text} is neither a host's name nor an IP address") from None
