"""Which images an engine is asked for: those a model has to do with, and all where these do not
tell."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from composetasks.observe.engine.images import FEW, Images
from composetasks.observe.engine.inventory import client_of
from composetasks.observe.engine.local import LocalClient
from tests.functional.scripted_engine import ScriptedEngine

if TYPE_CHECKING:
    from docker import APIClient

DIGEST = "0123456789abcdef01234567"
LIST = ("GET", "/images/json")


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedEngine]:
    with ScriptedEngine(tmp_path) as scripted:
        monkeypatch.setenv("DOCKER_HOST", scripted.url)
        scripted.images = [
            image("sha256:web", "web:latest"),
            image("sha256:db", "registry.example:5000/db:1"),
            image("sha256:old", "other:latest", f"other:ct-{DIGEST}"),
        ]
        yield scripted


@pytest.fixture
def client(engine: ScriptedEngine) -> APIClient:
    return client_of(5)


def image(key: str, *tags: str) -> dict[str, Any]:
    """An image, as both the engine's list and its record of it have it where they differ."""
    return {
        "Id": key,
        "RepoTags": list(tags),
        "Created": "2026-01-01T00:00:00.5Z",
        "Size": 3,
        "Config": {"Labels": {"of": key}},
    }


def test_those_expected_are_had_by_their_names(engine: ScriptedEngine, client: APIClient) -> None:
    named = "registry.example:5000/db:1"

    result = Images(client, {"web:latest", named, "gone:1", "No Name"}).read()

    assert [(one.id, one.tags, one.labels) for one in result] == [
        ("sha256:db", (named,), {"of": "sha256:db"}),
        ("sha256:web", ("web:latest",), {"of": "sha256:web"}),
    ]
    assert (result[0].created, result[0].size) == (1_767_225_600, 3)
    assert LIST not in engine.requests


def test_another_one_is_asked_for_once(engine: ScriptedEngine, client: APIClient) -> None:
    images = Images(client, {"web:latest"})
    images.read()

    base = [images.image("other:latest") for _ in range(2)]
    gone = [images.image("gone:1") for _ in range(2)]

    assert [one and one.id for one in (*base, *gone)] == ["sha256:old"] * 2 + [None] * 2
    assert [one.id for one in images.images] == ["sha256:old", "sha256:web"]
    assert len(engine.requests) == 3


def test_several_are_asked_for_side_by_side(
    engine: ScriptedEngine, client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine with containerd's store takes long over each."""
    asked, both = LocalClient.image_records, threading.Barrier(2)

    def waiting(self: LocalClient, references: Iterable[str]) -> list[Any] | None:
        both.wait(20)
        return asked(self, references)

    monkeypatch.setattr(LocalClient, "image_records", waiting)
    assert len(Images(client, {"web:latest", "other:latest"}).read()) == 2


def test_what_was_built_from_other_inputs_than_those_here_is_looked_for_among_all(
    engine: ScriptedEngine, client: APIClient
) -> None:
    for one in engine.images:
        one |= {"Created": 1, "Labels": {}}
    images = Images(client, {"web:latest"})
    images.read()

    results = [images.built_from(DIGEST), images.built_from("f" * 24)]

    assert [one and one.id for one in results] == ["sha256:old", None]
    assert engine.requests.count(LIST) == 1
    assert len(images.images) == 3


def test_many_are_had_from_one_list(engine: ScriptedEngine, client: APIClient) -> None:
    engine.images = [image("sha256:web", "web:latest") | {"Created": 1}]

    assert Images(client, {f"web{number}" for number in range(FEW + 1)}).read()
    assert engine.requests == [LIST]


def test_one_that_may_not_be_asked_for_by_its_name_is_not_taken_for_missing(
    engine: ScriptedEngine, client: APIClient
) -> None:
    engine.images = [image("sha256:web", "web:latest") | {"Created": 1}]
    engine.forbidden = {("GET", "/images/web:latest/json")}

    assert [one.id for one in Images(client, {"web:latest"}).read()] == ["sha256:web"]


def test_an_engine_on_another_host_is_asked_once() -> None:
    class Far:
        asked = 0

        def images(self) -> list[dict[str, Any]]:
            self.asked += 1
            return [image("sha256:web", "web:latest") | {"Created": 1}]

    far = Far()
    images = Images(cast("APIClient", far), {"web:latest", "gone:1"})

    assert [one.id for one in images.read()] == ["sha256:web"]
    assert (images.image("other:latest"), images.built_from(DIGEST), far.asked) == (None, None, 1)
