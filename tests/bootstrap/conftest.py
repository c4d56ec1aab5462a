"""A machine for each test, as bare as a machine can be."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bootstrap.machine import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Debian 12, root, and no program that bootstrap could use but the usual tools."""
    return Machine(tmp_path / "machine")
