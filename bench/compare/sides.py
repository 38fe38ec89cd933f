"""What is compared: whoever takes mail on a submission port and shows it on an IMAP port, both under TLS.

Strategy: the same client, the same messages, one side after the other in turns, so that whatever else the machine does
meets all of them.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.client import Job
from bench.compare.relay import IMAPS, SUBMISSIONS, Relay
from bench.run import components
from tests.suite import Suite

OURS, THEIRS = "the suite", "Postfix + Dovecot"


@dataclass(frozen=True, slots=True)
class Side:
    """One server; `components` names its processes as they are now, none where they run elsewhere.

    Its accounts are all names at `domain`, made at their first login; `remark` is what a reader must know.
    """

    name: str
    host: str
    submissions: int
    imaps: int
    domain: str
    components: Callable[[], Mapping[str, int]]
    remark: str = ""

    def job(self, users: int, size: int, warm_up: float, seconds: float) -> Job:
        """Return what the load generator is to do here."""
        return Job(
            host=self.host,
            submissions=self.submissions,
            imaps=self.imaps,
            domain=self.domain,
            users=users,
            size=size,
            warm_up=warm_up,
            seconds=seconds,
            is_pipelining=False,
        )


@contextmanager
def running(settings: Mapping[str, str], others: list[Side]) -> Iterator[list[Side]]:
    """Run our suite and the relay, and put `others` beside them, which run by themselves."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="relay-")))
        folder.chmod(0o755)  # the processes of both are several users'
        suite = stack.enter_context(Suite(settings=settings))
        relay = stack.enter_context(Relay(folder))
        yield [_suite(suite), _relay(relay), *others]


def elsewhere(words: str) -> Side:
    """Read `name,host,submission port,IMAP port,domain`; raise ValueError."""
    name, host, submissions, imaps, domain = words.split(",")
    return Side(name, host, int(submissions), int(imaps), domain, dict)


def _suite(suite: Suite) -> Side:
    ports = suite.ports
    doors = ports["port_submissions"], ports["port_imaps"]
    return Side(OURS, suite.address, *doors, suite.domain, lambda: components(suite))


def _relay(relay: Relay) -> Side:
    remark = (
        "tells who idles after half a second"
        if relay.has_delay
        else "its half second before it tells who idles is taken out"
    )
    return Side(THEIRS, relay.address, SUBMISSIONS, IMAPS, relay.domain, lambda: relay.components, remark)
