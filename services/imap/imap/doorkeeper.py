"""The suite's login, as IMAP knows it."""

from imap.store import Account, Refused, TooOften
from shared import abuse, login
from shared.listen.ticket import NOBODY, Ip
from shared.login import Login


class Doorkeeper:
    """Fulfils `imap.store.Doorkeeper` for one connection; `source` is a keyed hash of `peer`, where it comes from."""

    __slots__ = ("_login", "_peer", "_source")

    def __init__(self, login: Login, source: str, peer: Ip = NOBODY) -> None:
        self._login = login
        self._source = source
        self._peer = peer

    async def login(self, name: str, password: str) -> Account:
        """See `imap.store.Doorkeeper`."""
        try:
            found = await self._login.authenticate(name, password, self._source)
        except (login.BadCredentials, login.TooOften) as error:
            abuse.tell(error.word, self._peer)
            raise (Refused if isinstance(error, login.BadCredentials) else TooOften) from None
        return Account(found.account_id, str(found.address), found.mailbox_id)
