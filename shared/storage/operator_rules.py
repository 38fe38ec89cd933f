"""What the operator decides about other servers and about addresses that stand for accounts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from shared.address import Address
from shared.storage.operator_connection import OperatorConnection

LIST_ALIASES = "SELECT address, target FROM chatmail.alias ORDER BY address"
LIST_FEDERATION = """
SELECT domain, may_pass, route_host, route_port, route_tls FROM chatmail.federation ORDER BY domain <> '*', domain
"""
LIST_TLS = """
SELECT domain, policy_type, result, sum(sessions)::bigint FROM chatmail.tls_result
GROUP BY domain, policy_type, result ORDER BY domain, policy_type, result
"""

Added = Literal["added", "no account", "taken"]


@dataclass(frozen=True, slots=True)
class AliasLine:
    """An address, and the account it stands for."""

    address: str
    target: str


@dataclass(frozen=True, slots=True)
class FederationLine:
    """What holds for another domain, or for `*`: all that are not named. No route: as DNS says."""

    domain: str
    may_pass: bool
    route_host: str | None
    route_port: int | None
    route_tls: str | None


@dataclass(frozen=True, slots=True)
class TlsLine:
    """How often TLS went so with a domain in the last week; policy types and results are RFC 8460's."""

    domain: str
    policy_type: str
    result: str
    sessions: int


class OperatorRules:
    """Aliases and the policy about other domains; raises Unavailable."""

    def __init__(self, connection: OperatorConnection) -> None:
        self._connection = connection

    def add_aliases(self, addresses: Sequence[Address], target: Address) -> Added:
        """Let all these addresses stand for an account, or none: 'taken' is one that is an account itself."""
        answer: Added = self._connection.call("operator_add_aliases", [*map(str, addresses)], str(target))
        return answer

    def list_aliases(self) -> list[AliasLine]:
        return [AliasLine(*row) for row in self._connection.rows(LIST_ALIASES)]

    def remove_aliases(self, addresses: Sequence[Address]) -> bool:
        """Remove those of these that there are; false if there were none."""
        return bool(self._connection.call("operator_remove_aliases", [*map(str, addresses)]))

    def list_federation(self) -> list[FederationLine]:
        return [FederationLine(*row) for row in self._connection.rows(LIST_FEDERATION)]

    def list_tls(self) -> list[TlsLine]:
        return [TlsLine(*row) for row in self._connection.rows(LIST_TLS)]

    def set_federation(self, domain: str, *, may_pass: bool) -> None:
        """Let mail pass to and from a domain, or not; its route stays."""
        self._connection.call("operator_set_federation", domain, may_pass)

    def set_route(self, domain: str, host: str, port: int | None, tls: str) -> None:
        """Send mail for a domain to this host instead of its MX, with 'verified', 'encrypted' or 'any' TLS at least."""
        self._connection.call("operator_set_route", domain, host, port, tls)

    def forget_federation(self, domain: str) -> bool:
        """Treat a domain like all others again; false if nothing was said about it."""
        return bool(self._connection.call("operator_forget_federation", domain))
