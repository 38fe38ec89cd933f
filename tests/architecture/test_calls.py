"""Calls that turn somebody's octets into code are not made anywhere (C3 of the attack list)."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(path for folder in ("shared", "chatmail", "services") for path in (ROOT / folder).rglob("*.py"))
MODULES = {"pickle", "marshal", "shelve", "dill", "yaml", "commands", "code", "xml"}
CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "subprocess.getoutput", "yaml.load"}


def dangers(text: str) -> list[str]:
    """Return what is in a module that has no place in ours."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [name.name for name in node.names]
            found += [name for name in names if name.partition(".")[0] in MODULES]
        if isinstance(node, ast.Call):
            found += [name for name in [ast.unparse(node.func)] if name in CALLS]
            found += ["shell=True" for word in node.keywords if word.arg == "shell"]
    return found


def test_no_module_makes_them() -> None:
    assert len(FILES) > 100
    assert {str(path.relative_to(ROOT)): found for path in FILES if (found := dangers(path.read_text()))} == {}


@pytest.mark.parametrize(
    "text",
    ["import pickle", "from yaml import load", "eval(x)", "os.system(x)", "subprocess.run(x, shell=True)"],
)
def test_they_would_be_seen(text: str) -> None:
    assert dangers(text)
