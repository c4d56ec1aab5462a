"""Whatever is in the place of a cache entry: tasks say the same as without, and write it again."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.functional.scripted_engine import ScriptedEngine
from tests.project import Project

COMPOSE = """
services:
  web: {build: ./web, volumes: ["./web/data:/data"], environment: {PASSWORD: hunter2-and-more}}
  side: {image: "db:1", network_mode: "service:web"}
"""


def _link(place: Path) -> None:
    elsewhere = place.with_name("elsewhere")
    place.rename(elsewhere)
    place.symlink_to(elsewhere)


def _pipe(place: Path) -> None:
    place.unlink()
    os.mkfifo(place)


def _folder(place: Path) -> None:
    place.unlink()
    place.mkdir()


def _bad_byte(place: Path) -> None:
    data = place.read_bytes()
    place.write_bytes(data[: len(data) // 2] + b"\xff" + data[len(data) // 2 + 1 :])


def _older(place: Path) -> None:
    place.write_bytes(b'{"folders": []}')


def _shape(body: bytes) -> Callable[[Path], None]:
    def write(place: Path) -> None:
        place.write_bytes(b"composetasks memory %08x\n" % zlib.crc32(body) + body)

    return write


DAMAGE: dict[str, Callable[[Path], None]] = {
    "a bad byte": _bad_byte,
    "cut": lambda place: os.truncate(place, place.stat().st_size // 2),
    "empty": lambda place: os.truncate(place, 0),
    "an older format": _older,
    "a list": _shape(b"[1, [2], {}]"),
    "a mapping": _shape(b'{"files": 1, "folders": {"a": []}, "answer": {"config": []}}'),
    "a number": _shape(b"1e999"),
    "a link": _link,
    "a pipe": _pipe,
    "a folder": _folder,
}


@pytest.fixture
def shop(project: Project, engine: ScriptedEngine) -> Project:
    project.compose(COMPOSE)
    project.write("web/Dockerfile", "FROM db:1\nCOPY . /app\n")
    project.write("web/data/a", "a")
    engine.images = [{"Id": "sha256:db", "RepoTags": ["db:1"], "Created": 1, "Size": 2}]
    return project


def test_a_damaged_cache_entry_is_none(shop: Project) -> None:
    cache = shop.folder / ".composetasks" / "cache"
    first = shop.inv("up", "--plan", "--json")
    assert first.code == 0, first.err
    for about, damage in DAMAGE.items():
        kept = [path for path in cache.rglob("*") if path.is_file() and not path.is_symlink()]
        assert {path.name.split("-")[0] for path in kept} >= {"compose", "files", "state"}
        for place in kept:
            damage(place)
        again = shop.inv("up", "--plan", "--json")
        assert (again.code, again.document) == (0, first.document), (about, again.err)
