"""Puts the rooms of an inbound door together: port 25 and `/mxdeliv` are furnished alike."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from shared.delivery import Delivery
from shared.dns.resolver import Resolver
from shared.inbound.desk import Desk, Disk
from shared.inbound.origin import Origins
from shared.inbound.reception import Reception
from shared.intake import Intake
from shared.listen.pace import SourcePace, a_second
from shared.queue.bell import Bell
from shared.queue.jobs import Jobs
from shared.storage.database import Database
from shared.storage.deliveries import Deliveries
from shared.storage.federation import Federation
from shared.storage.recipients import Recipients


@dataclass(frozen=True, slots=True)
class Choices:
    """What the operator chose: `quota` in octets, `per_second` messages of one source, `dns` servers."""

    hostname: str
    domains: frozenset[str]
    quota: int
    per_second: int
    dns: Sequence[str] = ()
    plain_for: Collection[str] = ()
    unsigned_from: Collection[str] = ()


def furnish(choices: Choices, database: Database, database_url: str, redis_url: str, disk: Disk) -> Reception:
    """Return the reception over a database open in the role of smtp-in."""
    deliveries = Deliveries(database.durable, database_url, choices.quota)
    unsigned_from = frozenset(choices.unsigned_from)
    desk = Desk(
        recipients=Recipients(database.read, choices.quota),
        federation=Federation(database.read),
        origins=Origins(Resolver(choices.dns), choices.domains, unsigned_from),
        intake=Intake(Delivery(deliveries, Bell(redis_url), Jobs(redis_url))),
        database=database,
        disk=disk,
        hostname=choices.hostname,
        domains=choices.domains,
        pace=SourcePace(a_second(choices.per_second)),
        plain_for=frozenset(choices.plain_for),
        unsigned_from=unsigned_from,
    )
    return Reception(desk)
