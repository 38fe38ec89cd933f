"""The operator's connection: a statement or a function at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from shared.storage.errors import Unavailable

Rows = list[tuple[Any, ...]]


class OperatorConnection:
    """Asks and answers; raises Unavailable where the database is away."""

    def __init__(self, url: str) -> None:
        try:
            self._connection = psycopg.connect(url, autocommit=True, connect_timeout=5)
        except psycopg.Error as error:
            raise Unavailable from error

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything asked in this block one transaction."""
        try:
            with self._connection.transaction():
                yield
        except psycopg.OperationalError as error:  # at its end, too
            raise Unavailable from error

    def call(self, function: str, *arguments: object) -> Any:
        """Return what a function of the schema answers, if that is one value."""
        places = ", ".join(["%s"] * len(arguments))
        return self.rows(f"SELECT chatmail.{function}({places})", *arguments)[0][0]

    def rows(self, statement: str, *arguments: object) -> Rows:
        """Return all rows of a statement."""
        try:
            return self._connection.execute(statement.encode(), arguments).fetchall()
        except psycopg.OperationalError as error:
            raise Unavailable from error
