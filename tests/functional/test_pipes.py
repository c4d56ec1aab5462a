"""A named pipe in the place of a file: nobody writes into it, and nobody waits for it."""

from __future__ import annotations

import os

import pytest

from tests.functional.scripted_engine import ScriptedEngine
from tests.project import Project


@pytest.mark.parametrize("name", ["web/Dockerfile", "web/.dockerignore", ".env", "web/common.yaml"])
def test_it_is_refused_and_named(project: Project, engine: ScriptedEngine, name: str) -> None:
    project.write("web/Dockerfile", "FROM scratch\nCOPY . /\n")
    include = "include: [web/common.yaml]\n" if name == "web/common.yaml" else ""
    project.compose(f"{include}services:\n  web: {{build: ./web}}\n")
    pipe = project.folder / name
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    ran = project.inv("build", "--plan")
    assert ran.code == 6, ran.err
    assert name in ran.err
    assert "named pipe" in ran.err


def test_a_compose_file_from_standard_input_is_refused_and_called_that(project: Project) -> None:
    ran = project.inv("up", "--plan", COMPOSE_FILE="-")
    assert ran.code == 6, ran.err
    assert "standard input can be read only once" in ran.err
    assert "regular file" in ran.err
