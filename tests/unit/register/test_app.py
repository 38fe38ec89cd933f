"""The answers of the web service, asked through ASGI."""

import html
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import AsyncIterator

import httpx
import pytest
from register import qr
from register.links import Server
from register.site import Site
from starlette.types import ASGIApp

from shared.policy import mta_sts
from shared.policy.accounts import Rules
from tests.unit.register.fakes import HOST, Clock, FakeAccounts, site, web

SURE = "_chat.example.org"  # a name on which dcaccount: works with a self-signed certificate


async def ask(
    app: ASGIApp, method: str, path: str, *, scheme: str = "https", source: str = "one", **options: object
) -> httpx.Response:
    # Past httpx's client, which wants to understand every redirection and does not know `dcaccount:`.
    request = httpx.Request(method, f"{scheme}://{HOST}{path}", **options)  # type: ignore[arg-type]
    answer = await httpx.ASGITransport(app, client=(source, 0)).handle_async_request(request)
    await answer.aread()
    return answer


def link_on(page: httpx.Response) -> str:
    found = re.search(r'id="offer" href="([^"]+)"', page.text)
    assert found
    return html.unescape(found[1])


# The page -----------------------------------------------------------------------------------------------------------


async def test_the_page_gives_an_address() -> None:
    page = await ask(web(FakeAccounts()), "GET", "/")
    link = link_on(page)
    assert page.status_code == 200
    assert re.fullmatch(
        rf"dclogin:[a-z0-9]{{9}}@{HOST}\?p=[A-Za-z0-9]{{22}}&v=1&ih={HOST}&ip=993&is=ssl&sh={HOST}&sp=465&ss=ssl&ic=3",
        link,
    )
    assert qr.svg(link) in page.text
    assert "dcaccount:" not in page.text


async def test_every_view_is_another_address() -> None:
    app = web(FakeAccounts())
    assert link_on(await ask(app, "GET", "/")) != link_on(await ask(app, "GET", "/"))


async def test_the_link_is_strict_with_an_operators_certificate() -> None:
    page = await ask(web(FakeAccounts(), is_trusted=True), "GET", "/")
    assert link_on(page).endswith("&ic=1")
    assert f'href="dcaccount:https://{HOST}/new"' in page.text


async def test_the_promises_are_those_in_force() -> None:
    promises = site(retention_days=3, large_retention_days=1, inactive_days=400, quota=2_000_000_000, retry_hours=12.5)
    text = re.sub(r"<[^>]+>|\s+", " ", (await ask(web(FakeAccounts(), promises), "GET", "/")).text)
    text = re.sub(r"\s+", " ", text)
    for words in (
        "3 days",
        "over 200 kB never longer than 1 day",
        "After 400 days",
        "2 GB",
        "30 MB",
        "no IP addresses",
        "until their server takes it, 12.5 hours at the most",
        "push.example.org is told",
    ):
        assert words in text


async def test_nothing_is_said_of_waking_phones_where_nobody_does() -> None:
    page = await ask(web(FakeAccounts(), site(push_host="")), "GET", "/")
    assert "Waking" not in page.text
    assert "2 days at the most" in re.sub(r"<[^>]+>", "", page.text)


@pytest.mark.parametrize(
    ("mode", "path", "words"),
    [
        ("closed", "/", "Registration is closed"),
        ("closed", "/?t=secret", "Registration is closed"),
        ("token", "/", "Your invitation"),
        ("token", "/?t=secret", "Create my address"),
    ],
)
async def test_a_server_that_is_not_open_offers_no_address(mode: str, path: str, words: str) -> None:
    accounts = FakeAccounts(mode, {"secret": 1})
    page = await ask(web(accounts), "GET", path)
    assert page.status_code == 200
    assert words in page.text
    assert "dclogin:" not in page.text
    assert "dcaccount:" not in page.text
    assert (accounts.tokens, accounts.made) == ({"secret": 1}, {})


async def test_the_form_makes_the_address() -> None:
    accounts = FakeAccounts("token", {"a&b": 1})
    app = web(accounts)
    asked = await ask(app, "GET", "/", params={"t": "a&b"})
    assert 'name="t" value="a&amp;b"' in asked.text
    page = await ask(app, "POST", "/", data={"t": "a&b"})
    assert page.status_code == 200
    assert [link_on(page).startswith(f"dclogin:{address}?") for address in accounts.made] == [True]
    again = await ask(app, "POST", "/", data={"t": "a&b"})
    assert again.status_code == 403
    assert "used up" in again.text


async def test_where_it_works_an_invitation_is_a_dcaccount_link() -> None:
    accounts = FakeAccounts("token", {"secret": 1})
    page = await ask(web(accounts, site(SURE)), "GET", "/?t=secret")
    assert link_on(page) == f"dcaccount:https://{SURE}/new?t=secret"
    assert qr.svg(link_on(page)) in page.text
    assert accounts.tokens == {"secret": 1}


async def test_a_form_nobody_sends() -> None:
    app = web(FakeAccounts("token"))
    assert (await ask(app, "POST", "/", content=b"&".join(b"a=%d" % n for n in range(99)))).status_code == 400
    assert (await ask(app, "POST", "/", content=b"\xff\xfe=%ff")).status_code == 403


# /new ---------------------------------------------------------------------------------------------------------------


async def test_new_answers_what_delta_chat_reads() -> None:
    answer = await ask(web(FakeAccounts()), "POST", "/new")
    given = answer.json()
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert set(given) == {"email", "password", "dclogin_url"}
    assert given["dclogin_url"].startswith(f"dclogin:{given['email']}?p={given['password']}&v=1&")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/new?t=secret", b""),
        ("/new?token=secret", b""),
        ("/new", b'{"token": "secret"}'),
        ("/new?t=%20secret%20", b"not json"),
    ],
)
async def test_new_with_a_token(path: str, body: bytes) -> None:
    accounts = FakeAccounts("token", {"secret": 1})
    answer = await ask(web(accounts), "POST", path, content=body)
    assert answer.status_code == 200
    assert list(accounts.made) == [answer.json()["email"]]
    assert accounts.tokens == {"secret": 0}


@pytest.mark.parametrize(
    ("mode", "path", "body", "status"),
    [
        ("closed", "/new", b"", 403),
        ("token", "/new", b"", 403),
        ("token", "/new?t=wrong", b"", 403),
        ("token", "/new", b'{"token": 5}', 403),
        ("token", "/new", b'["token"]', 403),
        ("token", "/new", b"\xff{", 403),
        ("token", "/new", b"[" * 8000, 403),
        ("away", "/new", b"", 503),
    ],
)
async def test_new_refuses_with_a_reason(mode: str, path: str, body: bytes, status: int) -> None:
    accounts = FakeAccounts(mode, {"secret": 1}, is_away=mode == "away")
    answer = await ask(web(accounts), "POST", path, content=body)
    assert answer.status_code == status
    assert list(answer.json()) == ["reason"]
    assert ("retry-after" in answer.headers) is (status == 503)
    assert accounts.made == {}


async def test_get_new_is_the_link() -> None:
    app = web(FakeAccounts("token"))
    for path, query in [("/new", ""), ("/new?t=s%26t", "?t=s%26t"), ("/new?token=x", "?t=x")]:
        answer = await ask(app, "GET", path)
        assert (answer.status_code, answer.headers["location"]) == (301, f"dcaccount:https://{HOST}/new{query}")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_other_methods(method: str) -> None:
    answer = await ask(web(FakeAccounts()), method, "/new", headers={"X-HTTP-Method-Override": "POST"})
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}
    assert list(answer.json()) == ["reason"]


# Limits -------------------------------------------------------------------------------------------------------------


async def test_a_flood_is_slowed_and_others_are_not() -> None:
    # W3, W4: what a header says of the client counts for nothing.
    clock = Clock()
    app = web(FakeAccounts(), clock=clock)
    answers = []
    for number in range(20):
        forged = {"X-Forwarded-For": f"192.0.2.{number}", "Forwarded": f"for=192.0.2.{number}"}
        answers.append(await ask(app, "POST", "/new", headers=forged))
    assert [answer.status_code for answer in answers] == [200] * 10 + [429] * 10
    assert answers[-1].headers["retry-after"] == "6"
    assert list(answers[-1].json()) == ["reason"]
    assert (await ask(app, "POST", "/new", source="other")).status_code == 200
    clock.now += 6
    assert (await ask(app, "POST", "/new")).status_code == 200


async def test_the_form_and_new_share_one_allowance() -> None:
    app = web(FakeAccounts("token", {"secret": 99}))
    for _ in range(10):
        assert (await ask(app, "POST", "/", data={"t": "secret"})).status_code == 200
    assert (await ask(app, "POST", "/new?t=secret")).status_code == 429
    refused = await ask(app, "POST", "/", data={"t": "secret"})
    assert (refused.status_code, "Too many requests" in refused.text) == (429, True)


async def test_looking_is_limited_lightly() -> None:
    app = web(FakeAccounts())
    statuses = [(await ask(app, "GET", "/qr?data=dcaccount:x")).status_code for _ in range(70)]
    assert statuses == [200] * 60 + [429] * 10
    assert (await ask(app, "GET", "/health")).status_code == 200


@pytest.mark.parametrize("path", ["/", "/new", "/nowhere", "/health"])
async def test_large_bodies(path: str) -> None:
    # W6. Announced, and not announced.
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(9):
            yield bytes(1000)

    app = web(FakeAccounts())
    assert (await ask(app, "POST", path, content=bytes(8193))).status_code == 413
    assert (await ask(app, "POST", path, content=b"", headers={"Content-Length": "9" * 30})).status_code == 413
    assert (await ask(app, "POST", path, content=b"", headers={"Content-Length": "-1"})).status_code == 413
    if path in ("/", "/new"):
        assert (await ask(app, "POST", path, content=chunks())).status_code == 413
        assert (await ask(app, "POST", path, content=b"a" * 8192)).status_code == 200


# Everything else ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["dclogin:a@b?p=x&v=1", "DCACCOUNT:https://h/new", "dcaccount:" + "x" * 502])
async def test_qr(text: str) -> None:
    answer = await ask(web(FakeAccounts()), "GET", "/qr", params={"data": text})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    assert answer.text == qr.svg(text)


@pytest.mark.parametrize(
    "text", ["", "https://evil.example/", "xdclogin:a", "dclogin:\n", "dclogin:ü", "dcaccount:" + "x" * 503]
)
async def test_qr_draws_nothing_else(text: str) -> None:
    assert (await ask(web(FakeAccounts()), "GET", "/qr", params={"data": text})).status_code == 400


@pytest.mark.parametrize("path", ["/.well-known/autoconfig/mail/config-v1.1.xml", "/mail/config-v1.1.xml"])
async def test_autoconfig(path: str) -> None:
    server = Server("mail.e.org", "e.org", imaps=10993, imap=10143, submissions=10465, submission=10587)
    answer = await ask(web(FakeAccounts("closed"), site(server=server)), "GET", f"{path}?emailaddress=a%40e.org")
    provider = ElementTree.fromstring(answer.text)[0]
    servers = [
        (node.attrib["type"], *(node.findtext(field) for field in ("hostname", "port", "socketType", "username")))
        for node in provider
        if "type" in node.attrib
    ]
    assert answer.headers["content-type"].startswith("text/xml")
    assert (provider.attrib["id"], provider.findtext("domain")) == ("e.org", "e.org")
    assert servers == [
        ("imap", "mail.e.org", "10993", "SSL", "%EMAILADDRESS%"),
        ("imap", "mail.e.org", "10143", "STARTTLS", "%EMAILADDRESS%"),
        ("smtp", "mail.e.org", "10465", "SSL", "%EMAILADDRESS%"),
        ("smtp", "mail.e.org", "10587", "STARTTLS", "%EMAILADDRESS%"),
    ]


async def test_health() -> None:
    assert (await ask(web(FakeAccounts("closed")), "GET", "/health")).json() == {"status": "ok"}
    away = await ask(web(FakeAccounts(is_away=True)), "GET", "/health")
    assert (away.status_code, away.headers["retry-after"]) == (503, "60")


async def test_while_the_database_is_away_the_page_says_so() -> None:
    page = await ask(web(FakeAccounts(is_away=True)), "GET", "/")
    assert (page.status_code, page.headers["retry-after"]) == (503, "60")
    assert "in a minute" in page.text


@pytest.mark.parametrize("path", ["/style.css", "/copy.js", "/icon.svg", "/favicon.ico"])
async def test_files(path: str) -> None:
    answer = await ask(web(FakeAccounts(is_away=True)), "GET", path)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "public, max-age=86400")


@pytest.mark.parametrize(
    "path",
    ["/docs", "/redoc", "/openapi.json", "/new/", "/metrics", "/../pages/frame.html", "/%2e%2e/app.py", "/frame.html"],
)
async def test_nothing_else_is_there(path: str) -> None:
    answer = await ask(web(FakeAccounts()), "GET", path)
    assert answer.status_code == 404
    assert "There is no such page here." in answer.text


async def test_heads() -> None:
    for path in ("/", "/health", "/style.css", "/qr?data=dcaccount:x"):
        assert (await ask(web(FakeAccounts()), "HEAD", path)).status_code == 200


# What holds for every answer ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", path) for path in ("/", "/new", "/qr", "/nowhere", "/health", "/style.css", "/mail/config-v1.1.xml")),
        *(("POST", path) for path in ("/", "/new", "/qr")),
    ],
)
async def test_headers(method: str, path: str) -> None:
    headers = {"Origin": "https://evil.example", "Cookie": "a=b", "Sec-Fetch-Site": "cross-site"}
    answer = await ask(web(FakeAccounts()), method, path, headers=headers)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == ("public, max-age=86400" if path == "/style.css" else "no-store")
    assert not [
        name for name in answer.headers if name in ("set-cookie", "server") or name.startswith("access-control")
    ]


async def test_the_host_header_changes_nothing() -> None:
    # W2
    forged = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http"}
    for of in (site(SURE), site(SURE, rules=Rules(8, 32, 8, frozenset({SURE, FURTHER})))):
        for method, path in [("GET", "/"), ("GET", "/new"), ("POST", "/new"), ("GET", "/mail/config-v1.1.xml")]:
            answer = await ask(web(FakeAccounts(), of), method, path, headers=forged)
            assert "evil.example" not in answer.text + str(answer.headers)
            assert SURE in answer.text + str(answer.headers)


# Further domains ----------------------------------------------------------------------------------------------------

FURTHER = "further.example"


def further(mode: str = "open", *, is_trusted: bool = False) -> tuple[FakeAccounts, ASGIApp]:
    """A server that serves FURTHER as well."""
    accounts = FakeAccounts(mode, {"secret": 1})
    return accounts, web(accounts, site(rules=Rules(8, 32, 8, frozenset({HOST, FURTHER}))), is_trusted=is_trusted)


async def test_whoever_visits_a_further_domain_gets_an_address_there() -> None:
    _, app = further()
    for host, domain in ((f"{FURTHER}:443", FURTHER), (FURTHER.upper(), FURTHER), (HOST, HOST)):
        page = await ask(app, "GET", "/", headers={"Host": host})
        assert re.match(rf"dclogin:[a-z0-9]{{9}}@{domain}\?.*&ih={HOST}&", link_on(page))
        assert f'<span class="host">{domain}</span>' in page.text
        given = (await ask(app, "POST", "/new", headers={"Host": host})).json()
        assert given["email"].endswith(f"@{domain}")
        assert given["dclogin_url"].startswith(f"dclogin:{given['email']}?")


async def test_a_token_gives_an_address_on_the_domain_that_is_visited() -> None:
    accounts, app = further("token")
    page = await ask(app, "POST", "/", headers={"Host": FURTHER}, data={"t": "secret"})
    assert page.status_code == 200
    ((address, _),) = accounts.made.items()
    assert address.endswith(f"@{FURTHER}")


async def test_links_to_pass_on_keep_to_the_domain() -> None:
    _, app = further(is_trusted=True)
    seen = {"headers": {"Host": FURTHER}}
    link = f"dcaccount:https://{FURTHER}/new"
    assert f'href="{link}"' in (await ask(app, "GET", "/", **seen)).text
    assert (await ask(app, "GET", "/new?t=x", **seen)).headers["location"] == f"{link}?t=x"
    to_tls = await ask(app, "GET", "/?t=x", scheme="http", **seen)
    assert to_tls.headers["location"] == f"https://{FURTHER}/?t=x"


@pytest.mark.parametrize("host", [FURTHER, f"autoconfig.{FURTHER}"])
async def test_autoconfig_of_a_further_domain(host: str) -> None:
    answer = await ask(further()[1], "GET", "/mail/config-v1.1.xml", headers={"Host": host})
    provider = ElementTree.fromstring(answer.text)[0]
    assert (provider.attrib["id"], provider.findtext("domain")) == (FURTHER, FURTHER)
    assert provider.findtext("incomingServer/hostname") == HOST


EVIL = "\"'><script>alert(1)</script>&amp;"


def evil_site() -> Site:
    return site(server=Server(EVIL, EVIL), contact=f"mailto:{EVIL}")


@pytest.mark.parametrize("mode", ["open", "token", "closed"])
async def test_nothing_an_operator_or_a_visitor_writes_becomes_markup(mode: str) -> None:
    # W1
    app = web(FakeAccounts(mode), evil_site(), is_trusted=True)
    pages = [await ask(app, "GET", "/"), await ask(app, "GET", "/", params={"t": EVIL}), await ask(app, "GET", "/x")]
    for page in pages:
        assert page.text.count("<script") == 1  # our own, by its address
        assert "<script>alert" not in page.text
        assert 'href="javascript:' not in page.text
    document = await ask(app, "GET", "/mail/config-v1.1.xml")
    assert ElementTree.fromstring(document.text)[0].findtext("domain") == EVIL


async def test_pages_hold_no_inline_script_or_style() -> None:
    for mode, path in [("open", "/"), ("token", "/"), ("token", "/?t=x"), ("closed", "/"), ("open", "/nowhere")]:
        page = await ask(web(FakeAccounts(mode)), "GET", path)
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", page.text)
        assert re.findall(r"<script[^>]*>([^<]*)</script>", page.text) == [""]


async def test_with_an_operators_certificate_clear_http_leads_to_tls() -> None:
    app = web(FakeAccounts("token"), site(server=Server(HOST, HOST, https=10443)), is_trusted=True)
    for path in ("/", "/?t=a%20b", "/new?t=x"):
        answer = await ask(app, "GET", path, scheme="http", headers={"Host": "evil.example"})
        assert (answer.status_code, answer.headers["location"]) == (308, f"https://{HOST}:10443{path}")
    assert (await ask(app, "GET", "/health", scheme="http")).status_code == 200
    assert (await ask(app, "GET", "/")).status_code == 200


async def test_with_the_self_signed_certificate_clear_http_is_answered() -> None:
    assert link_on(await ask(web(FakeAccounts()), "GET", "/", scheme="http")).startswith("dclogin:")


async def test_an_error_of_ours_shows_nothing_of_itself(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(FakeAccounts):
        async def registration(self) -> str:
            raise RuntimeError("secret words")

    with caplog.at_level("DEBUG"):
        answer = await ask(web(Broken()), "POST", "/new")
    assert (answer.status_code, answer.json()) == (500, {"reason": "Something went wrong on our side."})
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "secret words" not in caplog.text
    assert "request_failed error=RuntimeError" in caplog.text


# Mail policy --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", [f"mta-sts.{HOST}", f"MTA-STS.{HOST}:443"])
async def test_our_mail_policy(host: str) -> None:
    answer = await ask(web(FakeAccounts()), "GET", "/.well-known/mta-sts.txt", headers={"Host": host})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert answer.text == mta_sts.write(HOST)


@pytest.mark.parametrize("host", [HOST, "mta-sts.evil.example", "mta-sts.", "", f"mta-sts.mta-sts.{HOST}", f"x.{HOST}"])
async def test_no_mail_policy_under_other_names(host: str) -> None:
    answer = await ask(web(FakeAccounts()), "GET", "/.well-known/mta-sts.txt", headers={"Host": host})
    assert answer.status_code == 404
