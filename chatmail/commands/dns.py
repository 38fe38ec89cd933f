"""`chatmail dns`: the zone to publish, and whether the world sees it."""

import asyncio
from dataclasses import asdict
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Annotated

import typer

from chatmail import published, target, zone
from chatmail.answer import Data, Json, answer
from chatmail.published import Finding
from chatmail.target import Target
from chatmail.trouble import Trouble
from chatmail.zone import Record
from shared.dns.answer import LookupFailed
from shared.settings import Settings

if TYPE_CHECKING:
    from shared.dns.resolver import Resolver

Check = Annotated[bool, typer.Option("--check", help="Compare with what the world sees; status 1 if mail suffers.")]


def dns(is_check: Check = False, data: Data = None, is_json: Json = False) -> None:
    """Print the DNS records to publish, in the form of zone files, or check them."""
    suite = target.find(data)
    settings = suite.settings
    if not _names(settings):
        answer([], f"{settings.domain} is an address: it needs no DNS.", is_json=is_json)
        return
    _require_name(settings)
    records, findings = asyncio.run(_ask(suite, is_check=is_check))
    if not is_check:
        answer([asdict(record) for record in records], zone.bind(records), is_json=is_json)
        return
    answer([asdict(finding) for finding in findings], _report(findings), is_json=is_json)
    raise typer.Exit(int(any(finding.is_bad for finding in findings)))


async def _ask(suite: Target, *, is_check: bool) -> tuple[list[Record], list[Finding]]:
    from shared.dns.resolver import Resolver  # here, for `chatmail up` can do without

    settings = suite.settings
    try:
        resolver = Resolver(settings.dns)
    except ValueError as error:
        raise Trouble(f"MADDY_DNS: {error}") from None
    addresses = await _addresses(settings, resolver)
    with suite.operator() as operator:
        keys = operator.dkim_records()
    ports = {
        "submission": settings.port_submission,
        "submissions": settings.port_submissions,
        "imap": settings.port_imap,
        "imaps": settings.port_imaps,
    }
    hostname = settings.hostname.lower().removesuffix(".")
    records = zone.wanted(hostname, _names(settings), addresses, keys, ports)
    return records, await published.compare(records, resolver) if is_check else []


async def _addresses(settings: Settings, resolver: "Resolver") -> zone.Addresses:
    """Return the public addresses we listen on, or those the DNS gives our host."""
    listening = [ip for ip in map(_ip, settings.listen) if ip and ip.is_global]
    try:
        return listening or await resolver.addresses(settings.hostname)
    except LookupFailed:
        return []


def _names(settings: Settings) -> list[str]:
    """Return the domains that are names, the first one first."""
    domains = [settings.domain, *sorted(settings.domains - {settings.domain})]
    return [domain for domain in domains if not domain.startswith("[")]


def _require_name(settings: Settings) -> None:
    if _ip(settings.hostname.strip("[]")):
        raise Trouble("a domain needs a host with a name: set MADDY_HOSTNAME to one")


def _ip(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _report(findings: list[Finding]) -> str:
    lines = []
    for finding in findings:
        lines.append(f"{finding.state:11}  {finding.need:11}  {finding.kind:5}  {finding.name}")
        if finding.state in ("missing", "differs"):
            lines.append(f"{'':13}publish: {finding.value or 'the public address of this server'}")
            lines += [f"{'':13}found:   {found}" for found in finding.found]
    return "\n".join([*lines, "", _summary(findings)])


def _summary(findings: list[Finding]) -> str:
    bad = sum(finding.is_bad for finding in findings)
    wanting = sum(finding.state != "ok" for finding in findings) - bad
    if bad:
        return f"{bad} required and {wanting} recommended records are not as they should be: mail suffers."
    if wanting:
        return f"All that is required is there; {wanting} recommended records are not as they should be."
    return "All is as it should be."
