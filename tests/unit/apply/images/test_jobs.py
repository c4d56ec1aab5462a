"""How many images are built at once where nobody says."""

from __future__ import annotations

import psutil
import pytest

from composetasks.apply.images import build
from composetasks.observe.doctor import machine


@pytest.mark.parametrize(
    ("cores", "free_gib", "jobs"), [(2, 24, 3), (1, 24, 2), (8, 6, 3), (8, 1, 1), (None, 24, 2)]
)
def test_cores_and_memory_decide(
    cores: int | None, free_gib: int, jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    monkeypatch.setattr(machine, "available_memory", lambda: free_gib * 1024**3)
    assert build.default_jobs() == jobs


def test_cores_alone_decide_where_memory_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise FileNotFoundError

    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr("psutil.virtual_memory", missing)
    assert build.default_jobs() == 3


def test_free_memory_is_a_part_of_the_machine_s() -> None:
    free = machine.available_memory()
    assert free is not None
    assert 0 < free < psutil.virtual_memory().total
