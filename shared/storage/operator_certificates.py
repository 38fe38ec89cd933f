"""What the operator sees and says of the certificate an authority issues."""

from dataclasses import dataclass
from datetime import datetime

from shared.storage.operator_connection import OperatorConnection

ISSUED = "SELECT names, not_before, not_after, directory, issued FROM chatmail.acme_certificate WHERE not_after > now()"
ASKING = """
SELECT CASE WHEN leased_until > now() THEN 'under way' ELSE problem END, problem_names, problem_at,
    CASE WHEN leased_until > now() OR failures = 0 THEN NULL ELSE next_at END,
    is_wanted, CASE WHEN left_out_until > now() THEN left_out ELSE '{}' END
FROM chatmail.acme_state
"""
SELF_SIGNED = "SELECT certificate FROM chatmail.suite"


@dataclass(frozen=True, slots=True)
class IssuedLine:
    """An authority's certificate that is valid; `directory` is the authority's address."""

    names: list[str]
    not_before: datetime
    not_after: datetime
    directory: str
    issued: datetime


@dataclass(frozen=True, slots=True)
class AskingLine:
    """How asking goes: what was wrong last, in a word, with which names and when; when it is tried again.

    `left_out` are names that the authority could not find us at, and that are done without for now.
    """

    problem: str | None
    problem_names: list[str]
    problem_at: datetime | None
    next_try: datetime | None
    is_wanted: bool
    left_out: list[str]


class OperatorCertificates:
    """The operator's view; raises Unavailable."""

    def __init__(self, connection: OperatorConnection) -> None:
        self._connection = connection

    def issued(self) -> IssuedLine | None:
        rows = self._connection.rows(ISSUED)
        return IssuedLine(*rows[0]) if rows else None

    def asking(self) -> AskingLine:
        return AskingLine(*self._connection.rows(ASKING)[0])

    def self_signed(self) -> str:
        """Return the certificate that was made here (PEM)."""
        return str(self._connection.rows(SELF_SIGNED)[0][0])

    def renew(self) -> None:
        """Let a worker ask for a certificate now, due or not."""
        self._connection.call("operator_renew_certificate")
