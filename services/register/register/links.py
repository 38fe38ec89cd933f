"""The links that Delta Chat opens, as pure functions.

Strategy: a `dclogin:` link names address, password, hosts, ports and how to check the certificate, so it works on
every server, also on one without a name. A `dcaccount:` link is shorter and may be passed on, since everyone who opens
it gets an address of their own; but the client then finds the servers by itself and checks certificates strictly, so
it is offered only where that is sure to succeed. Hosts come from the settings, never from the request's Host header: it
may choose among ours, and no more (`Site.at`).
"""

from dataclasses import dataclass, replace
from ipaddress import ip_address
from urllib.parse import quote

STRICT, ACCEPT_INVALID = 1, 3  # Delta Chat's certificate checks


@dataclass(frozen=True, slots=True)
class Server:
    """Where this server is reached: its host, its mail domain, the ports in force, the page's host if it is another."""

    hostname: str
    domain: str
    imaps: int = 993
    imap: int = 143
    submissions: int = 465
    submission: int = 587
    https: int = 443
    page: str = ""

    @property
    def page_host(self) -> str:
        """The host of the web page."""
        return self.page or self.hostname

    def at(self, domain: str) -> "Server":
        """Return the server as a further domain of ours knows it, whose web page is at the domain itself."""
        return replace(self, domain=domain, page=domain)


def dclogin(server: Server, address: str, password: str, *, is_trusted: bool) -> str:
    """Return the link that logs in to one address; `is_trusted`: a certificate that clients accept is in force."""
    host = quote(server.hostname, safe=":")
    fields = [
        ("p", quote(password, safe="")),
        ("v", 1),
        *(("ih", host), ("ip", server.imaps), ("is", "ssl")),
        *(("sh", host), ("sp", server.submissions), ("ss", "ssl")),
        ("ic", STRICT if is_trusted else ACCEPT_INVALID),
    ]
    query = "&".join(f"{key}={value}" for key, value in fields)
    return f"dclogin:{quote(address, safe='@[]:')}?{query}"


def dcaccount(server: Server, token: str = "") -> str:
    """Return the link that gives everyone who opens it an address of their own."""
    return f"dcaccount:{https(server, '/new')}" + (f"?t={quote(token, safe='')}" if token else "")


def https(server: Server, path: str) -> str:
    """Return the address of a page of ours, under TLS."""
    host = f"[{server.page_host}]" if ":" in server.page_host else server.page_host
    port = "" if server.https == 443 else f":{server.https}"
    return f"https://{host}{port}{path}"


def is_dcaccount_sure(server: Server, *, is_trusted: bool) -> bool:
    """Say whether a client that opens a `dcaccount:` link will find the servers and accept their certificate."""
    if _is_ip(server.hostname) or server.domain.startswith("["):
        return False
    is_unchecked = server.hostname.startswith("_") and server.page_host.startswith("_")  # no chain is checked below `_`
    if not is_trusted and not is_unchecked:
        return False
    has_autoconfig = server.page_host == server.domain and server.https == 443
    is_guessable = server.hostname in (server.domain, f"mail.{server.domain}")
    return has_autoconfig or (is_guessable and (server.imaps, server.submissions) == (993, 465))


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
