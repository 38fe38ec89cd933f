"""`chatmail up`: all services on this machine, in one terminal.

The settings come from the environment, as for every service, and from flags, which win.
"""

import asyncio
import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path

from chatmail import folder as folders
from chatmail import ports
from chatmail.nursery import Nursery
from chatmail.questions import http
from chatmail.screen import Screen, summary
from chatmail.suite import MODULES, Suite
from chatmail.trouble import Trouble
from shared import settings as reading
from shared.address import literal_ip, parse_own_domain
from shared.listen import notify
from shared.settings import Settings

_DEFAULT_ADDRESS = "127.0.0.1"
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def up(flags: Mapping[str, str], ready_file: Path | None, *, is_json: bool) -> int:
    """Run the suite until a signal stops it and return the exit status; flags are settings by variable name."""
    screen = Screen()
    os.umask(0o077)
    nursery = Nursery.open(MODULES)
    try:
        settings = _settings(flags)
        folder = folders.at(settings.data)
        folder.make()
        with folder.lock():
            screen.progress("looking for ports")
            settings = settings.model_copy(update={"data": folder.root, **ports.choose(settings)})
            suite = Suite(settings, folder, say=screen.say, hear=screen.hear, ready_file=ready_file, nursery=nursery)
            screen.progress("preparing Postgres and Valkey")
            suite.prepare()
            asyncio.run(_run(suite, screen, is_json=is_json))
    except (Trouble, OSError) as error:
        screen.say(f"cannot start: {error}")
        return 1
    except KeyboardInterrupt:
        screen.say("stopped before it was ready")
        return 130
    finally:
        if nursery:
            nursery.close()
    return 0


async def _run(suite: Suite, screen: Screen, *, is_json: bool) -> None:
    stopping = asyncio.Event()
    manager = notify.take()

    def stop() -> None:
        if stopping.is_set():  # asked twice: without patience
            suite.kill()
        stopping.set()

    for number in _STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop)
    starting = asyncio.create_task(_start(suite, screen, is_json=is_json))
    waiting = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            notify.tell(notify.READY, manager)
            await waiting
    except BaseException:
        suite.kill()  # nobody was served yet, so nothing is to be finished
        raise
    finally:
        starting.cancel()
        screen.say("stopping")
        notify.tell(notify.STOPPING, manager)
        await suite.stop()


async def _start(suite: Suite, screen: Screen, *, is_json: bool) -> None:
    await suite.start(screen.progress)
    link = await _link(suite)
    if is_json:
        screen.show(json.dumps({**suite.status(), "dclogin_url": link}) + "\n")
    else:
        screen.show(summary(suite) + _invitation(screen, link) + "\nCtrl-C stops everything.\n")


def _invitation(screen: Screen, link: str) -> str:
    if not link:
        return "\nRegistration is not open: `chatmail accounts create` makes accounts.\n"
    return f"\n{screen.qr(link)}\nScan this with Delta Chat, or open it there:\n{link}\n"


async def _link(suite: Suite) -> str:
    """Ask the page for a new account; no link where registration is closed or needs a token."""
    is_tls = suite.page.startswith("https:")
    port = suite.settings.port_https if is_tls else suite.settings.port_http
    try:
        status, answer = await http(suite.near, port, "POST", "/new", is_tls=is_tls)
    except (OSError, ValueError):
        return ""
    return str(answer.get("dclogin_url", "")) if status == 200 and isinstance(answer, dict) else ""


def _settings(flags: Mapping[str, str]) -> Settings:
    os.environ.update(flags)
    listen = os.environ.get("MADDY_LISTEN", "").replace(",", " ").split()
    own = parse_own_domain(listen[0]) if listen and listen[0] not in ("0.0.0.0", "::") else f"[{_DEFAULT_ADDRESS}]"
    os.environ["MADDY_DOMAIN"] = os.environ.get("MADDY_DOMAIN") or own
    settings = reading.read()
    ip = literal_ip(settings.domain)
    if not settings.listen and ip and ip.is_loopback:  # nobody else could write to it
        settings = settings.model_copy(update={"listen": [str(ip)]})
    return settings
