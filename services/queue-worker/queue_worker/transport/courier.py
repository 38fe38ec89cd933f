"""Brings letters to one destination, over no more connections than agreed.

Strategy: a letter takes a connection that is open if there is one, else the hosts are asked in their order: over
HTTPS where that is known to be a door, else over SMTP. What fails before anybody was judged (Stopped) leads to the
next host; what was judged, or may have arrived, ends the attempt. HTTPS is not used where DANE pins the server (its
records are about port 25) nor where a route names a port.
"""

import asyncio
import time

from queue_worker.transport import hosts, mxdeliv, security, sts, ways, wire
from queue_worker.transport.connections import Connections, Kept
from queue_worker.transport.hosts import Found, Host
from queue_worker.transport.mxdeliv import Door
from queue_worker.transport.security import Demand
from queue_worker.transport.values import Letter, NoSockets, Outcome, Result, Route, Stopped, try_later
from queue_worker.transport.world import World
from shared import log
from shared.dns.answer import NoSocket
from shared.mail.trouble import Unavailable
from shared.policy.mta_sts import Policy

MAX_SESSIONS = 2  # of one attempt: a destination that drops two is left in peace

OUR_TROUBLE = try_later("4.3.0", "Temporary server problem", is_of_destination=False)


class Courier:
    """Brings letters to one destination, named as in its addresses; see the module's text."""

    def __init__(self, domain: str, route: Route | None, world: World) -> None:
        self.idle_since = time.monotonic()
        self._domain = domain
        self._route = route
        self._world = world
        self._lanes = asyncio.Semaphore(world.terms.connections)
        self._probing = asyncio.Lock()
        self._connections = Connections()
        self._busy = 0

    @property
    def is_idle(self) -> bool:
        """Whether no letter is on its way; `idle_since` (monotonic seconds) tells since when."""
        return self._busy == 0

    async def send(self, letter: Letter) -> list[Result]:
        """Return what became of a letter, a result for each recipient in their order; never raises."""
        self._busy += 1
        try:
            flaw = await wire.check(letter)
            if flaw:
                return [flaw] * len(letter.recipients)
            async with self._lanes:
                return await self._send(letter)
        except Unavailable:  # whether the domain has a policy we must keep to cannot be told
            return [OUR_TROUBLE] * len(letter.recipients)
        except (NoSockets, NoSocket):
            self._world.ran_out_of_sockets()
            return [OUR_TROUBLE] * len(letter.recipients)
        except Exception as error:
            log.failure("transport", error)
            return [OUR_TROUBLE] * len(letter.recipients)
        finally:
            self._busy -= 1
            self.idle_since = time.monotonic()

    async def close(self) -> None:
        """Say goodbye on all kept connections; those in use are closed when their letter is done."""
        await self._connections.close()

    async def _send(self, letter: Letter) -> list[Result]:
        kept = await self._connections.soon(letter)
        with self._connections.in_use():
            while kept:
                try:
                    return await self._through(kept, letter)
                except Stopped:  # it grew stale: another one, or a fresh one, tells what the matter is
                    kept = self._connections.take(letter)
            self._connections.make_room()
            return await self._to_hosts(letter)

    async def _to_hosts(self, letter: Letter) -> list[Result]:
        found = await hosts.of(self._domain, self._route, self._world)
        if isinstance(found, Result):
            return [found] * len(letter.recipients)
        policy = await self._policy()
        failures: list[Result] = []
        for host in found:
            try:
                return await self._to_host(host, policy, letter)
            except Stopped as stopped:
                failures.append(stopped.result)
            if sum(bool(failure.host) for failure in failures) == MAX_SESSIONS:
                break
        return [_gravest(failures)] * len(letter.recipients)

    async def _policy(self) -> Policy | None:
        if self._route or self._domain.startswith(("[", "_")):
            return None
        return await sts.policy_of(self._domain, self._world)

    async def _to_host(self, host: Host, policy: Policy | None, letter: Letter) -> list[Result]:
        found = await hosts.find(host, self._route, self._world)
        if self._route:
            demand = security.of_route(self._route)
        else:
            demand = await security.of_host(self._domain, host, found, policy, self._world)
        door = await self._door(host, found, demand, letter)
        if door:
            try:
                return await self._through(Kept(door), letter)
            except Stopped:  # SMTP has the last word
                pass
        port = (self._route and self._route.port) or self._world.terms.port_smtp
        session = await ways.by_smtp(self._domain, host, found, port, demand, self._world)
        results = await self._through(Kept(session), letter)
        if any(result.outcome is Outcome.DELIVERED for result in results):
            self._world.hosts.smtp_worked(host.name, self._world.now())
        return results

    async def _door(self, host: Host, found: Found, demand: Demand, letter: Letter) -> Door | None:
        has_port = self._route is not None and self._route.port is not None
        if demand.policy == "tlsa" or has_port or not mxdeliv.fits(letter):
            return None
        if self._world.hosts.has_door(host.name, self._world.now()) is not None:
            return await ways.by_https(host, found, demand, self._world)
        async with self._probing:  # one asks, and the others know
            return await ways.by_https(host, found, demand, self._world)

    async def _through(self, kept: Kept, letter: Letter) -> list[Result]:
        try:
            results = await kept.connection.send(letter)
        except BaseException:
            self._connections.let_go(kept)
            raise
        self._connections.keep(kept)
        return results


def _gravest(failures: list[Result]) -> Result:
    """Return the last failure that may pass: as long as one host may take the letter, it is not refused."""
    passing = [failure for failure in failures if failure.outcome is Outcome.TRY_LATER]
    return (passing or failures)[-1]
