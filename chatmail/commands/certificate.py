"""`chatmail certificate`: which certificate is in force, and how asking for one goes."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from chatmail import target
from chatmail.answer import Data, Json, answer
from chatmail.target import Target
from chatmail.trouble import Trouble

if TYPE_CHECKING:
    from shared.storage.operator_certificates import AskingLine, OperatorCertificates

app = typer.Typer(help="The certificate clients see.", invoke_without_command=True)

Source = Literal["files", "authority", "self-signed"]
EXPLAINED = {
    "unresolved": "the DNS has no address for the host name",
    "unfit name": "no authority gives certificates for such a name",
    "away": "the authority did not answer",
    "timeout": "the authority took too long",
    "interrupted": "the worker that asked was stopped in the middle",
    "bad certificate": "what came back was not what was asked for",
    "refused": "the authority said no",
    "unauthorized": "the authority found somebody else at this name, port 80",
    "connection": "the authority could not reach port 80",
    "dns": "the authority finds no address in the DNS",
    "dnssec": "the DNS answers are not signed as they should be",
    "caa": "a CAA record forbids this authority to issue",
    "rateLimited": "the authority was asked too often",
    "rejectedIdentifier": "the authority gives no certificates for this name or address",
    "unsupportedIdentifier": "the authority gives no certificates for addresses",
}


@dataclass(frozen=True, slots=True)
class InForce:
    """What clients see, and until when."""

    source: Source
    names: list[str]
    not_before: datetime
    not_after: datetime


@app.callback()
def certificate(context: typer.Context, data: Data = None, is_json: Json = False) -> None:
    """Show the certificate in force: whose it is, for which names, until when; and what went wrong with asking."""
    if context.invoked_subcommand:
        return
    suite = target.find(data)
    with suite.operator() as operator:
        found = _in_force(suite, operator.certificates)
        asking = operator.certificates.asking()
    value = {**asdict(found), "is_asking": bool(suite.settings.acme_email), "asking": asdict(asking)}
    answer(value, _shown(suite, found, asking), is_json=is_json)


@app.command()
def renew(data: Data = None, is_json: Json = False) -> None:
    """Ask the authority for a certificate now, due or not, and for every name again."""
    suite = target.find(data)
    if not suite.settings.acme_email:
        raise Trouble("no authority is asked: MADDY_ACME_EMAIL is not set")
    with suite.operator() as operator:
        operator.certificates.renew()
    answer(
        {"asked": True}, "A worker asks in a few seconds; `chatmail certificate` shows how it went.", is_json=is_json
    )


def _in_force(suite: Target, certificates: "OperatorCertificates") -> InForce:
    chain = suite.settings.tls_folder / "fullchain.pem"
    if chain.exists() and (suite.settings.tls_folder / "privkey.pem").exists():
        return _read("files", _bytes(chain))
    issued = certificates.issued()
    if issued:
        return InForce("authority", issued.names, issued.not_before, issued.not_after)
    return _read("self-signed", certificates.self_signed().encode())


def _bytes(chain: Path) -> bytes:
    try:
        return chain.read_bytes()
    except OSError as error:
        raise Trouble(f"cannot read {chain}: {error.strerror}") from None


def _read(source: Source, pem: bytes) -> InForce:
    from cryptography import x509

    try:
        leaf = x509.load_pem_x509_certificate(pem)
    except ValueError:
        raise Trouble("fullchain.pem is no certificate; services keep what they had") from None
    try:
        alternatives = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        alternatives = x509.SubjectAlternativeName([])
    names = [
        *alternatives.get_values_for_type(x509.DNSName),
        *map(str, alternatives.get_values_for_type(x509.IPAddress)),
    ]
    return InForce(source, names, leaf.not_valid_before_utc, leaf.not_valid_after_utc)


def _shown(suite: Target, found: InForce, asking: "AskingLine") -> str:
    whose = {"files": f"yours, in {suite.settings.tls_folder}", "authority": "from the authority"}
    days = (found.not_after - datetime.now(UTC)).days
    lines = [
        f"certificate  {whose.get(found.source, 'self-signed: only Delta Chat trusts it')}",
        f"names        {', '.join(found.names)}",
        f"until        {found.not_after:%Y-%m-%d %H:%M} UTC, {f'{days} days' if days >= 0 else 'OVER'}",
    ]
    if not suite.settings.acme_email:
        return "\n".join([*lines, "authority    none is asked: MADDY_ACME_EMAIL is not set"])
    return "\n".join([*lines, *_how_asking_goes(suite, asking)])


def _how_asking_goes(suite: Target, asking: "AskingLine") -> list[str]:
    lines = [f"authority    {suite.settings.acme_url}"]
    if asking.left_out:
        lines.append(f"left out     {', '.join(asking.left_out)}: the authority does not find this server there")
    if asking.problem == "under way" or (asking.is_wanted and not asking.next_try):
        return [*lines, "asking       now"]
    if asking.problem:
        about = f" ({', '.join(asking.problem_names)})" if asking.problem_names else ""
        explained = EXPLAINED.get(asking.problem)
        lines.append(f"problem      {asking.problem}{about}" + (f": {explained}" if explained else ""))
    if asking.next_try and asking.next_try > datetime.now(UTC):
        lines.append(f"next try     {asking.next_try.astimezone(UTC):%Y-%m-%d %H:%M} UTC")
    return lines
