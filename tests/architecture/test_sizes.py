"""Files and functions stay small, and every module has its room (design §3, §5)."""

import ast
import importlib
import pkgutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = ("shared", "chatmail", "services")
TESTS = ("tests", "bench")
MAX_LINES, MAX_TEST_LINES = 400, 800
USUAL_LINES, MOSTLY = 150, 0.8  # "mostly under 150 lines"
USUAL_FUNCTION = 10
BANNED_NAMES = ("manager", "helper", "util", "utils", "common", "base")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize(("folders", "limit"), [(CODE, MAX_LINES), (TESTS, MAX_TEST_LINES)], ids=["code", "tests"])
def test_no_file_is_too_long(folders: tuple[str, ...], limit: int) -> None:
    assert {name(path): lines(path) for path in sources(*folders) if lines(path) > limit} == {}


def test_most_files_are_short() -> None:
    files = sources(*CODE)
    assert sum(lines(path) < USUAL_LINES for path in files) >= MOSTLY * len(files)


def test_most_functions_are_short() -> None:
    found = [function for path in sources(*CODE) for function in functions(path)]
    # The body alone: a long signature is a table of names, a docstring is not code.
    short = [function for function in found if _body_lines(function) <= USUAL_FUNCTION]
    assert len(short) >= MOSTLY * len(found)


def _body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_no_name_says_nothing() -> None:
    words = {name(path): path.stem.split("_") for path in sources(*CODE)}
    assert [path for path, parts in words.items() if set(parts) & set(BANNED_NAMES)] == []


def test_every_package_is_under_the_import_rules() -> None:
    packages = {path.parent.name for path in ROOT.glob("services/*/*/__init__.py")} | {"shared", "chatmail"}
    assert set(PROJECT["tool"]["importlinter"]["root_packages"]) == packages


def test_every_room_of_shared_and_imap_has_its_place() -> None:
    for contract in PROJECT["tool"]["importlinter"]["contracts"]:
        if contract["type"] != "layers":
            continue
        assert contract["exhaustive"], contract["name"]
        placed = {room.strip() for layer in contract["layers"] for room in layer.replace(":", "|").split("|")}
        for container in contract["containers"]:
            package = importlib.import_module(container)
            rooms = {module.name for module in pkgutil.iter_modules(package.__path__)}
            assert rooms - placed - set(contract.get("exhaustive_ignores", ())) == set(), container
