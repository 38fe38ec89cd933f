"""`chatmail backup` and `chatmail restore`: everything a suite knows, in one file.

A backup is taken while the suite runs. A restore wants it stopped: with an embedded Postgres it starts that by itself,
else the database that MADDY_DATABASE_URL names is to be there, and no service.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from chatmail import folder as folders
from chatmail import target, whole
from chatmail.answer import Data, Json, require, size
from chatmail.trouble import Trouble
from shared import settings as reading
from shared.settings import Settings

if TYPE_CHECKING:
    from shared.storage.backup import Copied
    from shared.storage.backup_format import Header, Reader

STANDARD = "-"
A_WORD_EVERY = 10_000_000  # octets
OWNER_IN_CONTAINERS = "in containers: docker compose run --rm -T migrate chatmail …"

To = Annotated[str, typer.Argument(metavar="FILE", help="Where to; - is standard output.")]
From = Annotated[str, typer.Argument(metavar="FILE", help="Where from; - is standard input.")]
Replace = Annotated[bool, typer.Option("--replace", help="Also in place of accounts and mail that are there.")]
Check = Annotated[bool, typer.Option("--check", help="Only read the file, and say whether it is whole.")]


def backup(file: To, data: Data = None, is_json: Json = False) -> None:
    """Write everything the suite knows into one file, while it runs; one that is there is replaced."""
    from shared.storage.backup import About
    from shared.storage.backup import backup as back_up

    suite = target.find(data)
    require(suite.owner_url, "this suite was started by an older version; start it again first")
    chosen = suite.settings
    about = About(chosen.domain, tuple(chosen.local_domains), chosen.hostname)
    with _told(), _outgoing(file) as write:
        copied = back_up(suite.owner_url, about, write, _progress())
    _answer(copied, "is in the backup", is_json=is_json, is_error=file == STANDARD)


def restore(
    file: From, may_replace: Replace = False, is_check: Check = False, data: Data = None, is_json: Json = False
) -> None:
    """Put a backup into the database of a suite that is stopped: all of it or nothing."""
    with _told(), _incoming(file) as stream:
        from shared.storage.backup_format import Reader

        reader = Reader(stream)
        if is_check:
            copied, words = _checked(reader), "is in the backup, and it is whole"
        else:
            copied, words = _restored(reader, data, may_replace=may_replace), "is restored"
    _answer(copied, words, is_json=is_json, is_error=False)


def _checked(reader: "Reader") -> "Copied":
    from shared.storage.backup import Copied
    from shared.storage.backup_format import End

    rows = next(entry.rows for entry in reader.entries() if isinstance(entry, End))
    return Copied(rows, reader.octets, reader.header.taken)


def _restored(reader: "Reader", data: Path | None, *, may_replace: bool) -> "Copied":
    settings = _settings(reader.header)

    def load(url: str) -> "Copied":
        from shared.storage.migrate import bring_up
        from shared.storage.restore import restore

        made = partial(bring_up, settings=settings)
        return restore(url, reader, made, may_replace=may_replace, progress=_progress())

    if data is None and (url := target.given_url()):
        return load(url)
    from chatmail.embedded.alone import with_postgres

    folder = folders.at(data or Path(os.environ.get("MADDY_DATA") or target.DEFAULT_DATA))
    settings = settings.model_copy(update={"data": folder.root})
    os.umask(0o077)
    return with_postgres(folder, load, _say)


def _settings(header: "Header") -> Settings:
    """Read the settings; what they leave out is as it was where the backup was taken."""
    if os.environ.get("MADDY_DOMAIN"):
        settings = reading.read()
    else:
        try:
            was = {"hostname": header.hostname, "local_domains": list(header.local_domains)}
            settings = Settings(domain=header.domain, **was)  # type: ignore[arg-type]
        except ValueError:
            raise Trouble("the backup's domain is none; set MADDY_DOMAIN") from None
    if header.domain not in settings.domains:
        raise Trouble(
            f"the backup is of {header.domain!r}, and this suite is {settings.domain}: nobody could log in; "
            f"set MADDY_DOMAIN, or MADDY_LOCAL_DOMAINS to serve both"
        )
    return settings


@contextmanager
def _outgoing(file: str) -> Iterator[Callable[[bytes], object]]:
    if file != STANDARD:
        with whole.written(Path(file)) as write:
            yield write
        return
    require(not sys.stdout.isatty(), "a backup is nothing for a terminal; name a file, or pipe it on")
    yield whole.to(whole.STANDARD_OUTPUT)


@contextmanager
def _incoming(file: str) -> Iterator[IO[bytes]]:
    if file == STANDARD:
        require(not sys.stdin.isatty(), "name the backup's file, or give it on standard input")
        yield sys.stdin.buffer
        return
    with Path(file).open("rb") as stream:
        yield stream


@contextmanager
def _told() -> Iterator[None]:
    """Turn what can go wrong into Trouble."""
    from shared.storage.backup_catalog import NotAllowed, NotOwner
    from shared.storage.backup_format import BadBackup

    try:
        yield
    except NotOwner:
        raise Trouble(f"only the owner of the database may do this ({OWNER_IN_CONTAINERS})") from None
    except (BadBackup, NotAllowed) as error:
        raise Trouble(str(error)) from None
    except OSError as error:
        named = f"{error.filename}: " if error.filename else ""
        raise Trouble(f"{named}{error.strerror or error}") from None
    finally:
        _clear_line()


def _progress() -> Callable[[str, int], None]:
    """Tell a terminal which table is under way, and how far the backup is."""
    shown: tuple[str, int] = ("", -1)

    def progress(table: str, octets: int) -> None:
        nonlocal shown
        now = (table, octets // A_WORD_EVERY)
        if now != shown and sys.stderr.isatty():
            print(f"\r\x1b[K{table}, {size(octets)} …", end="", file=sys.stderr, flush=True)
            shown = now

    return progress


def _clear_line() -> None:
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _say(text: str) -> None:
    print(f"chatmail: {text}", file=sys.stderr)


def _answer(copied: "Copied", words: str, *, is_json: bool, is_error: bool) -> None:
    value: dict[str, Any] = {"taken": copied.taken.isoformat(), "octets": copied.octets, "rows": copied.rows}
    accounts, messages = copied.rows.get("account", 0), copied.rows.get("message", 0)
    sentence = (
        f"What the suite knew on {copied.taken:%Y-%m-%d at %H:%M %Z} {words}; "
        f"accounts: {accounts}, messages: {messages}, {size(copied.octets)}."
    )
    typer.echo(json.dumps(value) if is_json else sentence, err=is_error)
