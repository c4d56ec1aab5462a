"""Random contexts, random edits: equal digests mean equal layers, and for COPY the other way
round too."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from composetasks.facts import Build
from composetasks.observe.engine.inventory import connect
from tests.engine import busybox
from tests.engine.images import Truth

pytestmark = pytest.mark.engine
EXAMPLES = int(os.environ.get("CT_BUILD_EXAMPLES", "12"))

NAMES = ("a", "b", "a.txt", "c.md", ".x", "d")
PATHS = tuple(
    "/".join((*above, name)) for above in ((), ("d",), ("e",), ("e", "d")) for name in NAMES[:5]
)
TWO_FOLDERS = "COPY d e /app/"
"""The mode of the first is lost under the second: the step runs again, with an equal result."""
COPIES = (
    TWO_FOLDERS,
    "COPY . /app/",
    "COPY e /app/",
    "COPY *.txt a* /app/",
    "COPY e/* /app/",
    "COPY --chmod=0644 . /app/",
    "COPY --chmod=u=rwX,go=rX e /app/",
    "COPY --exclude=*.md --exclude=**/a . /app/",
    "COPY l /app/",
    "ADD e/d /app/",
)
MOUNTS = (
    "RUN --mount=target=/m --network=none head -c 9 /dev/urandom > /new",
    "RUN --mount=source=e,target=/m --network=none head -c 9 /dev/urandom > /new",
)
IGNORES = ("", "*.md\n", "**/a\n!e/a\n", "*\n!e\n!*.txt\n!l\n", "e/d\n", "e\n!e/d/a.txt\n")


def _write(folder: Path, path: str, other: str) -> None:
    (folder / path).write_text(f"new {other}")


def _chmod(folder: Path, path: str, other: str) -> None:
    (folder / path).chmod(0o755 if (folder / path).is_dir() == ("d" in other) else 0o700)


def _swap(folder: Path, path: str, other: str) -> None:
    between = folder.parent / "between"
    (folder / path).rename(between)
    (folder / other).rename(folder / path)
    between.rename(folder / other)


def _rename(folder: Path, path: str, other: str) -> None:
    (folder / path).rename(folder / f"{path}2")


def _delete(folder: Path, path: str, other: str) -> None:
    (folder / path).unlink()


def _touch(folder: Path, path: str, other: str) -> None:
    os.utime(folder / path, (1, 1))


def _folder_mode(folder: Path, path: str, other: str) -> None:
    (folder / path).parent.chmod(0o700)


def _new_folder(folder: Path, path: str, other: str) -> None:
    (folder / f"{path}.new").mkdir()


def _link(folder: Path, path: str, other: str) -> None:
    (folder / path).unlink()
    (folder / path).symlink_to(os.path.basename(other))


def _same_size_and_time(folder: Path, path: str, other: str) -> None:
    place = folder / path
    status = place.stat()
    place.write_text("x" * status.st_size)
    os.utime(place, ns=(status.st_atime_ns, status.st_mtime_ns))


EDITS: tuple[Callable[[Path, str, str], None], ...] = (
    *(_write, _chmod, _swap, _rename, _delete, _touch, _folder_mode, _new_folder, _link),
    _same_size_and_time,
)


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Truth]:
    busybox.image()
    client = connect()
    made = Truth(tmp_path_factory.mktemp("truth"), client)
    yield made
    made.remove()
    client.close()


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES < 50,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    paths=st.sets(st.sampled_from(PATHS), min_size=4, max_size=9),
    steps=st.lists(st.sampled_from(COPIES), min_size=1, max_size=2),
    mount=st.sampled_from(("", "", *MOUNTS)),
    ignore=st.sampled_from(IGNORES),
    edits=st.lists(
        st.tuples(st.sampled_from(EDITS), st.integers(0, 50), st.integers(0, 50)),
        min_size=1,
        max_size=2,
    ),
)
def test_the_digest_says_whether_the_layers_are_the_same(
    truth: Truth,
    paths: set[str],
    steps: list[str],
    mount: str,
    ignore: str,
    edits: list[tuple[Callable[[Path, str, str], None], int, int]],
) -> None:
    folder = truth.folder / uuid.uuid4().hex / "context"
    for path in sorted(paths | {"e/d/a.txt", "d/b", "a.txt"}):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)
    (folder / "l").symlink_to("e/d")
    lines = [f"FROM {busybox.TAG}", *steps, *([mount] if mount else [])]
    (folder / "Dockerfile").write_text("\n".join(lines) + "\n")
    if ignore:
        (folder / ".dockerignore").write_text(f"{ignore}Dockerfile\n.dockerignore\n")
    build = Build(str(folder), "Dockerfile", {})
    try:
        before = truth.layers(build)
    except AssertionError:
        event("does not build")
        return
    was = truth.inputs(build)
    chosen = sorted(paths)
    for edit, one, another in edits:
        path, other = chosen[one % len(chosen)], chosen[another % len(chosen)]
        try:
            edit(folder, path, other)
        except OSError:
            event("an edit that can't be made")
    now = truth.inputs(build)
    if any(not os.access(folder / path, os.F_OK) for path in ("d", "e", "l")):
        return
    try:
        after = truth.layers(build)
    except AssertionError:
        event("does not build any more")
        assert now.digest != was.digest
        return
    finally:
        shutil.rmtree(folder.parent)
    if now.digest == was.digest:
        assert after == before
    elif not mount and TWO_FOLDERS not in steps:
        event("rebuilt")
        assert after != before
