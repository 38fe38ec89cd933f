"""`chatmail dns` as a shell sees it: the zone it prints is the zone it wants to find."""

import json
from collections.abc import Callable, Iterator

import psycopg
import pytest

from chatmail import __main__ as command
from tests.dns_server import DnsServer

RSA = f"v=DKIM1; k=rsa; p={'A' * 392}"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module", autouse=True)
def keys(database_urls: dict[str, str]) -> None:
    with psycopg.connect(database_urls["postgres"]) as connection:
        for domain in ("a.test", "b.test"):
            connection.execute("INSERT INTO chatmail.dkim_key VALUES (%s, 'default', '', %s)", (domain, RSA))


@pytest.fixture
def world() -> Iterator[DnsServer]:
    with DnsServer("a.test. IN A 192.0.2.1\n1.2.0.192.in-addr.arpa. IN PTR a.test.") as dns:
        yield dns


@pytest.fixture
def run(
    database_urls: dict[str, str],
    world: DnsServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    def call(*words: str, **settings: str) -> tuple[int, str, str]:
        environment = {"database_url": database_urls["operator"], "dns": world.address, "domain": "a.test", **settings}
        with monkeypatch.context() as patch:
            patch.setattr("sys.argv", ["chatmail", "dns", *words])
            for name, value in environment.items():
                patch.setenv(f"MADDY_{name.upper()}", value)
            with pytest.raises(SystemExit) as end:
                command.main()
        return int(end.value.code or 0), *capsys.readouterr()

    return call


def test_the_zone_that_is_printed_passes_the_check(run: Run) -> None:
    status, printed, _ = run(local_domains="b.test")
    assert status == 0
    reverse = "1.2.0.192.in-addr.arpa. IN PTR a.test.\n"
    with DnsServer(reverse + printed) as published:
        status, report, _ = run("--check", local_domains="b.test", dns=published.address)
    assert (status, report.splitlines()[-1]) == (0, "All is as it should be.")
    assert "b.test. 3600 IN MX 10 a.test." in printed


def test_what_mail_needs_decides(run: Run, world: DnsServer) -> None:
    status, report, _ = run("--check")
    assert status == 1
    assert "missing      required     MX     a.test\n             publish: 10 a.test.\n" in report
    assert "2 required and 11 recommended records are not as they should be" in report
    world.set("a.test", "MX", ["10 a.test."])
    world.set("default._domainkey.a.test", "TXT", ['"p=BBBB"'])
    status, report, _ = run("--check")
    assert (status, "found:   p=BBBB\n" in report) == (1, True)
    world.set("default._domainkey.a.test", "TXT", [f'"{RSA[:200]}" "{RSA[200:]}"'])
    status, report, _ = run("--check")
    assert status == 0
    assert "All that is required is there; 11 recommended" in report


def test_json(run: Run, world: DnsServer) -> None:
    status, out, _ = run("--json")
    assert status == 0
    assert json.loads(out)[0] == {
        "subject": "a.test",
        "name": "a.test",
        "kind": "A",
        "value": "192.0.2.1",
        "need": "required",
    }
    world.set("a.test", "MX", ["10 b.test."])
    status, out, _ = run("--check", "--json")
    assert status == 1
    assert {
        "state": "differs",
        "need": "required",
        "kind": "MX",
        "name": "a.test",
        "value": "10 a.test.",
        "found": ["10 b.test."],
    } in json.loads(out)


def test_public_addresses_we_listen_on_are_those_to_publish(run: Run, world: DnsServer) -> None:
    assert "a.test. 3600 IN A 9.9.9.9\n" in run(listen="127.0.0.1,9.9.9.9")[1]
    status, report, _ = run("--check", listen="9.9.9.9")
    assert status == 1
    assert (
        "differs      required     A      a.test\n             publish: 9.9.9.9\n             found:   192.0.2.1"
        in report
    )


def test_a_world_that_is_away(run: Run, world: DnsServer) -> None:
    world.fail("a.test")
    status, printed, _ = run()
    assert (status, "; a.test. 3600 IN A …" in printed) == (0, True)
    status, report, _ = run("--check")
    assert (status, "unreachable  required     A      a.test\n" in report) == (1, True)


def test_an_address_needs_no_dns(run: Run) -> None:
    for words in ((), ("--check",)):
        assert run(*words, domain="192.0.2.7") == (0, "[192.0.2.7] is an address: it needs no DNS.\n", "")
    assert run("--json", domain="192.0.2.7")[1] == "[]\n"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"domain": "192.0.2.7", "local_domains": "a.test"}, "a domain needs a host with a name"),
        ({"dns": "-resolver.test"}, "MADDY_DNS: "),
        ({"dns": "127.0.0.1:99999"}, "MADDY_DNS: 127.0.0.1:99999 is no address of a DNS server"),
    ],
)
def test_what_cannot_be_done_is_said(run: Run, settings: dict[str, str], sentence: str) -> None:
    status, out, err = run(**settings)
    assert (status, out) == (1, "")
    assert sentence in err
