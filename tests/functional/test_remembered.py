"""Whatever is added, changed, renamed or taken away: the remembered model is the one that Compose
gives without a memory."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from composetasks.facts import Model
from composetasks.observe.compose.binary import find
from composetasks.observe.compose.config import ask
from composetasks.observe.compose.model import load_model
from composetasks.run.compose import Compose
from composetasks.run.failure import TaskFailure

COMPOSE = """
name: shop
include: [{path: parts/included.yaml}, {path: parts/odd.stack}]
services:
  web:
    image: web:${TAG:-none}
    env_file: [{path: web.env, required: false}]
    label_file: ./web.labels
    environment: [PASSED, my.key]
  base:
    extends: {file: parts/base.yaml, service: base}
secrets: {token: {environment: TOKEN}}
"""
FILES = {
    "compose.yaml": COMPOSE,
    "parts/included.yaml": "services: {included: {image: 'included:${INNER:-none}'}}\n",
    "parts/odd.stack": "services: {odd: {image: 'odd:1', environment: [ODD]}}\n",
    "parts/base.yaml": "services: {base: {image: base:1, env_file: [{path: base.env, required: "
    "false}]}}\n",
    "web.labels": "a=1\n",
}


@dataclass
class Folder:
    """A project in a folder below another one."""

    path: Path
    calls: list[str]
    answers: list[dict[str, Any]]

    def write(self, name: str, text: str) -> None:
        place = self.path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def load(self, cache: str) -> Model | str:
        """The model with the memory of this name, or why there is none."""
        place = self.path.parent / cache
        place.mkdir(exist_ok=True)
        try:
            return replace(load_model(find(self.path), place), warnings=())
        except TaskFailure as failure:
            return (failure.detail.splitlines() or [failure.message])[-1]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    for name in ("TAG", "PASSED", "INNER", "TOKEN", *filter(_of_compose, os.environ)):
        monkeypatch.delenv(name, raising=False)
    made = Folder(tmp_path / "above" / "project", [], [])
    for name, text in FILES.items():
        made.write(name, text)

    def counted(
        compose: Compose, files: Sequence[Path], key: bytes, *, all_profiles: bool
    ) -> dict[str, Any]:
        # Nothing changes within a step: Compose is asked once in each.
        made.calls.append("asked")
        if not made.answers:
            made.answers.append(ask(compose, files, key, all_profiles=all_profiles))
        return copy.deepcopy(made.answers[0])

    monkeypatch.setattr("composetasks.observe.compose.model.ask", counted)
    return made


def _of_compose(name: str) -> bool:
    return name.startswith("COMPOSE_")


OTHER = "services: {other: {image: other:1}}\n"
Change = Callable[[Folder, pytest.MonkeyPatch], None]


def written(name: str, text: str) -> Change:
    return lambda folder, _patch: folder.write(name, text)


def renamed(name: str, new: str) -> Change:
    def rename(folder: Folder, _patch: pytest.MonkeyPatch) -> None:
        (folder.path / name).rename(folder.path / new)

    return rename


def removed(name: str) -> Change:
    return lambda folder, _patch: (folder.path / name).unlink()


def variable(name: str, value: str) -> Change:
    return lambda _folder, patch: patch.setenv(name, value)


def unset(name: str) -> Change:
    return lambda _folder, patch: patch.delenv(name)


def linked(name: str, target: str) -> Change:
    return lambda folder, _patch: (folder.path / name).symlink_to(target)


WALK: list[tuple[str, Change]] = [
    ("an override is added", written("compose.override.yaml", OTHER)),
    ("it is renamed", renamed("compose.override.yaml", "docker-compose.override.yml")),
    ("one that goes before it", written("compose.override.yml", OTHER.replace("1", "2"))),
    ("it is changed", written("compose.override.yml", OTHER.replace("1", "3"))),
    ("it is removed", removed("compose.override.yml")),
    ("the last override is removed", removed("docker-compose.override.yml")),
    ("the compose file gets an older name", renamed("compose.yaml", "docker-compose.yml")),
    ("a file of the first name is added", written("compose.yaml", "name: shop\n" + OTHER)),
    ("and removed", removed("compose.yaml")),
    ("one of the second name is added", written("compose.yml", "name: shop\n" + OTHER)),
    ("and becomes a link", removed("compose.yml")),
    ("to the first", linked("compose.yml", "docker-compose.yml")),
    ("all are gone from here", removed("compose.yml")),
    ("and one is found above", renamed("docker-compose.yml", "../kept")),
    ("when it is there", written("../compose.yaml", "name: shop\n" + OTHER)),
    ("one beside it overrides", written("../compose.override.yaml", OTHER.replace("1", "4"))),
    ("one in the folder goes before", renamed("../kept", "compose.yaml")),
    ("a missing env_file is there", written("web.env", "A=1\n")),
    ("it is changed", written("web.env", "A=$TAG\n")),
    ("it is renamed", renamed("web.env", "web2.env")),
    ("that of an extended service", written("parts/base.env", "B=1\n")),
    ("labels are changed", written("web.labels", "a=2\n")),
    ("labels are gone", removed("web.labels")),
    ("and there again", written("web.labels", "a=2\n")),
    ("an extended file is changed", written("parts/base.yaml", FILES["parts/base.yaml"] + "#\n")),
    ("an included file is removed", removed("parts/included.yaml")),
    ("and there again", written("parts/included.yaml", FILES["parts/included.yaml"])),
    ("a variable of the process", variable("TAG", "1")),
    ("another value", variable("TAG", "2")),
    ("empty", variable("TAG", "")),
    ("unset", unset("TAG")),
    (".env is added", written(".env", "TAG=3\n")),
    (".env is changed", written(".env", "TAG=4\nINNER=4\n")),
    (".env of an included file", written("parts/.env", "INNER=5\n")),
    ("it is removed", removed("parts/.env")),
    ("one that is passed on", variable("PASSED", "1")),
    ("under no plain name", variable("my.key", "1")),
    ("by a file whose name ends as it likes", variable("ODD", "1")),
    ("a secret's", variable("TOKEN", "first")),
    ("a secret's other value", variable("TOKEN", "second")),
    (".env is disabled", variable("COMPOSE_DISABLE_ENV_FILE", "1")),
    ("or not", variable("COMPOSE_DISABLE_ENV_FILE", "0")),
    ("env files are named", variable("COMPOSE_ENV_FILES", "other.env")),
    ("and there", written("other.env", "TAG=6\n")),
    ("and changed", written("other.env", "TAG=7\nCOMPOSE_FILE=second.yaml\n")),
    ("with the compose file they name", written("second.yaml", "name: shop\n" + OTHER)),
    ("which changes", written("second.yaml", "name: shop\n" + OTHER.replace("1", "8"))),
    ("no more", unset("COMPOSE_ENV_FILES")),
    (".env names two", written(".env", "COMPOSE_FILE=compose.yaml:second.yaml\n")),
    ("with another separator", written(".env", "COMPOSE_FILE=compose.yaml,second.yaml\n")),
    ("which is named", variable("COMPOSE_PATH_SEPARATOR", ",")),
    ("the process names one", variable("COMPOSE_FILE", "second.yaml")),
    ("two, one of which is extended", variable("COMPOSE_FILE", "compose.yaml,parts/base.yaml")),
    ("what that names beside the first", written("base.env", "BASE=1\n")),
    ("one again", variable("COMPOSE_FILE", "second.yaml")),
    ("a project's name", variable("COMPOSE_PROJECT_NAME", "other")),
    (".env is a folder", removed(".env")),
    ("without effect", lambda folder, _patch: (folder.path / ".env").mkdir()),
    ("the process names none", unset("COMPOSE_FILE")),
]


def test_a_walk_through_all_that_a_model_is_made_from(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.load("cache")
    refused = []
    for number, (about, change) in enumerate(WALK):
        change(folder, monkeypatch)
        folder.answers.clear()
        fresh = folder.load(f"cache-{number}")
        assert folder.load("cache") == fresh, about
        # What is refused is not remembered.
        asked = len(folder.calls)
        assert folder.load("cache") == fresh, about
        assert len(folder.calls) == asked or isinstance(fresh, str), about
        refused += [about] if isinstance(fresh, str) else []
    assert len(refused) == 6
