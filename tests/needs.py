"""Programs a test needs and a machine may not have."""

import os
import shutil

import pytest


def needs(program: str) -> str:
    """Return the program's path; leave the test out without it, or fail where nothing may be left out."""
    found = shutil.which(program)
    if found:
        return found
    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(f"needs: {program}", pytrace=False)
    pytest.skip(f"needs: {program}")
