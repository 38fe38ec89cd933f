import pytest

from tests.unit.imap.table import Table


@pytest.fixture
def table() -> Table:
    return Table()
