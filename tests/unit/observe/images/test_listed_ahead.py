"""Folders that are listed ahead of the one who reads the inputs."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from composetasks.facts import Build, BuildInputs, Engine, Model
from composetasks.observe.images import listings
from composetasks.observe.images.build_inputs import build_inputs
from composetasks.observe.images.listed_ahead import listed_ahead
from composetasks.observe.images.tree import cache_file, kept_folders
from composetasks.run.forked import ForkedValues
from tests.dockerfiles import model, service

SCRIPTS = Path(__file__).parents[4] / "scripts"


class Came(ForkedValues):
    """Listings that are there from the start."""

    def __init__(self, folders: list[str]) -> None:
        self.started_ns = time.time_ns()
        self.listings = [(path, listings.list_folder(path)) for path in folders]

    def come(self) -> Iterator[tuple[str, str]]:
        while self.listings:
            yield self.listings.pop()


class Context:
    """A context of a few folders, looked at with what was listed ahead."""

    def __init__(self, place: Path) -> None:
        self.cache, self.folder = place / "cache", place / "context"
        self.cache.mkdir()
        for path in ("a", "sub/b", "sub/deep/c"):
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_text(path)
        (self.folder / "Dockerfile").write_text("FROM scratch\nCOPY . /app\n")

    @property
    def model(self) -> Model:
        return model(self.folder.parent, service(Build(str(self.folder), "Dockerfile", {})))

    @property
    def memory(self) -> Path:
        return cache_file(self.cache, "app", "")

    def inputs(self, ahead: ForkedValues | None = None) -> BuildInputs:
        return build_inputs(self.model, Engine(), self.cache, ahead=ahead)["app"]


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(tmp_path)


def test_a_memory_knows_its_folders_in_the_order_of_reading(context: Context) -> None:
    assert kept_folders(context.memory) == []
    context.inputs()
    inner = [str(context.folder / path) for path in ("sub", "sub/deep")]
    assert kept_folders(context.memory) == [str(context.folder), *inner]


def test_what_was_listed_ahead_is_not_listed_again(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = context.inputs()
    came = Came(kept_folders(context.memory))
    monkeypatch.setattr(
        listings, "list_folder", lambda path: pytest.fail(f"{path} is listed again")
    )
    assert context.inputs(came).digest == before.digest


def test_what_did_not_come_is_listed(context: Context) -> None:
    before = context.inputs()
    some = Came(kept_folders(context.memory)[1:2])
    (context.folder / "sub/deep/c").write_text("another")
    now = context.inputs(some)
    assert now.digest != before.digest
    assert dict(now.files) == dict(context.inputs().files)


def test_an_edit_that_was_there_when_it_was_listed_is_seen(context: Context) -> None:
    before = context.inputs()
    (context.folder / "sub/b").write_text("another")
    assert context.inputs(Came(kept_folders(context.memory))).digest != before.digest


def test_a_small_context_is_not_worth_a_fork(context: Context) -> None:
    context.inputs()
    with listed_ahead(context.model, context.cache) as ahead:
        assert ahead is None


def test_a_fork_lists_what_the_memory_knows(context: Context) -> None:
    before = context.inputs().digest
    program = f"""
import os, pathlib, sys
os.cpu_count = lambda: 2
from composetasks.facts import Build, Engine, Model, Service
from composetasks.observe.images import listed_ahead, listings
from composetasks.observe.images.build_inputs import build_inputs
from composetasks.observe.images.tree import kept_folders, cache_file
from composetasks.run.forked import ForkedValues
listed_ahead.WORTHWHILE = 0
folder, cache = {str(context.folder)!r}, pathlib.Path({str(context.cache)!r})
build = Build(folder, "Dockerfile", {{}})
app = Service(name="app", image="app", config_hash="", container_names=(), config={{}}, build=build)
model = Model("p", cache.parent, (), {{"app": app}})
wanted = set(kept_folders(cache_file(cache, "app", "")))
with listed_ahead.listed_ahead(model, cache) as listed:
    came = {{}}
    while came.keys() != wanted:
        came.update(listed.come())
    assert all(listings.list_folder(path) == found for path, found in came.items())
with listed_ahead.listed_ahead(model, cache) as listed:
    print(build_inputs(model, Engine(), cache, ahead=listed)["app"].digest)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={"PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.strip() == before, done.stderr
