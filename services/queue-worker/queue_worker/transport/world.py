"""What all couriers of a process share: settings, the resolver, and what was learnt about hosts on the way."""

import ssl
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from queue_worker.transport.values import PolicyStore, Terms, TlsCounter
from shared import log
from shared.dns.resolver import Resolver

MAX_HOSTS = 10_000
PROBE_EVERY = 3600.0  # seconds
SAY_EVERY = 60.0  # seconds
AFTER_SMTP = 1800.0  # seconds without a probe after SMTP has worked: nothing is to be gained by asking


class HostMemory:
    """Which hosts have the door `/mxdeliv`; `now` is in seconds on the caller's clock.

    Lost with the process: it costs a probe.
    """

    def __init__(self, size: int = MAX_HOSTS) -> None:
        self._known: OrderedDict[str, tuple[float, bool]] = OrderedDict()
        self._size = size

    def has_door(self, host: str, now: float) -> bool | None:
        """Return what is known, None if the host is to be asked."""
        until, has_door = self._known.get(host, (0.0, False))
        return has_door if until > now else None

    def learn(self, host: str, has_door: bool, now: float, seconds: float = PROBE_EVERY) -> None:
        self._known.pop(host, None)
        self._known[host] = (now + seconds, has_door)
        while len(self._known) > self._size:
            self._known.popitem(last=False)

    def smtp_worked(self, host: str, now: float) -> None:
        until = self._known.get(host, (0.0, False))[0]
        self.learn(host, has_door=False, now=now, seconds=max(AFTER_SMTP, until - now))

    def smtp_failed(self, host: str) -> None:
        """Have the host asked again: its other door may be the one that is open."""
        self._known.pop(host, None)


def verifying_context() -> ssl.SSLContext:
    """A context that wants a certificate of a public authority, for the name asked for."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def encrypting_context() -> ssl.SSLContext:
    """A context that takes any certificate: encryption alone (RFC 7435), or DANE, which looks for itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@dataclass(slots=True)
class World:
    """One for a process; `now` is in seconds since 1970, `sts_quiet` says until when no policy is asked of whom."""

    terms: Terms
    resolver: Resolver
    policies: PolicyStore
    count_tls: TlsCounter
    hosts: HostMemory = field(default_factory=HostMemory)
    now: Callable[[], float] = time.time
    verifying: ssl.SSLContext = field(default_factory=verifying_context)
    encrypting: ssl.SSLContext = field(default_factory=encrypting_context)
    sts_quiet: OrderedDict[str, float] = field(default_factory=OrderedDict)
    _said_at: float = float("-inf")

    def ran_out_of_sockets(self) -> None:
        """Say once in a while that the system lets us open no more: the operator can raise the limit (`nofile`)."""
        if abs(self.now() - self._said_at) >= SAY_EVERY:
            self._said_at = self.now()
            log.event("out-of-sockets")
