"""Files that are copied into an image and mounted over there."""

from __future__ import annotations

from pathlib import Path

import pytest

from composetasks.facts import Hidden, Mount, Service
from composetasks.observe.images.dockerfile import parse
from composetasks.observe.images.mounted_over import mounted_over
from composetasks.observe.images.needs import ImageConfig
from composetasks.observe.images.stages import Finder
from tests.unit.worlds import service

PATHS = ("lock", "src/a", "src/sub/b")


def hidden(folder: Path, dockerfile: str, *services: Service) -> Hidden:
    for path in PATHS:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    (folder / "link").unlink(missing_ok=True)
    (folder / "link").symlink_to("src")
    parsed = parse(f"FROM x\n{dockerfile}")
    needs = Finder(parsed, {}, {}, "linux/amd64", lambda _: ImageConfig()).find("")
    return mounted_over(needs, str(folder), "web/", services)


def mounting(*mounts: tuple[str, str], **more: tuple[str, str]) -> Service:
    """A service with bind mounts, and others by their type."""
    others = [Mount(kind, *mount) for kind, mount in more.items()]
    return service("web", mounts=(*(Mount("bind", *one) for one in mounts), *others))


@pytest.mark.parametrize(
    ("dockerfile", "mount", "places"),
    [
        ("COPY src /app", ("src", "/app"), ("web/src",)),
        ("COPY src /app/", ("src", "/app/"), ("web/src",)),
        ("COPY --chown=1:1 src /app", ("src", "/app"), ("web/src",)),
        ("COPY src/a /app/", ("src", "/app"), ("web/src/a",)),
        ("COPY src/a /app/a", ("src", "/app"), ("web/src/a",)),
        ("COPY src/sub /app/sub", ("src", "/app"), ("web/src/sub",)),
        ("WORKDIR /app\nWORKDIR in\nCOPY src .", ("src", "/app/in"), ("web/src",)),
        ("COPY . /app", ("", "/app"), ("web/",)),
        ("RUN a\nCOPY src /app\nCMD a", ("src", "/app"), ("web/src",)),
        # Not the same files, or not at the same place.
        ("COPY src /app", ("src", "/other"), ()),
        ("COPY src /app", ("src", "/app/src"), ()),
        ("COPY src/a /app/b", ("src", "/app"), ()),
        ("COPY src /app", ("", "/app"), ()),
        # Not told, or not only copied.
        ("COPY src .", ("src", "/app"), ()),
        ("WORKDIR $HOME\nCOPY src .", ("src", "/app"), ()),
        ("COPY src $APP", ("src", "/app"), ()),
        ("COPY link /app", ("src", "/app"), ()),
        ("COPY src lock /app/", ("src", "/app"), ()),
        ("COPY src /app\nRUN make", ("src", "/app"), ()),
        ("ADD src /app", ("src", "/app"), ()),
        ("COPY src /app\nFROM y\nCOPY --from=0 /app /app", ("src", "/app"), ()),
    ],
)
def test_a_copy_is_hidden_by_a_mount_of_the_very_same_files(
    tmp_path: Path, dockerfile: str, mount: tuple[str, str], places: tuple[str, ...]
) -> None:
    source = str(tmp_path / mount[0]).rstrip("/")
    assert hidden(tmp_path, dockerfile, mounting((source, mount[1]))).places == places


def test_what_others_read_is_seen_all_the_same(tmp_path: Path) -> None:
    text = "COPY loc* /app/\nRUN install\nCOPY . /app\n"
    result = hidden(tmp_path, text, mounting((str(tmp_path), "/app")))
    assert result == Hidden(("web/",), ("web/lock",))
    assert [result.holds(f"web/{path}") for path in PATHS] == [False, True, True]


def test_so_is_what_fills_a_volume_below(tmp_path: Path) -> None:
    web = mounting((str(tmp_path), "/app"), volume=("", "/app/src/sub"), tmpfs=("", "/app/tmp"))
    assert hidden(tmp_path, "COPY . /app", web).seen == ("web/src/sub",)


def test_every_service_has_to_mount_it_and_the_nearest_mount_counts(tmp_path: Path) -> None:
    src, web = str(tmp_path / "src"), mounting((str(tmp_path / "src"), "/app"))
    nearer = mounting((src, "/app"), volume=("data", "/app/sub"))
    assert hidden(tmp_path, "COPY src /app", web, service("bare")) == Hidden()
    assert hidden(tmp_path, "COPY src/sub /app/sub", nearer).places == ()
    assert hidden(tmp_path, "COPY src/sub /app/sub", web).places == ("web/src/sub",)
