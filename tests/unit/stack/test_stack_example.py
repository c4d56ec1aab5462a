"""The stack's own ``.env.example`` says what its compose files do."""

from __future__ import annotations

import shutil
from pathlib import Path

from composetasks.observe.compose.compose_dotenv import defaults as defaults_in
from composetasks.observe.env.dotenv import read_environment
from composetasks.plan.env.check import problems

ROOT = Path(__file__).parents[3]
MODELS = sorted((ROOT / "compose").glob("compose*.yaml"))
OF_COMPOSE = {"COMPOSE_PROJECT_NAME"}


def test_it_is_a_specification_without_fault(tmp_path: Path) -> None:
    shutil.copy(ROOT / ".env.example", tmp_path)
    environment = read_environment(tmp_path, MODELS, {"POSTGRES_PASSWORD": "of-my-own"})
    assert environment.specification is not None
    assert problems(environment) == ()


def test_a_copy_of_it_is_a_valid_env_file(tmp_path: Path) -> None:
    shutil.copy(ROOT / ".env.example", tmp_path)
    copied = Path(shutil.copy(ROOT / ".env.example", tmp_path / ".env"))
    copied.chmod(0o600)
    result = problems(read_environment(tmp_path, (), {}))
    assert [(one.severity, one.name) for one in result] == [("warning", "POSTGRES_PASSWORD")]


def test_every_variable_of_the_compose_files_is_in_it() -> None:
    environment = read_environment(ROOT, MODELS, {})
    assert set(environment.used) - OF_COMPOSE <= {one.name for one in environment.variables}


def test_every_variable_says_what_it_means() -> None:
    assert [one.name for one in read_environment(ROOT, (), {}).variables if not one.meaning] == []


def test_its_examples_are_the_defaults_of_the_compose_files() -> None:
    examples = {one.name: one.default for one in read_environment(ROOT, (), {}).variables}
    texts = (line.partition(" #")[0] for path in MODELS for line in path.read_text().splitlines())
    defaults = {found for text in texts for found in defaults_in(text)}
    assert {(name, examples.get(name)) for name, _ in defaults if name not in OF_COMPOSE} == {
        (name, default) for name, default in defaults if name not in OF_COMPOSE
    }
