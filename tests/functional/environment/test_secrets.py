"""Planted secrets are found in no output, and in no file that a run leaves."""

from __future__ import annotations

import json

import pytest

from tests.functional.scripted_engine import ScriptedEngine
from tests.planted import IMAGE, Planted, plant
from tests.project import Project

RUNS = [
    ("env",),
    ("env", "--check"),
    ("up", "--plan"),
    ("up", "--timeout", "3"),
    ("down", "--plan"),
    ("status",),
    ("doctor",),
]


@pytest.fixture
def planted(project: Project) -> Planted:
    return plant(project)


@pytest.fixture
def engine(engine: ScriptedEngine) -> ScriptedEngine:
    """An engine that has the image, so that a start goes on until it is refused."""
    engine.images = [{"Id": "sha256:1", "RepoTags": [IMAGE], "Created": 1, "Size": 1}]
    return engine


def test_the_search_finds_what_is_there(project: Project, planted: Planted) -> None:
    for name, secret in planted.values.items():
        assert f"text 1: {name}, as it is" in planted.leaks(f"before {secret} after")
        assert planted.leaks(json.dumps({"a": secret}))
        project.write("kept/file", f"x{secret}x")
        assert f"kept/file: {name}, as it is" in planted.leaks(folder=project.folder)
        project.write("kept/file", "")
    assert planted.leaks(folder=project.folder) == []


@pytest.mark.parametrize("arguments", RUNS, ids=" ".join)
def test_a_run_leaves_no_secret(
    project: Project, planted: Planted, engine: ScriptedEngine, arguments: tuple[str, ...]
) -> None:
    runs = [project.inv(*arguments), project.inv(*arguments, "--json")]
    assert planted.leaks(*runs, folder=project.folder) == []


@pytest.mark.parametrize(
    "broken",
    [
        "    ports: ['${DB_PASSWORD}:80']\n",
        "    image: '${WATCHWORD}:${API_TOKEN}:x'\n",
        "    mem_limit: ${API_TOKEN}\n",
    ],
    ids=["port", "image", "memory"],
)
def test_an_error_that_quotes_a_secret_is_shown_without_it(
    project: Project, planted: Planted, engine: ScriptedEngine, broken: str
) -> None:
    text = (project.folder / "compose.yaml").read_text()
    project.write("compose.yaml", f"{text}  odd:\n    image: {IMAGE}\n{broken}")
    runs = [project.inv("up"), project.inv("up", "--json")]
    assert runs[0].code != 0
    assert planted.leaks(*runs, folder=project.folder) == []


def test_an_env_file_that_is_refused_is_explained_without_its_values(
    project: Project, planted: Planted, engine: ScriptedEngine
) -> None:
    source = project.folder / ".env"
    lines = source.read_text().splitlines()
    source.write_text("\n".join(f"{line} '" for line in lines) + "\n")
    runs = [project.inv("up"), project.inv("up", "--json"), project.inv("env", "--json")]
    assert runs[0].code == 6
    assert planted.leaks(*runs, folder=project.folder) == []
