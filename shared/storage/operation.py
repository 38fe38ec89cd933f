"""The plain kind of operation: no two of its items ever clash, and none is heavy."""

from collections.abc import Hashable
from typing import Any


class Light:
    """Defaults for an operation whose items are small and independent."""

    limit = 128

    def key(self, item: Any, /) -> Hashable:
        return None

    def weight(self, item: Any, /) -> int:
        return 0
