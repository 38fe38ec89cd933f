"""What must hold for the web part behind any web proxy; who imports `WebContract` gives it `suite` and `front`."""

import http.client
import json
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from tests.proxies.clients import secret
from tests.proxies.front import Front
from tests.suite import Suite

NAME = "chat.example.org"
PROXY = "127.0.0.1"
BIRTHS = 10  # addresses one source is given at once
SETTINGS = {"MADDY_FORWARDED_FROM": PROXY, "MADDY_SOURCE_CONNECTIONS": "2", "MADDY_MAX_MESSAGE_SIZE": "2000000"}


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    headers: Mapping[str, str]


def ask(
    front: Front,
    source: str,
    path: str,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> Reply:
    """Make a request of the proxy from a loopback address of choice."""
    return _ask(secret(front, "port_https", source, "http/1.1", NAME), path, method, headers or {}, body)


def ask_suite(suite: Suite, source: str, path: str, method: str = "GET", headers: Mapping[str, str] = {}) -> Reply:
    """Make a request of the suite itself, past the proxy."""
    where = (suite.address, suite.ports["port_http"])
    return _ask(socket.create_connection(where, 30, source_address=(source, 0)), path, method, headers)


def _ask(connection: socket.socket, path: str, method: str, headers: Mapping[str, str], body: bytes = b"") -> Reply:
    client = http.client.HTTPConnection(NAME)
    client.sock = connection
    try:
        client.request(method, path, body, dict(headers))
        answer = client.getresponse()
        return Reply(answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()})
    finally:
        client.close()


class WebContract:
    """Tests; each uses client addresses of its own, since limits last."""

    def test_the_page(self, front: Front) -> None:
        page = ask(front, "127.7.1.1", "/")
        assert page.status == 200
        assert b"dclogin:" in page.body
        assert "content-security-policy" in page.headers

    def test_an_address_whose_links_fit_the_mail_ports_certificate(self, front: Front, suite: Suite) -> None:
        given = ask(front, "127.7.1.2", "/new", "POST")
        assert given.status == 200
        link = json.loads(given.body)["dclogin_url"]
        # The proxy's certificate says nothing of the one at the mail ports: that is ours, and self-signed.
        assert re.search(r"[?&]ic=3(&|$)", link)
        assert f"ip={suite.ports['port_imaps']}" in link

    def test_links_lead_to_the_proxy_s_port(self, front: Front) -> None:
        moved = ask(front, "127.7.1.2", "/new")
        assert (moved.status, moved.headers["location"].count(":")) == (301, 2)  # dcaccount:https://…, without a port

    def test_limits_are_each_client_s_own(self, front: Front) -> None:
        answers = [ask(front, "127.7.1.3", "/new", "POST").status for _ in range(BIRTHS + 1)]
        assert answers == [200] * BIRTHS + [429]
        assert ask(front, "127.7.1.4", "/new", "POST").status == 200

    def test_what_a_client_says_of_itself_is_thrown_away(self, front: Front) -> None:
        answers = [
            ask(front, "127.7.1.5", "/new", "POST", {"X-Forwarded-For": f"192.0.2.{number}"}).status
            for number in range(BIRTHS + 1)
        ]
        assert answers == [200] * BIRTHS + [429]

    def test_what_a_stranger_says_past_the_proxy_is_not_believed(self, suite: Suite) -> None:
        answers = [
            ask_suite(suite, "127.7.1.6", "/new", "POST", {"X-Forwarded-For": f"192.0.2.{number}"}).status
            for number in range(BIRTHS + 1)
        ]
        assert answers == [200] * BIRTHS + [429]

    @pytest.mark.parametrize(
        ("headers", "size", "status", "words"),
        [
            pytest.param({}, 0, 400, b"5", id="nobody named"),
            pytest.param(
                {"X-Mail-From": "a@b.test", "X-Mail-To": "nobody@{domain}"}, 1_500_000, 400, b"550 5.1.1", id="nobody"
            ),
            pytest.param(
                {"X-Mail-From": "a@b.test", "X-Mail-To": "a@{domain}"}, 2_000_001, 413, b"552", id="too large"
            ),
        ],
    )
    def test_refusals_of_mail_come_back_in_smtp_s_words(
        self, front: Front, suite: Suite, headers: dict[str, str], size: int, status: int, words: bytes
    ) -> None:
        named = {name: value.format(domain=suite.domain) for name, value in headers.items()}
        answer = ask(front, "127.7.1.7", "/mxdeliv", "POST", named, bytes(size))
        assert (answer.status, answer.body[: len(words)]) == (status, words), answer

    def test_a_letter_to_a_thousand_has_room_for_their_names(self, front: Front, suite: Suite) -> None:
        names = [f"{number:032d}@{suite.domain}" for number in range(1000)]
        headers = {"X-Mail-From": "a@b.test", "X-Mail-To": ",".join(names[:500]), "x-mail-to": ",".join(names[500:])}
        answer = ask(front, "127.7.1.8", "/mxdeliv", "POST", headers)
        assert (answer.status, answer.body[:1]) in ((400, b"5"), (503, b"4"))  # the suite's own words

    def test_mail_is_asked_for_by_other_servers(self, front: Front) -> None:
        assert ask(front, "127.7.1.9", "/mxdeliv").status == 405

    def test_clear_requests_go_where_they_should(self, front: Front) -> None:
        with front.connect("port_http", "127.7.1.10") as clear:
            clear.sendall(b"GET /?t=1 HTTP/1.1\r\nHost: " + NAME.encode() + b"\r\nConnection: close\r\n\r\n")
            said = clear.recv(2000)
        assert said.split()[1] == b"308"
        assert b"https://" + NAME.encode() in said
