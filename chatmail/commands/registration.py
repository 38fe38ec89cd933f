"""`chatmail registration`: who may come in; it binds the page, `POST /new` and the first login alike."""

import typer

from chatmail import target
from chatmail.answer import Data, Json, answer
from shared.settings import Registration

app = typer.Typer(help="Say who may make an account.", no_args_is_help=True)

_MEANINGS = {
    "open": "Registration is open: everyone may make an account.",
    "closed": "Registration is closed: only `chatmail accounts create` makes accounts.",
    "token": "Registration needs a token: `chatmail tokens create` makes them.",
}


@app.command()
def status(data: Data = None, is_json: Json = False) -> None:
    """Say which registration is in force."""
    suite = target.find(data)
    with suite.operator() as operator:
        _tell(operator.registration(suite.settings.registration), is_json=is_json)


@app.command("open")
def open_(data: Data = None, is_json: Json = False) -> None:
    """Let everyone make an account."""
    _set("open", data, is_json=is_json)


@app.command()
def closed(data: Data = None, is_json: Json = False) -> None:
    """Let nobody but the operator make accounts."""
    _set("closed", data, is_json=is_json)


@app.command()
def token(data: Data = None, is_json: Json = False) -> None:
    """Let those who hold a token make an account."""
    _set("token", data, is_json=is_json)


def _set(mode: Registration, data: Data, *, is_json: bool) -> None:
    with target.find(data).operator() as operator:
        operator.set_registration(mode)
    _tell(mode, is_json=is_json)


def _tell(mode: str, *, is_json: bool) -> None:
    answer({"registration": mode}, _MEANINGS[mode], is_json=is_json)
