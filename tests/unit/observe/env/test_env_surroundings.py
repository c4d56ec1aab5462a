"""Dotenv files as nobody expects them: long ones, pipes, blanks, paths that lead nowhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from composetasks.facts import ExitCode
from composetasks.observe.compose import sources
from composetasks.observe.env.dotenv import read_environment
from composetasks.plan.env.check import lines, problems
from composetasks.run import masking
from composetasks.run.failure import TaskFailure

MARK = "# composetasks: env\n"


def problems_of(folder: Path, text: str, specification: str = "", **process: str) -> list[str]:
    (folder / ".env").write_text(text)
    (folder / ".env").chmod(0o600)
    if specification:
        (folder / ".env.example").write_text(MARK + specification)
    return lines(problems(read_environment(folder, [], process)))


def steps(work: Callable[[], object]) -> int:
    """How many lines of code a piece of work goes through, each turn of a loop counted."""
    count = 0

    def counted(_frame: object, _event: str, _argument: Any) -> Any:
        nonlocal count
        count += 1
        return counted

    before = sys.gettrace()
    sys.settrace(counted)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize(
    ("line", "specified"),
    [
        ("A@=1\n", "A@=1\n"),
        ("A@=1\n", "# type: int\nBcd@=1\n"),
        ("A@='${X} $ @'\n", ""),
        ("K@=-----BEGIN KEY\n", "A=1\n"),
        ('SECRET_@="some-secret-@"\n', "SECRET_@=\n"),
        ("A=1\n", "A=1\n"),
        ("A@='\n", "A=1\n"),
    ],
)
def test_a_long_file_takes_as_many_times_longer(tmp_path: Path, line: str, specified: str) -> None:
    def written(number: int) -> Callable[[], object]:
        text = "".join(line.replace("@", str(one)) for one in range(number))
        example = "".join(specified.replace("@", str(one)) for one in range(number))
        (tmp_path / ".env").write_text(text)
        (tmp_path / ".env.example").write_text(MARK + example)

        def looked_through() -> None:
            found = read_environment(tmp_path, [], {})
            problems(found)
            masking.secrets(found)

        return looked_through

    steps(written(30))
    few, many = (steps(written(number)) for number in (100, 400))
    assert many < 5 * few


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".env")
    with pytest.raises(TaskFailure, match=r"\.env is a named pipe") as told:
        read_environment(tmp_path, [], {})
    assert told.value.code == ExitCode.INVALID
    assert sources.variable("COMPOSE_FILE", tmp_path, {}) == ""
    assert read_environment(tmp_path, [], {"COMPOSE_DISABLE_ENV_FILE": "1"}).files == ()


def test_a_compose_file_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "compose.yaml")
    file = tmp_path / "compose.yaml"
    assert read_environment(tmp_path, [file], {}).used == {}
    assert sources.compose_files(tmp_path, (), {}) == (file,)
    assert sources.reached((file,), tmp_path, {}) is None


def test_no_file_at_all_may_be_named(tmp_path: Path) -> None:
    found = read_environment(tmp_path, [], {"COMPOSE_ENV_FILES": "/dev/null"})
    assert [file.compose for file in found.files] == [()]


@pytest.mark.parametrize("value", ["   ", "\t", "\u00a0"])
def test_blanks_are_no_value_of_what_is_required(tmp_path: Path, value: str) -> None:
    said = problems_of(tmp_path, f'A="{value}"\n', "# required\n# type: secret\nA=\n")
    assert any("A: required, but only blanks" in line for line in said)
    said = problems_of(tmp_path, "", "# required\nA=\n", A=value)
    assert any("A: required, but only blanks" in line for line in said)


@pytest.mark.parametrize("line", ["A=5\u00a0", "A=\u00a05", 'A="5"\u00a0', "A=5\u2009"])
def test_an_odd_space_around_a_value_is_told(tmp_path: Path, line: str) -> None:
    (said,) = problems_of(tmp_path, f"{line}\n", "# type: int\nA=1\n")
    assert "A: a non-standard space around its value, U+" in said


@pytest.mark.parametrize("value", ["5\u00a0", "\u00a05", "5\u00a06"])
def test_a_number_has_no_odd_space(tmp_path: Path, value: str) -> None:
    assert "is not a whole number" in problems_of(tmp_path, "", "# type: int\nA=1\n", A=value)[0]


def test_a_path_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    specification = "# type: path\nA=./x\n\n# type: path\nB=\n\n# type: path\nC=./x\n"
    said = problems_of(tmp_path, "A=./there\nB=/no/where\n", specification)
    assert [line[:52] for line in said] == [".env:2: B: there is no file or folder '/no/where'; c"]
    (overridden,) = problems_of(tmp_path, "B=~\nA=./no\n", specification, A="there")
    assert "A: the process environment has another value, which takes precedence" in overridden


@pytest.mark.parametrize("value", ["${X:-" * 3000 + "}" * 3000, "${X:-}" * 3000])
def test_references_are_read_however_many_there_are(tmp_path: Path, value: str) -> None:
    assert problems_of(tmp_path, f"A={value}\nB=1\n") == problems_of(tmp_path, "A=\nB=1\n")
