"""Which empty folders and files a start leaves on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from composetasks.facts import Mount
from composetasks.observe.images.mount_points import empty_ones, mount_points
from tests.unit.worlds import model, service


def left(folder: Path, *mounts: tuple[str, str, str], **config: Any) -> list[str]:
    """The patterns for the project in ``folder``; a mount is its type, source and target."""
    made = [Mount(kind, source, target) for kind, source, target in mounts]
    of = model(service("web", mounts=tuple(made), config=config), directory=folder)
    return empty_ones(mount_points(of), str(folder))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path.resolve()


@pytest.mark.parametrize(
    ("mount", "patterns"),
    [
        (("volume", "", "/app/node_modules"), ["node_modules"]),
        (("volume", "venv", "/app/.venv/"), [".venv"]),
        (("volume", "", "/app/[id]/x"), [r"\[id\]", r"\[id\]/x"]),
        (("bind", "/etc/hosts", "/app/a/hosts"), ["a", "a/hosts"]),
        (("volume", "", "/application"), []),
        (("volume", "", "/app/full"), []),
        (("volume", "", "/app/full/new"), ["full/new"]),
    ],
)
def test_a_mount_inside_of_a_bind_mount_needs_a_place(
    project: Path, mount: tuple[str, str, str], patterns: list[str]
) -> None:
    (project / "full").mkdir()
    (project / "full" / "file").touch()
    mounts = (("bind", str(project), "/app"), mount)
    assert left(project, *mounts) == patterns
    for pattern in patterns:
        place = project / pattern.replace("\\", "")
        place.touch() if mount[0] == "bind" and place.name == "hosts" else place.mkdir()
    assert left(project, *mounts) == patterns


def test_a_bind_mount_s_missing_source_is_made_as_a_folder(project: Path) -> None:
    (project / "empty.conf").touch()
    logs, conf = str(project / "logs"), str(project / "empty.conf")
    assert left(project, ("bind", logs, "/logs"), ("bind", conf, "/conf")) == ["logs"]


def test_what_lies_in_a_volume_or_beside_the_context_is_no_matter(project: Path) -> None:
    mounts = [("volume", "data", "/app/data"), ("volume", "", "/app/data/deeper")]
    mounts += [("bind", str(project / "src"), "/app"), ("bind", str(project.parent), "/up")]
    assert left(project, *mounts) == ["src", "src/data"]


def test_memory_has_a_place_too(project: Path) -> None:
    mount = ("bind", str(project), "/app")
    assert left(project, mount, tmpfs=["/app/tmp:size=1m", "/run"]) == ["tmp"]
    assert left(project, mount, tmpfs="/app/tmp") == ["tmp"]


def test_one_folder_for_two_mounts(project: Path) -> None:
    mounts = [
        ("bind", str(project), "/app"),
        ("volume", "", "/app/a/x"),
        ("volume", "", "/app/a/y"),
    ]
    assert left(project, *mounts) == ["a", "a/x", "a/y"]
    (project / "a" / "x").mkdir(parents=True)
    assert left(project, *mounts) == ["a", "a/x", "a/y"]
    (project / "a" / "x" / "file").touch()
    assert left(project, *mounts) == ["a/y"]
