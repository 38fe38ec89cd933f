"""Who can be given mail."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.address import Address
from shared.storage.lane import WEIGHT_LIMIT, Connection, Lane
from shared.storage.operation import Light

FIND = """
SELECT q.ix, b.id, coalesce(a.quota, %b) > CASE WHEN b.has_others
    THEN (SELECT sum(x.bytes) FROM chatmail.mailbox x WHERE x.account_id = a.id) ELSE b.bytes END
FROM unnest(%b::text[]) WITH ORDINALITY q(address, ix)
LEFT JOIN chatmail.alias s ON s.address = q.address
JOIN chatmail.account a ON a.address = coalesce(s.target, q.address)
JOIN chatmail.mailbox b ON b.account_id = a.id AND b.name = 'INBOX'
WHERE NOT EXISTS (SELECT FROM chatmail.barred x WHERE x.address = a.address)
"""


MOST = 4096  # addresses in one statement, and what its last question asks beyond that


@dataclass(frozen=True, slots=True)
class Recipient:
    """A mailbox that takes mail for an address."""

    mailbox_id: int
    has_room: bool


class _Find(Light):
    """An item is all addresses of one question."""

    def __init__(self, quota: int) -> None:
        self._quota = quota

    def weight(self, item: Sequence[str], /) -> int:
        return len(item) * (WEIGHT_LIMIT // MOST)

    async def run(self, connection: Connection, items: Sequence[Sequence[str]]) -> list[list[Recipient | None]]:
        asked = [(item, place) for item, addresses in enumerate(items) for place in range(len(addresses))]
        every = [address for addresses in items for address in addresses]
        rows = await connection.execute(FIND, (self._quota, every), binary=True)
        found: list[list[Recipient | None]] = [[None] * len(addresses) for addresses in items]
        for index, mailbox_id, has_room in rows:
            item, place = asked[index - 1]
            found[item][place] = Recipient(mailbox_id, has_room)
        return found


class Recipients:
    """Looks addresses up, many callers at once."""

    def __init__(self, lane: Lane, quota: int) -> None:
        self._lane = lane
        self._find = _Find(quota)

    async def find(self, addresses: Sequence[Address]) -> list[Recipient | None]:
        """Return the mailbox of each address, or None where there is no such user; raise Unavailable.

        `ann+anything` is ann, and an alias is the account it stands for.
        """
        return await self._lane.submit(self._find, [str(_plain(address)) for address in addresses])


def _plain(address: Address) -> Address:
    name, plus, _ = address.local.partition("+")
    return Address(name, address.domain) if name and plus else address
