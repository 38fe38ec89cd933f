"""The running suite: Postgres and Valkey, the migration, the services, in this order; and back again.

Nothing here prints: what there is to say goes through the two callables the suite is given.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from chatmail import ports, strays
from chatmail.embedded import postgres, valkey
from chatmail.embedded.postgres import OWNER, Postgres, connections_for
from chatmail.embedded.valkey import Valkey
from chatmail.folder import Folder
from chatmail.keeper import Keeper, Say
from chatmail.nursery import Nursery
from chatmail.process import Command, Hear, Process
from chatmail.questions import has_answered
from chatmail.services import OPERATOR, PORTS, SERVICES, Service, redis_users
from chatmail.trouble import Trouble
from shared.settings import Settings, environment

_PYTHON = (sys.executable, "-P", "-m")  # -P: the folder one stands in is no place to import from
_SERVER_PATIENCE = 60.0
MIGRATION = "shared.storage.migrate"
MODULES = (MIGRATION, *(service.main for service in SERVICES))  # what a nursery is to know


class Suite:
    """All processes of one data folder. `say` takes events, `hear` every line of a service's log."""

    def __init__(
        self,
        settings: Settings,
        folder: Folder,
        *,
        say: Say,
        hear: Hear,
        ready_file: Path | None,
        nursery: Nursery | None = None,
    ) -> None:
        self.settings = settings
        self.folder = folder
        self._say = say
        self._hear = hear
        self._nursery = nursery
        self._ready_files = [folder.status, *([ready_file] if ready_file else [])]
        self._is_ready = False
        self._has_complained = False
        connections = connections_for(settings.workers)
        self._postgres = (
            None if settings.database_url else Postgres(folder.postgres, folder.postgres_sockets, connections)
        )
        self._valkey = None if settings.redis_url else Valkey(folder.run, redis_users())
        self._servers: list[Keeper] = []
        self._services: list[Keeper] = []
        self._logs: list[IO[bytes]] = []

    def prepare(self) -> None:
        """Put in order what the servers need, before anything runs; blocks for half a second the first time."""
        if left := strays.stop(self.folder.run):
            self._say(f"stopped what an earlier start left running: {', '.join(left)}")
        for server in (self._postgres, self._valkey):
            if server:
                server.prepare()

    async def start(self, progress: Say) -> None:
        """Start everything and return when each service has answered its question; raise Trouble.

        Services wait for Postgres and its schema by themselves, so their start costs no time of its own.
        """
        self._services = [self._service(service) for service in SERVICES]
        await _all([self._start_servers(progress), *(keeper.start() for keeper in self._services)])
        if self._nursery:  # kept, it would take more than a service that ever is started again takes by itself
            self._nursery.close()
        self._is_ready = True
        self._changed()

    async def _start_servers(self, progress: Say) -> None:
        progress("starting Postgres and Valkey")
        if self._postgres:
            self._servers.append(self._server("postgres", self._postgres, postgres.STOP_SIGNAL))
        if self._valkey:
            self._servers.append(self._server("valkey", self._valkey, valkey.STOP_SIGNAL))
        await _all(keeper.start() for keeper in self._servers)
        progress("migrating the database")
        await self._migrate()
        progress("waiting for the services")

    async def _migrate(self) -> None:
        """Bring the schema, the roles and the secrets up to date, or raise Trouble."""
        command = Command("migrate", [*_PYTHON, MIGRATION], self._environment(OWNER), module=MIGRATION)
        process = Process(command, self._hear, self._nursery)
        await process.start()
        try:
            if status := await process.wait():
                last = process.last_lines[-1] if process.last_lines else f"status {status}"
                raise Trouble(f"the database could not be migrated: {last}")
        finally:
            process.kill()

    async def stop(self) -> None:
        """Let the services finish what they are at, then stop the servers, last started first."""
        self._is_ready = False
        for path in self._ready_files:
            path.unlink(missing_ok=True)
        await asyncio.gather(*(keeper.stop() for keeper in reversed(self._services)))
        for keeper in reversed(self._servers):
            await keeper.stop()
        strays.record(self.folder.run, {})
        for log in self._logs:
            log.close()

    def kill(self) -> None:
        """Let no service finish anything."""
        for keeper in self._services:
            keeper.process.kill()

    def status(self) -> dict[str, Any]:
        """Return what the ready file holds."""
        return {
            "pid": os.getpid(),
            "services": {keeper.process.name: keeper.ready_pid for keeper in self._services},
            "servers": {keeper.process.name: keeper.ready_pid for keeper in self._servers},
            "ports": {name: getattr(self.settings, name) for name in PORTS},
            "metrics": ports.metrics(self.settings),
            "addresses": self.settings.addresses,
            "domain": self.settings.domain,
            "hostname": self.settings.hostname,
            "data": str(self.folder.root),
            "database_url": self._database_url(OPERATOR),
            "owner_url": self._database_url(OWNER),
            "redis_url": self._redis_url(OPERATOR),
            "page": self.page,
            "settings": self.settings.model_dump(mode="json", exclude={"database_url", "redis_url"}),
        }

    @property
    def page(self) -> str:
        """The address of the web page: https only where browsers will trust the certificate."""
        has_certificate = (self.settings.tls_folder / "fullchain.pem").exists()
        scheme, port, usual = ("https", "port_https", 443) if has_certificate else ("http", "port_http", 80)
        host = f"[{self.settings.hostname}]" if ":" in self.settings.hostname else self.settings.hostname
        number = getattr(self.settings, port)
        return f"{scheme}://{host}/" if number == usual else f"{scheme}://{host}:{number}/"

    @property
    def near(self) -> str:
        """An address at which this machine reaches its own services."""
        first = self.settings.addresses[0]
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(first, first)

    def _server(self, name: str, server: Postgres | Valkey, stop_signal: int) -> Keeper:
        self._logs.append(self.folder.open_log(name))

        async def is_ready() -> bool:
            return server.is_ready()

        words = server.command()
        command = Command(name, words, os.environ, stop_signal, _SERVER_PATIENCE, self._logs[-1], server.popen())
        return self._keeper(Process(command, self._hear), is_ready, before=server.clear)

    def _service(self, service: Service) -> Keeper:
        environment = self._environment(service.role)
        environment["MADDY_METRICS_PORT"] = str(ports.metrics(self.settings).get(service.name, 0))
        environment["MADDY_METRICS_LISTEN"] = ",".join(ports.inner(self.settings))
        if service.name == "register":  # the door /mxdeliv is smtp-in's, and so is its way into Postgres
            environment["MADDY_INBOUND_DATABASE_URL"] = self._database_url("smtp_in")
        command = Command(service.name, [*_PYTHON, service.module], environment, module=service.main)
        process = Process(command, self._hear, self._nursery)

        async def is_ready() -> bool:
            if service.question == "event":
                return process.has_said_ready
            return await has_answered(service.question, self.near, getattr(self.settings, service.ports[0]))

        return self._keeper(process, is_ready)

    def _keeper(self, process: Process, is_ready: Any, before: Callable[[], None] = lambda: None) -> Keeper:
        return Keeper(process, is_ready, say=self._say, on_change=self._changed, before=before)

    def _environment(self, role: str) -> dict[str, str]:
        urls = {"MADDY_DATABASE_URL": self._database_url(role), "MADDY_REDIS_URL": self._redis_url(role)}
        return {**environment(self.settings), **urls, "PYTHONUNBUFFERED": "1"}

    def _database_url(self, role: str) -> str:
        return self._postgres.url(role) if self._postgres else self.settings.database_url.replace("{role}", role)

    def _redis_url(self, user: str) -> str:
        return self._valkey.url(OPERATOR if user == OWNER else user) if self._valkey else self.settings.redis_url

    def _changed(self) -> None:
        # The services run, with these files or without: a full disk is a reason for a word, once, and none to stop.
        try:
            self._write_down()
        except OSError as error:
            if not self._has_complained:
                self._say(f"cannot write down what runs: {error}")
            self._has_complained = True
        else:
            self._has_complained = False

    def _write_down(self) -> None:
        # Postgres keeps a record of its own, and must not be killed as the others may.
        kept = [*self._servers, *self._services]
        pids = {keeper.process.name: keeper.process.pid for keeper in kept if keeper.process.is_running}
        strays.record(self.folder.run, {name: pid for name, pid in pids.items() if name != "postgres"})
        if self._is_ready:
            for path in self._ready_files:
                _write(path, json.dumps(self.status(), indent=2) + "\n")


def _write(path: Path, text: str) -> None:
    # Only for us: it holds the operator's way into Redis.
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_text(text)
    new.replace(path)


async def _all(starting: Any) -> None:
    """Wait for all of these, or for the first that fails."""
    tasks = [asyncio.ensure_future(start) for start in starting]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
