"""The messages the gate is judged by: files made by real programs, and what is made of them."""

from collections.abc import Iterator
from pathlib import Path

from tests.gate.mailers import MAILERS
from tests.gate.mutants import MUTANTS, Mutant
from tests.gate.recipe import Recipe, armored, dearmored

DATA = Path(__file__).parents[1] / "data" / "gate"
# One of each kind of packet sequence: v6 and v3 keys, passwords, old-format headers, partial lengths.
_BASES = ["core/2.65-05-text", "core/2.65-01-securejoin", "core/2.22-05-text"]
_CIPHERTEXT_BASES = ["gnupg-rsa", "gnupg-pipe-partial", "gnupg-password-and-key", "sequoia-v6"]
_WIDTHS = [60, 72, 76]  # of the lines other writers make; those of the files are 64


def genuine() -> Iterator[tuple[str, bytes]]:
    """Yield every message that must pass, with a name."""
    for path in sorted((DATA / "core").glob("*.eml")):
        yield path.stem, path.read_bytes()
    for path in sorted((DATA / "ciphertexts").glob("*.asc")):
        for mailer, dress in MAILERS.items():
            yield f"{path.stem}-{mailer}", dress(path.read_bytes())
        octets = dearmored(path.read_bytes())
        for width in _WIDTHS:
            yield f"{path.stem}-{width}-columns", Recipe(octets).but(second=armored(octets, width=width))


def refused() -> Iterator[tuple[str, bytes, str]]:
    """Yield every message a person would file as refused, with the reason beside it."""
    for path in sorted((DATA / "refused").glob("*.eml")):
        yield path.stem, path.read_bytes(), path.with_suffix(".why").read_text()


def mutants() -> Iterator[tuple[str, bytes, Mutant]]:
    for name, recipe in _recipes():
        for mutant in MUTANTS:
            yield f"{mutant.name} of {name}", mutant.make(recipe), mutant


def _recipes() -> Iterator[tuple[str, Recipe]]:
    for name in _BASES:
        raw = (DATA / f"{name}.eml").read_bytes()
        armor = raw[raw.index(b"-----BEGIN") : raw.rindex(b"\r\n--")]
        yield name, Recipe(dearmored(armor))
    for name in _CIPHERTEXT_BASES:
        yield name, Recipe(dearmored((DATA / "ciphertexts" / f"{name}.asc").read_bytes()))
