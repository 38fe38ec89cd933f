import pytest
from register.links import Server, dcaccount, dclogin, https, is_dcaccount_sure

NAME = Server("chat.example.org", "example.org")


@pytest.mark.parametrize(
    ("server", "address", "password", "is_trusted", "link"),
    [
        pytest.param(
            NAME,
            "abcdefghi@example.org",
            "Pw1",
            True,
            "dclogin:abcdefghi@example.org?p=Pw1&v=1&ih=chat.example.org&ip=993&is=ssl"
            "&sh=chat.example.org&sp=465&ss=ssl&ic=1",
            id="a name, an operator's certificate",
        ),
        pytest.param(
            Server("127.0.0.5", "[127.0.0.5]", imaps=10993, submissions=10465),
            "abcdefghi@[127.0.0.5]",
            "Pw1",
            False,
            "dclogin:abcdefghi@[127.0.0.5]?p=Pw1&v=1&ih=127.0.0.5&ip=10993&is=ssl&sh=127.0.0.5&sp=10465&ss=ssl&ic=3",
            id="an IPv4 literal: brackets in the address, none in the hosts, ports in force",
        ),
        pytest.param(
            Server("2001:db8::1", "[IPv6:2001:db8::1]"),
            "abcdefghi@[IPv6:2001:db8::1]",
            "Pw1",
            False,
            "dclogin:abcdefghi@[IPv6:2001:db8::1]?p=Pw1&v=1&ih=2001:db8::1&ip=993&is=ssl"
            "&sh=2001:db8::1&sp=465&ss=ssl&ic=3",
            id="an IPv6 literal",
        ),
        pytest.param(
            Server("_h", "_h"),
            "a?b&c@_h",
            'ü &?#=%+"',
            False,
            "dclogin:a%3Fb%26c@_h?p=%C3%BC%20%26%3F%23%3D%25%2B%22&v=1&ih=_h&ip=993&is=ssl&sh=_h&sp=465&ss=ssl&ic=3",
            id="what would end a field is encoded",
        ),
    ],
)
def test_dclogin(server: Server, address: str, password: str, is_trusted: bool, link: str) -> None:
    assert dclogin(server, address, password, is_trusted=is_trusted) == link


def test_dcaccount() -> None:
    assert dcaccount(NAME) == "dcaccount:https://chat.example.org/new"
    assert dcaccount(NAME, "a&b c") == "dcaccount:https://chat.example.org/new?t=a%26b%20c"


def test_https_carries_the_port_in_force() -> None:
    assert https(Server("h", "h", https=10443), "/x") == "https://h:10443/x"
    assert https(Server("::1", "[IPv6:::1]"), "/") == "https://[::1]/"


def test_a_further_domain_has_its_page_at_itself() -> None:
    assert https(Server("h", "d").at("e.org"), "/x") == "https://e.org/x"


@pytest.mark.parametrize(
    ("server", "is_trusted", "is_sure"),
    [
        pytest.param(Server("e.org", "e.org"), True, True, id="a name with a certificate"),
        pytest.param(Server("e.org", "e.org"), False, False, id="self-signed: the client is strict"),
        pytest.param(Server("_e.org", "_e.org"), False, True, id="self-signed on an underscore name"),
        pytest.param(Server("127.0.0.1", "[127.0.0.1]"), True, False, id="an address literal has no autoconfig"),
        pytest.param(Server("h.e.org", "[127.0.0.1]"), True, False, id="a literal domain with a named host"),
        pytest.param(Server("127.0.0.1", "e.org"), True, False, id="a bare address as host"),
        pytest.param(Server("mail.e.org", "e.org"), True, True, id="a host name that clients guess"),
        pytest.param(Server("mx1.e.org", "e.org"), True, False, id="a host name that nobody guesses"),
        pytest.param(Server("mail.e.org", "e.org", imaps=10993), True, False, id="guessed, but on other ports"),
        pytest.param(Server("e.org", "e.org", imaps=10993), True, True, id="autoconfig tells other ports"),
        pytest.param(Server("e.org", "e.org", https=10443), True, True, id="no autoconfig, but standard ports"),
        pytest.param(Server("e.org", "e.org", imaps=10993, https=10443), True, False, id="every port is another"),
        pytest.param(Server("mx1.e.org", "e.org").at("a.org"), True, True, id="a further domain whose page is visited"),
        pytest.param(
            Server("e.org", "e.org", https=10443).at("a.org"), True, False, id="a further one without autoconfig"
        ),
        pytest.param(Server("_e.org", "_e.org").at("a.org"), False, False, id="a further one that is checked"),
    ],
)
def test_dcaccount_is_offered_only_where_it_works(server: Server, is_trusted: bool, is_sure: bool) -> None:
    assert is_dcaccount_sure(server, is_trusted=is_trusted) is is_sure
