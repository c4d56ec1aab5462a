"""What holds for every test."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says something of the machine, and nothing of the code.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

if len(tempfile.gettempdir()) > 20:
    # Sockets lie in the tests' folders, and a socket's path has 107 characters at most (unix(7)).
    os.environ["TMPDIR"] = tempfile.tempdir = "/tmp"

HERE = Path(__file__).parent
MARKS = {"engine": ("engine",), "faults": ("engine", "slow"), "reach": ("engine", "slow")}
"""The marks of the tests in a folder: what needs a real engine, and what takes long."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            for name in MARKS.get(item.path.relative_to(HERE).parts[0], ()):
                item.add_marker(name)
