"""Which files are read, in which order, and what they and ``.env.example`` say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composetasks.facts import Environment, Problem
from composetasks.observe.compose import compose_dotenv
from composetasks.observe.env import dotenv
from composetasks.observe.env.dotenv import read_environment
from composetasks.plan.env.check import lines, problems
from composetasks.plan.env.specification import values

MARK = "# composetasks: env\n"


class Folder:
    """A project's folder, and what its environment is."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, text: str, mode: int = 0o600) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def read(self, process: Mapping[str, str] | None = None, *models: Path) -> Environment:
        return read_environment(self.path, models, process or {})

    def problems(
        self, process: Mapping[str, str] | None = None, *models: Path
    ) -> tuple[Problem, ...]:
        return problems(self.read(process, *models))

    def value(self, name: str, process: Mapping[str, str] | None = None) -> str | None:
        result = values(self.read(process), name)
        return result[0].value if result else None


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_nothing_at_all_is_no_problem(folder: Folder) -> None:
    assert folder.problems({"DECISION_THRESHOLD": "abc"}) == ()


def test_an_example_without_the_mark_is_documentation(folder: Folder) -> None:
    folder.write(".env.example", "# type: int\n# required\nA=1\n")
    folder.write(".env", "A=x\nB=$C\nC\n", 0o644)
    assert folder.problems() == ()


def test_without_a_specification_only_what_compose_refuses_is_a_problem(folder: Folder) -> None:
    folder.write(".env", "A B=1\nC='\nD=pa$x\n")
    assert [(one.severity, one.line) for one in folder.problems()] == [("fatal", 1), ("fatal", 2)]


def test_the_process_goes_before_the_file(folder: Folder) -> None:
    folder.write(".env", "A=1\n")
    assert folder.value("A") == "1"
    assert folder.value("A", {"A": "2"}) == "2"
    assert folder.value("A", {"A": ""}) == ""
    assert folder.value("B") is None


def test_of_the_files_in_compose_env_files_the_last_wins(folder: Folder) -> None:
    folder.write(".env", "A=0\n")
    folder.write("one", "A=1\nB=1\n")
    folder.write("two", "A=2\nC=$B\n")
    process = {"COMPOSE_ENV_FILES": "one,two"}
    assert [folder.value(name, process) for name in "ABC"] == ["2", "1", "1"]


def test_a_file_of_compose_env_files_that_is_missing_is_fatal(folder: Folder) -> None:
    (result,) = folder.problems({"COMPOSE_ENV_FILES": "none"})
    assert (result.severity, result.file) == ("fatal", "none")


def test_the_file_beside_the_compose_file_fills_what_the_first_leaves(folder: Folder) -> None:
    folder.write(".env", "COMPOSE_FILE=sub/compose.yaml\nA=1\n")
    folder.write("sub/.env", "A=2\nB=2\n")
    assert [folder.value(name) for name in "AB"] == ["1", "2"]
    folder.write(".env", "A=1\n")
    assert folder.value("B") is None
    assert folder.value("B", {"COMPOSE_FILE": "sub/compose.yaml"}) == "2"


@pytest.mark.parametrize("word", ["1", "true"])
def test_the_file_can_be_disabled(folder: Folder, word: str) -> None:
    folder.write(".env", "A=1\n")
    assert folder.value("A", {"COMPOSE_DISABLE_ENV_FILE": word}) is None


def test_a_folder_called_env_is_no_file(folder: Folder) -> None:
    (folder.path / ".env").mkdir()
    assert folder.problems() == ()


def test_the_specification_is_read_from_the_comment_above_each_variable(folder: Folder) -> None:
    folder.write(
        ".env.example",
        MARK + "# How much it counts,\n# and why.\n# type: float 0..1\n#required\nA=0.3\n\n"
        "# a heading\n\nB='x y' # said\n",
    )
    first, second = folder.read().variables
    assert (first.meaning, first.type, first.required, first.default, first.line) == (
        "How much it counts, and why.",
        ("float", "0..1"),
        True,
        "0.3",
        6,
    )
    assert (second.meaning, second.type, second.required, second.default) == ("", (), False, "x y")


def test_faults_of_the_specification_are_told(folder: Folder) -> None:
    folder.write(
        ".env.example", MARK + "# type: integer\nA=1\n# type: int\nB=x\nB=1\n# type:\nC=\n"
    )
    assert [(one.line, one.name, one.message) for one in folder.problems()] == [
        (3, "A", "# type: 'integer' is not a type"),
        (5, "B", "its example 'x' does not match its type, a whole number"),
        (6, "B", "it is specified twice, first in line 5"),
        (8, "C", "# type: '' is not a type"),
    ]


def test_a_required_variable_must_have_a_value(folder: Folder) -> None:
    folder.write(".env.example", MARK + "# The token of the feed.\n# required\nA=\n")
    assert lines(folder.problems()) == [
        ".env: A: required, but not set (The token of the feed); add A=... to .env"
    ]
    folder.write(".env", "A=\n")
    assert lines(folder.problems()) == [
        ".env:1: A: required, but empty (The token of the feed); give it a value"
    ]
    assert [one.file for one in folder.problems({"A": ""}) if one.severity == "fatal"] == [""]
    assert folder.problems({"A": "x"}) == (
        Problem(
            "warning",
            "A",
            ".env",
            1,
            "the process environment has another value, which takes precedence",
            "unset A in your shell to use this line",
        ),
    )


def test_the_process_environment_is_checked_too(folder: Folder) -> None:
    folder.write(".env.example", MARK + "# type: float 0..1\nDECISION_THRESHOLD=0.5\n")
    (said,) = lines(folder.problems({"DECISION_THRESHOLD": "abc"}))
    assert said == (
        "environment: DECISION_THRESHOLD: 'abc' is not a number from 0 to 1; "
        "for example DECISION_THRESHOLD=0.5"
    )


def test_a_bad_line_that_the_process_overrides_with_a_good_value_is_a_warning(
    folder: Folder,
) -> None:
    folder.write(".env.example", MARK + "# type: int\nA=1\n")
    folder.write(".env", "A=x\n")
    assert [one.severity for one in folder.problems({"A": "2"})] == ["warning"]


def test_a_file_that_others_can_read_is_a_warning(folder: Folder) -> None:
    folder.write(".env.example", MARK + "A=\n")
    folder.write(".env", "A=1\n", 0o644)
    (result,) = folder.problems()
    assert (result.severity, result.hint) == ("warning", "chmod 600 .env")


def test_all_that_compose_files_require_is_told_at_once(folder: Folder) -> None:
    model = folder.write(
        "compose.yaml",
        "name: ${A:?say a}\nservices:\n  x:\n    image: x:${B?}${C:-d}\n"
        "    # ${COMMENT:?}\n    command: $${ESCAPED:?} ${C:-${NESTED:?}} ${A:?again}  # ${D:?}\n",
    )
    assert [(one.line, one.name, one.message) for one in folder.problems({}, model)] == [
        (1, "A", "required by the compose file, but not set: say a"),
        (4, "B", "required by the compose file, but not set"),
    ]
    folder.write(".env", "A=\nB=\n")
    assert [one.name for one in folder.problems({}, model)] == ["A"]


def test_an_included_file_has_the_variables_of_the_file_beside_it(folder: Folder) -> None:
    model = folder.write("sub/compose.yaml", "name: ${A:?}\n")
    assert [one.name for one in folder.problems({}, model)] == ["A"]
    folder.write("sub/.env", "A=1\n")
    assert folder.problems({}, model) == ()


def test_a_name_that_compose_files_use_is_missing_from_the_specification(folder: Folder) -> None:
    folder.write(".env.example", MARK + "A=\n")
    folder.write(".env", "B=1\n")
    model = folder.write("compose.yaml", "name: $B\n")
    (result,) = folder.problems({}, model)
    assert result.message == "compose.yaml:1 uses it, but .env.example does not describe it"


PLAIN_TEXTS = st.lists(
    st.one_of(
        st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,3}=[A-Za-z0-9_./:@%+,=-]{0,6}", fullmatch=True),
        st.from_regex(r"#[^\r\n\0]{0,8}", fullmatch=True),
        st.just(""),
    )
).map("\n".join)


@given(PLAIN_TEXTS, st.sampled_from(["", "\n"]))
def test_a_plain_file_is_read_alike_by_both(text: str, ending: str) -> None:
    """The file for which python-dotenv is not loaded."""
    outer = {"A": "process"}
    assert re.fullmatch(dotenv.PLAIN, text + ending)
    ours = compose_dotenv.read(text + ending, outer.get)
    assert ours == list(dotenv._python_dotenv(text + ending, outer))


@pytest.mark.parametrize(
    "text",
    ["A='x'", 'A="x"', "A=x y", "A= x", "A =x", "A=$B", "A=x#y", "A=x # y", "A", "export A=x", "=x",
     " A=x", "A=\\x", "A: x", "A=x\r\n", "# x\ry", "A=\0", "A=ü", "# a\nA='x\n", "A=x\n\t\nB=1",
     "A-B=1", "1A=1"],
)  # fmt: skip
def test_a_file_with_anything_else_is_not_plain(text: str) -> None:
    assert not re.fullmatch(dotenv.PLAIN, text)
