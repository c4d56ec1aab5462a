"""How many images are built at once where nobody says."""

from __future__ import annotations

import io

import pytest

from composetasks.apply.images import build


@pytest.mark.parametrize(
    ("cores", "free_gib", "jobs"), [(2, 24, 3), (1, 24, 2), (8, 6, 3), (8, 1, 1), (None, 24, 2)]
)
def test_cores_and_memory_decide(
    cores: int | None, free_gib: int, jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = f"MemTotal: 99 kB\nMemAvailable: {free_gib * 1024**2} kB\n"
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    monkeypatch.setattr(build, "open", lambda _, encoding: io.StringIO(shown), raising=False)
    assert build.default_jobs() == jobs


def test_cores_alone_decide_where_memory_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str, encoding: str) -> io.StringIO:
        raise FileNotFoundError

    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr(build, "open", missing, raising=False)
    assert build.default_jobs() == 3
