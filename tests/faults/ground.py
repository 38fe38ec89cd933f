"""A stranger's domain with its mail server and its part of the DNS, and the ways to spoil them and mend them."""

import socket
from contextlib import ExitStack
from typing import Self

from tests.certificates import Leaf, self_signed
from tests.federation import PORTS, World
from tests.remote import Letter, Remote
from tests.suite import free_address

TLSA = "_25._tcp."


class Ground:
    """`<name>.test`, whose one mail server `mx.<name>.test` does everything right, over SMTP alone."""

    def __init__(self, world: World, us: str, name: str, stack: ExitStack) -> None:
        self._world, self._us, self._stack = world, us, stack
        self.dns = world.dns
        self.domain = f"{name}.test"
        self.host = f"mx.{self.domain}"
        self._leaf = self._shown = world.authority.issue(self.host)
        self.remote = self._start(self._leaf)
        self.others: list[Remote] = []
        self.remote.at("GET", (404, ""))
        self._clogging: list[socket.socket] = []
        self.exchangers(f"10 {self.host}.")
        self.move(self.remote.address)

    @property
    def letters(self) -> list[Letter]:
        """Everything that arrived whole, at whichever server."""
        return [letter for remote in (self.remote, *self.others) for letter in list(remote.letters)]

    @property
    def tries(self) -> int:
        """How often the first server saw somebody try: a connection that is kept carries several."""
        commands = [command.partition(" ")[0] for command in [*self.remote.commands, *self.remote.requests]]
        return max(self.remote.connections, commands.count("MAIL"), commands.count("POST"))

    @property
    def taken(self) -> list[Letter]:
        """What arrived and was answered with a yes."""
        return [letter for letter in self.letters if letter.answer.startswith("2")]

    def forget(self) -> Self:
        """Mend the server, and forget what arrived."""
        self.remote.forget()
        self.remote.at("GET", (404, ""))
        return self

    # The way there.

    def exchangers(self, *records: str) -> Self:
        self.dns.set(self.domain, "MX", list(records))
        return self

    def move(self, address: str) -> Self:
        self.dns.set(self.host, "A", [address])
        return self

    def point_at_us(self) -> None:
        self.move(self._us)

    def hide(self) -> None:
        self.dns.set(self.host, "A", [])

    def vanish(self) -> None:
        self.exchangers().hide()

    def fail_tlsa(self) -> None:
        self._vouch()
        self.dns.fail(TLSA + self.host)

    def heal_dns(self) -> None:
        for name in (self.domain, self.host, TLSA + self.host):
            self.dns.heal(name)

    def close(self) -> None:
        self.remote.stop()

    def open(self) -> None:
        self.remote.start()

    def clog(self) -> None:
        """Let nobody in and refuse nobody: with a full queue the kernel answers no SYN."""
        self.remote.stop()
        for port in PORTS.values():
            listening = self._stack.enter_context(socket.create_server((self.remote.address, port), backlog=0))
            waiting = self._stack.enter_context(socket.create_connection((self.remote.address, port), 5))
            self._clogging += [listening, waiting]

    def unclog(self) -> None:
        for one in self._clogging:
            one.close()
        self.remote.start()

    # Its TLS.

    def sign_oneself(self) -> Self:
        return self._show(self_signed(self.host))

    def certify(self, name: str = "", days: int = 30) -> Self:
        return self._show(self._world.authority.issue(name or self.host, days=days))

    def certify_as_at_first(self) -> Self:
        return self._show(self._leaf)

    def offer_no_tls(self) -> Self:
        self.remote.context = None
        return self

    def offer_tls(self) -> Self:
        return self.certify()

    def pin(self) -> Self:
        """Publish a TLSA record, signed, for the certificate shown now."""
        self._vouch()
        self.dns.set(TLSA + self.host, "TLSA", [self._shown.tlsa(3, 1, 1)], is_authentic=True)
        return self

    def sts(self, mode: str = "enforce", mx: str = "") -> Self:
        """Publish an MTA-STS policy on a web server of its own."""
        name = f"mta-sts.{self.domain}"
        web = self._start(self._world.authority.issue(name))
        policy = f"version: STSv1\nmode: {mode}\nmx: {mx or self.host}\nmax_age: 86400\n"
        web.pages["/.well-known/mta-sts.txt"] = (200, "text/plain", policy.encode())
        self.dns.set(name, "A", [web.address])
        self.dns.set(f"_mta-sts.{self.domain}", "TXT", ['"v=STSv1; id=1;"'])
        return self

    # Its doors.

    def has_door(self) -> None:
        """Take mail over HTTPS as well."""
        self.remote.forget()

    def refuse(self, **replies: str) -> None:
        for name, reply in replies.items():
            self.remote.at(f"RCPT {name}@{self.domain}", reply)

    def second(self) -> Self:
        """Have a second, less preferred server that does everything right."""
        other = self._start(self._world.authority.issue(f"mx2.{self.domain}"))
        other.at("GET", (404, ""))
        self.others.append(other)
        self.exchangers(f"10 {self.host}.", f"20 mx2.{self.domain}.")
        self.dns.set(f"mx2.{self.domain}", "A", [other.address])
        return self

    def _start(self, leaf: Leaf) -> Remote:
        remote = Remote(free_address(), leaf, port=PORTS["port_smtp"], https_port=PORTS["port_https"])
        return self._stack.enter_context(remote)

    def _show(self, leaf: Leaf) -> Self:
        self._shown = leaf
        self.remote.replace_leaf(leaf)
        return self

    def _vouch(self) -> None:
        self.dns.set(self.domain, "MX", [f"10 {self.host}."], is_authentic=True)
        self.dns.set(self.host, "A", [self.remote.address], is_authentic=True)
