"""The web service's answers.

Strategy: an open server gives out addresses by looking at a page, so a page is as private as a key: never cached,
never in a URL, nothing logged. GET changes nothing anywhere. There are no cookies and no sessions, hence nothing a
foreign site could misuse by making a browser ask. What goes wrong is a `Refusal`, told as JSON at `/new`, where
Delta Chat asks, and as a page elsewhere.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs

from fastapi import FastAPI, Request
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp

from register import links, qr, refusal, render
from register.births import Births
from register.challenges import PATH as CHALLENGES
from register.challenges import Challenges
from register.limits import Limits
from register.refusal import Refusal
from register.shell import MAX_BODY, Shell
from register.site import Site
from shared.address import Address
from shared.policy import mta_sts

_LINK = re.compile(r"(?:dclogin|dcaccount):[!-~]{1,502}", re.IGNORECASE)  # our own have some 150 characters


@dataclass(frozen=True, slots=True)
class Offer:
    """What a visitor is given: a link, its picture, and for an address of their own the words behind the link."""

    link: str
    address: str = ""
    password: str = ""

    @property
    def picture(self) -> Markup:
        return Markup(qr.svg(self.link))  # noqa: S704 - drawn from modules, holds no text of anyone


class Web:
    """The routes; `is_trusted` says whether a certificate that clients accept is in force."""

    def __init__(self, site: Site, births: Births, limits: Limits, is_trusted: Callable[[], bool]) -> None:
        self._site = site
        self._births = births
        self._limits = limits
        self._is_trusted = is_trusted

    async def front(self, request: Request) -> Response:
        """The page. POST is the button of a server that gives addresses for a token."""
        site = self._visited(request)
        if request.method == "POST":
            offer = await self._give(request, (await _form(request)).get("t", ""))
            return _page("offer.html", site, offer=offer, to_pass_on="")
        self._count_view(request)
        registration = await self._births.registration()
        token = request.query_params.get("t", "").strip()
        is_sure = links.is_dcaccount_sure(site.server, is_trusted=self._is_trusted())
        if registration == "closed":
            return _page("closed.html", site)
        if registration == "open":
            offer = self._offer(*await self._births.give(site.server.domain, ""))
            return _page("offer.html", site, offer=offer, to_pass_on=links.dcaccount(site.server) if is_sure else "")
        if token and is_sure:
            return _page("offer.html", site, offer=Offer(links.dcaccount(site.server, token)), to_pass_on="")
        return _page("invitation.html", site, token=token)

    async def new(self, request: Request) -> Response:
        """What Delta Chat asks of a `dcaccount:` link: POST gives an address, GET gives that link."""
        query = request.query_params
        token = (query.get("t") or query.get("token") or "").strip()
        if request.method != "POST":
            return RedirectResponse(links.dcaccount(self._visited(request).server, token), 301)
        body = await _body(request)
        offer = await self._give(request, token or _token_in(body))
        return JSONResponse({"email": offer.address, "password": offer.password, "dclogin_url": offer.link})

    async def picture(self, request: Request) -> Response:
        """Draw the QR code of a link, and of nothing else."""
        self._count_view(request)
        text = request.query_params.get("data", "")
        if not _LINK.fullmatch(text):
            raise refusal.malformed()
        return Response(qr.svg(text), media_type="image/svg+xml")

    async def autoconfig(self, request: Request) -> Response:
        """Thunderbird's format, which Delta Chat reads: our servers, best first."""
        site = self._visited(request)
        return render.xml("autoconfig.xml", {"server": site.server, "name": site.name})

    async def mail_policy(self, request: Request) -> Response:
        """Say which host takes our mail, and that it must be asked under TLS (RFC 8461 §3.3)."""
        host = request.headers.get("host", "").lower().partition(":")[0]
        if host.removeprefix("mta-sts.") not in self._site.rules.domains or not host.startswith("mta-sts."):
            raise HTTPException(404)
        return PlainTextResponse(mta_sts.write(self._site.server.hostname))

    async def health(self) -> Response:
        """Say whether the service can do its work: whether its database answers."""
        await self._births.registration()
        return JSONResponse({"status": "ok"})

    async def _give(self, request: Request, token: str) -> Offer:
        if wait := self._limits.birth(_source(request)):
            if self._limits.is_greedy(_source(request)) and hasattr(request.state, "tell_firewall"):
                request.state.tell_firewall("too_many_births")  # `server` knows whom of
            raise refusal.too_often(wait)
        domain = self._visited(request).server.domain
        return self._offer(*await self._births.give(domain, token.strip()))

    def _offer(self, address: Address, password: str) -> Offer:
        link = links.dclogin(self._site.server, str(address), password, is_trusted=self._is_trusted())
        return Offer(link, str(address), password)

    def _visited(self, request: Request) -> Site:
        return self._site.at(request.headers.get("host", ""))

    def _count_view(self, request: Request) -> None:
        if wait := self._limits.view(_source(request)):
            raise refusal.too_often(wait)


def build(
    site: Site,
    births: Births,
    limits: Limits,
    is_trusted: Callable[[], bool],
    mail: ASGIApp | None = None,
    challenges: Challenges | None = None,
) -> ASGIApp:
    """Return the ASGI app; `mail` answers at `/mxdeliv`, `challenges` to a certificate authority."""
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    web = Web(site, births, limits, is_trusted)
    app.add_api_route("/", web.front, methods=["GET", "HEAD", "POST"])
    app.add_api_route("/new", web.new, methods=["GET", "HEAD", "POST"])
    app.add_api_route("/qr", web.picture, methods=["GET", "HEAD"])
    app.add_api_route("/.well-known/mta-sts.txt", web.mail_policy, methods=["GET", "HEAD"])
    app.add_api_route("/health", web.health, methods=["GET", "HEAD"])
    if challenges:
        app.add_api_route(CHALLENGES + "{token}", challenges.answer, methods=["GET", "HEAD"])
    for path in ("/.well-known/autoconfig/mail/config-v1.1.xml", "/mail/config-v1.1.xml"):
        app.add_api_route(path, web.autoconfig, methods=["GET", "HEAD"])
    for name in render.FILES:
        app.add_api_route(f"/{name}", _serving(name), methods=["GET", "HEAD"])
    app.add_api_route("/favicon.ico", _serving("icon.svg"), methods=["GET", "HEAD"])

    async def refuse(request: Request, error: Exception) -> Response:
        return _refused(request, site.at(request.headers.get("host", "")), error)

    for kind in (Refusal, HTTPException, Exception):
        app.add_exception_handler(kind, refuse)
    return Shell(app, site, is_trusted, mail)


def _page(template: str, site: Site, **values: object) -> Response:
    return render.page(template, {"site": site, **values})


def _refused(request: Request, site: Site, error: Exception) -> Response:
    if not isinstance(error, Refusal):
        error = _translated(error)
    if request.url.path in ("/new", "/health"):
        return JSONResponse({"reason": error.reason}, error.status, error.headers)
    return render.page("refused.html", {"site": site, "reason": error.reason}, error.status, error.headers)


def _translated(error: Exception) -> Refusal:
    if not isinstance(error, HTTPException):
        return Refusal(500, "Something went wrong on our side.")
    known = {404: "There is no such page here.", 405: "This page cannot be used that way."}
    translated = Refusal(error.status_code, known.get(error.status_code, "The request cannot be read."))
    translated.headers = dict(error.headers or {})
    return translated


def _serving(name: str) -> Callable[[], object]:
    async def serve() -> Response:
        return render.file(name)

    return serve


def _source(request: Request) -> str:
    return request.client.host if request.client else ""  # a keyed hash: `server` puts it there


async def _body(request: Request) -> bytes:
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                raise refusal.too_large()
    except ClientDisconnect:  # nobody is there to be told
        raise refusal.malformed() from None
    return body


async def _form(request: Request) -> dict[str, str]:
    body = (await _body(request)).decode("utf-8", "replace")
    try:
        return {name: values[0] for name, values in parse_qs(body, max_num_fields=16).items()}
    except ValueError:
        raise refusal.malformed() from None


def _token_in(body: bytes) -> str:
    # Delta Chat's own request has no body; a body that is no JSON object holds no token.
    try:
        found = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        return ""
    token = found.get("token", "") if isinstance(found, dict) else ""
    return token if isinstance(token, str) else ""
