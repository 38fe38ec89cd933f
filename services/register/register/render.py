"""Turns templates into answers. Every value is escaped; only the QR code, which we draw ourselves, is not."""

from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from register.site import days_in_words, hours_in_words, size_in_words

FILES = {
    "style.css": "text/css; charset=utf-8",
    "copy.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}

_CONTENT = {name: (files("register") / "pages" / name).read_bytes() for name in FILES}
_PAGES = Environment(
    loader=PackageLoader("register", "pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_PAGES.filters["days"] = days_in_words
_PAGES.filters["hours"] = hours_in_words
_PAGES.filters["size"] = size_in_words
# An upgraded server's page must not wear the old one's style: the address changes with the content.
_PAGES.globals["version"] = sha256(b"".join(_CONTENT.values())).hexdigest()[:8]


Values = Mapping[str, object]


def page(template: str, values: Values, status: int = 200, headers: Mapping[str, str] | None = None) -> HTMLResponse:
    """Fill in a page."""
    return HTMLResponse(_PAGES.get_template(template).render(values), status, headers)


def xml(template: str, values: Values) -> Response:
    """Fill in an XML document."""
    return Response(_PAGES.get_template(template).render(values), media_type="text/xml")


def file(name: str) -> Response:
    """Return a file of `FILES`, which browsers may keep for a day."""
    return Response(_CONTENT[name], media_type=FILES[name], headers={"Cache-Control": "public, max-age=86400"})
