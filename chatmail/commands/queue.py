"""`chatmail queue`: what waits for other servers: who to, since when, and what they said; never what it says itself."""

import secrets
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from chatmail import target
from chatmail.answer import Data, Json, answer, require, size, table
from chatmail.target import Target
from chatmail.trouble import Trouble
from shared.address import AddressError, parse_own_domain
from shared.mail.report import Failure, failure

if TYPE_CHECKING:
    from shared.storage.operator import Operator
    from shared.storage.operator_queue import Dropped, RecipientLine, WaitingMessage

app = typer.Typer(help="Look at what waits for other servers, hurry it, or give it up.", no_args_is_help=True)

Message = Annotated[int | None, typer.Argument(metavar="ID", help="A message's number.", show_default=False)]
Domain = Annotated[str, typer.Option(help="All that waits for this domain.", show_default=False)]
All = Annotated[bool, typer.Option("--all", help="All that waits.")]
Sure = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether this is meant.")]

Choice = tuple[int | None, str | None]


@app.command("list")
def list_(domain: Domain = "", data: Data = None, is_json: Json = False) -> None:
    """List the domains that mail waits for, or the messages that wait for one."""
    with target.find(data).operator() as operator:
        if domain:
            table(operator.queue.messages(_domain(domain)), f"Nothing waits for {domain}.", is_json=is_json)
        else:
            table(operator.queue.destinations(), "Nothing waits for other servers.", is_json=is_json)


@app.command()
def show(
    message: Annotated[int, typer.Argument(metavar="ID", help="A message's number.")],
    data: Data = None,
    is_json: Json = False,
) -> None:
    """Show whom a message waits for, how often it was tried, and what was said last."""
    with target.find(data).operator() as operator:
        found = operator.queue.show(message)
    if found is None:
        raise Trouble(f"there is no message {message} in the queue")
    answer(found, _shown(found), is_json=is_json)


@app.command()
def retry(
    message: Message = None, domain: Domain = "", is_all: All = False, data: Data = None, is_json: Json = False
) -> None:
    """Try again now, also what was set aside as poison, and where nobody answered lately."""
    choice = _choice(message, domain, is_all=is_all)
    with target.find(data).operator() as operator:
        due = operator.queue.retry(*choice)
        _require_some(operator, choice, due)
    answer({"retried": due}, f"{_recipients(due)} tried again now.", is_json=is_json)


@app.command()
def drop(
    message: Message = None,
    domain: Domain = "",
    is_silent: Annotated[bool, typer.Option("--silent", help="Do not tell the senders.")] = False,
    is_sure: Sure = False,
    data: Data = None,
    is_json: Json = False,
) -> None:
    """Give up on a message, or on all that waits for a domain; the senders are told that it failed."""
    choice = _choice(message, domain, is_all=False)
    suite = target.find(data)
    if not is_sure and sys.stdin.isatty():
        typer.confirm(f"Drop what waits for {domain}?" if domain else f"Drop message {message}?", abort=True)
    with suite.operator() as operator:
        dropped = operator.queue.drop(*choice, None if is_silent else partial(_report, suite))
        _require_some(operator, choice, dropped)
        left = operator.queue.under_way(*choice)
    more = f"; {_recipients(left)} being tried at this moment, and not dropped" if left else ""
    answer({"dropped": dropped, "trying": left}, f"{_recipients(dropped)} dropped{more}.", is_json=is_json)


def _choice(message: int | None, domain: str, *, is_all: bool) -> Choice:
    if (message is not None) + bool(domain) + is_all != 1:
        raise Trouble("name one message, or a --domain" + ("" if is_all else "; `queue list` shows them"))
    return message, _domain(domain) if domain else None


def _recipients(number: int) -> str:
    return "1 recipient is" if number == 1 else f"{number} recipients are"


def _domain(text: str) -> str:
    try:
        return parse_own_domain(text)
    except AddressError:
        raise Trouble(f"{text} is not a domain") from None


def _require_some(operator: "Operator", choice: Choice, done: int) -> None:
    if not done and operator.queue.under_way(*choice):
        raise Trouble("it is being tried at this moment; look again in a minute")
    require(done, "nothing of that is in the queue")


def _report(suite: Target, dropped: "Dropped") -> bytes:
    """Write the report on recipients of one message that are given up."""
    name = secrets.token_hex(16)
    given_up = zip(dropped.recipients, dropped.codes, dropped.texts, strict=True)
    return failure(
        sender_domain=dropped.domain,
        hostname=suite.settings.hostname,
        to=dropped.sender,
        failures=[Failure(to, "5.3.0", _words(code, text), "") for to, code, text in given_up],
        original=dropped.header,
        now=time.time(),
        message_id=f"{name}@{dropped.domain}",
        boundary=name,
    )


def _words(code: int | None, text: str | None) -> str:
    said = _said(code, text)
    return f"given up by the operator of this server{f'; last answer: {said}' if said else ''}"


def _said(code: int | None, text: str | None) -> str:
    """Return a server's last words as one line that does nothing to a terminal."""
    words = " ".join(part for part in (str(code or ""), text or "") if part)
    return "".join(letter if letter.isprintable() else "?" for letter in words)


def _shown(found: "WaitingMessage") -> str:
    head = [
        f"message {found.id}, {size(found.size)}, from {found.sender or 'nobody: a report'}",
        f"accepted {found.accepted:%Y-%m-%d %H:%M}{', its sender knows that it waits' if found.is_warned else ''}",
    ]
    return "\n".join(head + [_line(one) for one in found.recipients])


def _line(one: "RecipientLine") -> str:
    said = _said(one.last_code, one.last_text)
    due = f", next try {one.next_try:%Y-%m-%d %H:%M}" if one.state == "waiting" else ""
    return f"  {one.recipient}: {one.state}, {one.attempts} attempts{due}{f': {said}' if said else ''}"
