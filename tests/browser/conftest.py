"""A real Chromium in front of the real web service on loopback, with fake accounts behind it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright
from register.links import Server
from register.server import HttpServer, doors

from shared.listen.certificate import Certificate
from shared.listen.limits import SourceLimits
from shared.listen.listener import Listener
from shared.storage import selfsigned
from tests.needs import needs
from tests.unit.register.fakes import Clock, FakeAccounts, site, web

ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def chromium() -> AsyncIterator[Browser]:
    """Debian's Chromium."""
    path = needs("chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        await browser.close()


@dataclass
class Served:
    """A running web service: where it is, and what stands behind it."""

    http: str
    https: str
    accounts: FakeAccounts
    clock: Clock


@pytest_asyncio.fixture(loop_scope="module")
async def served(request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    """The service on 127.0.0.1, both doors; a test may name its host with an indirect parameter."""
    host = getattr(request, "param", "chat.example.org")
    accounts, clock = FakeAccounts(tokens={"secret": 5}), Clock()
    page = site(server=Server(host, host), contact="mailto:operator@example.org")
    certificate = Certificate(selfsigned.make(["127.0.0.1"]), None)
    http = HttpServer(web(accounts, page, clock=clock))
    listener = Listener(doors(http, ["127.0.0.1"], (0, 0), certificate.context()), SourceLimits(9999, 9999, 9999))
    await listener.open()
    clear, secret = listener.ports
    yield Served(f"http://127.0.0.1:{clear}", f"https://127.0.0.1:{secret}", accounts, clock)
    await listener.drain(5)


@dataclass
class Visit:
    """One visitor's page, and what the browser had to say about it."""

    page: Page
    requested: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


class Visitor:
    """Opens pages; every visit has a context of its own."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []

    async def open(
        self, url: str, width: int = 1280, height: int = 900, scheme: str = "light", **more: object
    ) -> Visit:
        context = await self._browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,  # type: ignore[arg-type]
            ignore_https_errors=True,
            **more,  # type: ignore[arg-type]
        )
        self._contexts.append(context)
        visit = Visit(await context.new_page())
        visit.page.on("request", lambda request: visit.requested.append(request.url))
        visit.page.on("console", lambda message: visit.complaints.append(message.text))
        visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        await visit.page.goto(url)
        return visit

    async def close(self) -> None:
        for context in self._contexts:
            await context.close()


@pytest_asyncio.fixture(loop_scope="module")
async def visitor(chromium: Browser) -> AsyncIterator[Visitor]:
    """Somebody with a browser."""
    visitor = Visitor(chromium)
    yield visitor
    await visitor.close()
