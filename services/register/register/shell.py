"""What holds for every answer, whatever the page: headers, the way to TLS, no body of any size, no error's text.

Mail from other servers passes by here: `mxdeliv` has rules and answers of its own.
"""

import re
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from register import refusal
from register.challenges import PATH as CHALLENGES
from register.links import https
from register.mxdeliv import PATH
from register.site import Site
from shared import log

MAX_BODY = 8192  # octets

_LENGTH = re.compile(r"[0-9]{1,18}")

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Shell:
    """Stands around the app; `is_trusted` says whether a certificate that browsers accept is in force.

    `mail` takes mail from other servers, where this one has such a door.
    """

    def __init__(self, app: ASGIApp, site: Site, is_trusted: Callable[[], bool], mail: ASGIApp | None = None) -> None:
        self._app = app
        self._mail = mail
        self._site = site
        self._is_trusted = is_trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._mail and scope["raw_path"] == PATH and scope["scheme"] == "https":
            await self._mail(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            await self._choose(scope)(scope, receive, send_with_headers)
        except Exception as error:  # the client has been told by now, without the error's words
            log.failure("request_failed", error)

    def _choose(self, scope: Scope) -> ASGIApp:
        if self._mail and scope["raw_path"] == PATH:  # an envelope in clear text is nobody's business
            return RedirectResponse(https(self._site.server, PATH.decode()), 308, {"Connection": "close"})
        length = Headers(scope=scope).get("content-length", "0")
        if not _LENGTH.fullmatch(length) or int(length) > MAX_BODY:
            refused = refusal.too_large()
            return JSONResponse({"reason": refused.reason}, refused.status, {"Connection": "close"})
        # The self-signed certificate would only frighten people: with that one, the page is served in clear.
        is_for_all = scope["path"] == "/health" or scope["path"].startswith(CHALLENGES)
        if scope["scheme"] == "http" and self._is_trusted() and not is_for_all:
            visited = self._site.at(Headers(scope=scope).get("host", ""))
            return RedirectResponse(https(visited.server, _target(scope)), 308)
        return self._app


def _target(scope: Scope) -> str:
    query = scope["query_string"].decode("latin-1")
    path = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
    return f"{path}?{query}" if query else path
