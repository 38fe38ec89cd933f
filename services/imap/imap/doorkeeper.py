"""The suite's login, as IMAP knows it."""

from imap.store import Account, Refused, TooOften
from shared import login
from shared.login import Login


class Doorkeeper:
    """Fulfils `imap.store.Doorkeeper` for one connection; `source` is a keyed hash of where it comes from."""

    __slots__ = ("_login", "_source")

    def __init__(self, login: Login, source: str) -> None:
        self._login = login
        self._source = source

    async def login(self, name: str, password: str) -> Account:
        """See `imap.store.Doorkeeper`."""
        try:
            found = await self._login.authenticate(name, password, self._source)
        except login.BadCredentials:
            raise Refused from None
        except login.TooOften:
            raise TooOften from None
        return Account(found.account_id, str(found.address))
