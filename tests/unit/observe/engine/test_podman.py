"""Which Podman is too old, by what it says of itself."""

from __future__ import annotations

import pytest

from composetasks.observe.engine.inventory import old_podman


@pytest.mark.parametrize(
    ("server", "old"),
    [
        ("Libpod/4.3.1 (linux)", "4.3.1"),
        ("Libpod/5.4.2 (linux)", ""),
        ("Libpod/10.0.0-dev (linux)", ""),
        ("Docker/28.5.2 (linux)", ""),
        ("Docker/4.0.0 (linux)", ""),
        ("Libpod/x", ""),
        ("", ""),
    ],
)
def test_what_is_older_than_5_is_named(server: str, old: str) -> None:
    assert old_podman(server) == old
