"""A locale whose encoding lacks what names and files hold."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.functional.scripted_engine import ScriptedEngine
from tests.project import Project

LOCALE = "de_DE.ISO-8859-1"
COMPOSE = """
services:
  web:
    build: ./☕
    command: [echo, "☕ $CUP"]
    volumes: ["./☕/notes:/notes"]
"""


@pytest.fixture
def latin(tmp_path: Path) -> dict[str, str]:
    """The variables of a Latin-1 locale, made where this machine has none."""
    if shutil.which("localedef") is None:
        pytest.skip("there is no localedef")
    making = ["localedef", "-i", "de_DE", "-f", "ISO-8859-1", str(tmp_path / LOCALE)]
    subprocess.run(making, check=False, capture_output=True)
    if not (tmp_path / LOCALE).is_dir():
        pytest.skip("this machine has no sources of locales")
    return {"LOCPATH": str(tmp_path), "LC_ALL": LOCALE}


def test_names_and_files_are_utf_8_whatever_the_locale(
    project: Project, engine: ScriptedEngine, latin: dict[str, str]
) -> None:
    project.compose(COMPOSE)
    project.write(".env", "CUP=☕\n")
    project.write(".env.example", "# composetasks: env\n# a ☕\nCUP=☕\n")
    project.write("☕/Dockerfile", 'FROM scratch\nCOPY . /\nLABEL a="☕"\n')
    project.write("☕/notes/☕", "☕")
    plain = project.inv("up", "--plan", "--json")
    assert plain.code == 0, plain.err
    ran = project.inv("up", "--plan", "--json", **latin)
    assert (ran.code, ran.document) == (0, plain.document)
    assert project.inv("status", **latin).code == 0
    env = project.inv("env", "--json", **latin)
    assert [one["value"] for one in env.document["variables"]] == ["☕"]


def test_what_is_printed_is_in_the_locales_encoding(
    project: Project, latin: dict[str, str]
) -> None:
    project.compose("services: {}")
    project.write(".env", "CUP=é\nTEA=☕\n")
    done = subprocess.run(
        ["inv", "env"],
        cwd=project.folder,
        env={**project.environment, **latin, "PATH": os.environ["PATH"]},
        capture_output=True,
        check=False,
    )
    assert b"\xe9" in done.stdout
    assert b"\\u2615" in done.stdout
