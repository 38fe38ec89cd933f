"""The web service without a database and without waiting."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from register.app import build
from register.births import Births
from register.limits import Limits
from register.links import Server
from register.site import Site
from starlette.types import ASGIApp

from shared.address import Address
from shared.policy.accounts import RandomBytes, Rules
from shared.storage.errors import Unavailable

HOST = "chat.example.org"


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class FakeAccounts:
    """Tokens with their uses left, and what was made with them."""

    mode: str = "open"
    tokens: dict[str, int] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)
    taken: int = 0
    is_away: bool = False
    asked: int = 0

    async def registration(self) -> str:
        self.asked += 1
        if self.is_away:
            raise Unavailable
        return self.mode

    async def create_with_token(self, token: str, address: Address, password_hash: str) -> str:
        if self.is_away:
            raise Unavailable
        if not self.tokens.get(token):
            return "bad token"
        if self.taken:
            self.taken -= 1
            return "taken"
        self.tokens[token] -= 1
        self.made[str(address)] = password_hash
        return "created"


async def hash_password(password: str) -> str:
    return f"hash of {password}"


def counted_bytes() -> RandomBytes:
    """Octets that look random and are the same in every run."""
    state = hashlib.sha256(b"seed")

    def draw(count: int) -> bytes:
        drawn = b""
        while len(drawn) < count:
            state.update(b".")
            drawn += state.digest()
        return drawn[:count]

    return draw


def site(host: str = HOST, domain: str = "", **changes: object) -> Site:
    server = changes.get("server", Server(host, domain or host))
    assert isinstance(server, Server)
    values: dict[str, object] = {
        "server": server,
        "rules": Rules(8, 32, 8, frozenset({server.domain})),
        "retention_days": 20,
        "large_retention_days": 7,
        "inactive_days": 90,
        "quota": 500_000_000,
        "max_message_size": 30 * 1024 * 1024,
        "retry_hours": 48,
        "push_host": "push.example.org",
    }
    return Site(**{**values, **changes})  # type: ignore[arg-type]


def births(accounts: FakeAccounts, of: Site, clock: Callable[[], float]) -> Births:
    return Births(accounts, hash_password, counted_bytes(), of.rules, clock)


def web(
    accounts: FakeAccounts, of: Site | None = None, *, is_trusted: bool = False, clock: Clock | None = None
) -> ASGIApp:
    """The whole app in front of fake accounts."""
    of = of or site()
    clock = clock or Clock()
    return build(of, births(accounts, of, clock), Limits(clock), lambda: is_trusted)
