"""A letter over HTTPS: `POST /mxdeliv`, the door chatmail servers have beside port 25.

Strategy: any web server says 200 to a POST, so the door is believed in only where `GET /mxdeliv` was answered with
405, within the last hour. The certificate is verified for the host's name, which satisfies every demand of MTA-STS;
its results are not counted, for TLS reports are about SMTP (RFC 8460 §4). Whatever is not clearly a verdict sends the
letter to SMTP instead, unless the request has left whole: then nobody knows, and SMTP might deliver it twice.
"""

import asyncio
import re

from queue_worker.transport.replies import Reply
from queue_worker.transport.values import Letter, Result, Stopped, ambiguous, printable, refused, try_later
from queue_worker.transport.web import Headers, NoAnswer, Page, Site
from queue_worker.transport.world import World

PATH = "/mxdeliv"
PROBE_SECONDS = 5.0  # what does not answer sooner is not worth waiting for: port 25 is there as well
MAX_ENVELOPE = 8 * 1024  # octets of addresses in headers: more are too many for some web servers
IDLE_SECONDS = 4.0  # web servers close after five or more; a request that crosses their goodbye would be ambiguous

_VERDICT = re.compile(r"\s*([45][0-5][0-9])[ -]([^\r\n]*)")


def fits(letter: Letter) -> bool:
    """Tell if a letter's envelope can be said in headers."""
    names = (letter.sender, *letter.recipients)
    return sum(len(name) + len("X-MAIL-TO: \r\n") for name in names) <= MAX_ENVELOPE and all(map(str.isascii, names))


async def is_door(site: Site) -> bool:
    """Tell if this web server takes mail; raise NoAnswer."""
    return (await site.ask("GET", PATH, PROBE_SECONDS)).status == 405


class Door:
    """One open connection to a host's `/mxdeliv`."""

    idle_seconds = IDLE_SECONDS

    def __init__(self, site: Site, host: str, world: World) -> None:
        self.host = host
        self._site = site
        self._world = world

    @property
    def is_open(self) -> bool:
        return self._site.is_open

    async def send(self, letter: Letter) -> list[Result]:
        """Hand a letter over and return a result for each recipient; raise Stopped if SMTP is to do it."""
        await self._hear()
        extra: Headers = [("X-MAIL-FROM", letter.sender)] if letter.sender else []
        extra += [("X-MAIL-TO", recipient) for recipient in letter.recipients]
        seconds = self._world.terms.final_seconds
        try:
            page = await self._site.ask("POST", PATH, seconds, extra=extra, body=letter.octets)
        except NoAnswer as error:
            if not error.was_sent:
                raise Stopped(try_later("4.4.2", "Connection lost").at(self.host)) from None
            result = ambiguous("No answer after the whole message was sent over HTTPS", self.host)
        else:
            result = self._judge(page)
        return [result] * len(letter.recipients)

    async def _hear(self) -> None:
        """Let the loop tell us of a goodbye that has come: a letter sent after it would be ambiguous for nothing."""
        for _ in range(2):  # once to look, once to be told
            await asyncio.sleep(0)
        if not self.is_open:
            raise Stopped(try_later("4.4.2", "Connection closed").at(self.host))

    def close(self) -> None:
        self._site.channel.close()

    @property
    def is_gone(self) -> bool:
        return self._site.channel.is_gone

    async def closed(self) -> None:
        await self._site.channel.closed()

    def _judge(self, page: Page) -> Result:
        text = page.body.decode("latin-1")
        verdict = _VERDICT.match(text) if page.status == 400 else None
        if page.status == 200:
            return Reply(250, (b"Accepted over HTTPS",)).result(self.host)
        if verdict:
            return Reply(int(verdict[1]), (verdict[2].encode("latin-1"),)).result(self.host)
        if page.status == 413:
            return refused(552, "5.3.4", printable("Message too big for the server")).at(self.host)
        if page.status == 504:  # a gateway that lost its own server does not know either
            return ambiguous("A gateway has no answer from its server", self.host)
        self._world.hosts.learn(self.host, has_door=False, now=self._world.now())
        self.close()
        raise Stopped(try_later("4.3.0", f"HTTPS status {page.status}").at(self.host))
