"""What these tests have measured, for the table at their end."""

FIGURES: dict[str, str] = {}


def note(name: str, value: float, unit: str) -> None:
    """Keep a figure; a later one of the same name takes its place."""
    FIGURES[name] = f"{value:,.1f} {unit}"


def note_octets(name: str, octets: int) -> None:
    """Keep a size."""
    note(name, octets / 1e6, "MB")
