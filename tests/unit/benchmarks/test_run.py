"""The benchmarks' own command line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from benchmarks import run
from benchmarks.framework import ROOT, ROUNDS, Case, Figure, Target
from benchmarks.results import Results
from benchmarks.scratch import Failed


class Suite:
    """A suite of one case, whose ratio is chosen, and of one that fails; nothing is written."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ratio = 0.5
        self.kept, before = Results(), Results()
        before.put("case", list(self.measure()))
        cases = (Case("broken", "fails", 1, self.fail), Case("case", "a case", 1, self.measure))
        monkeypatch.setattr(run, "CASES", cases)
        monkeypatch.setattr(run, "committed", lambda: before)
        monkeypatch.setattr(Results, "kept", lambda: self.kept)
        monkeypatch.setattr(Results, "write", lambda _self, _order: None)
        self.patch = monkeypatch

    def measure(self) -> Iterator[Figure]:
        yield Figure("quick", "peer", (self.ratio,), (1.0,), Target(0.5))

    def fail(self) -> Iterator[Figure]:
        raise Failed("docker said no")

    def main(self, *arguments: str) -> int:
        self.patch.setattr("sys.argv", ["run", *arguments])
        return run.main()


@pytest.fixture
def suite(monkeypatch: pytest.MonkeyPatch) -> Iterator[Suite]:
    yield Suite(monkeypatch)
    ROUNDS.most = None


def test_a_run_that_is_as_good_as_the_last_commit_ends_with_0(suite: Suite) -> None:
    assert suite.main("case") == 0


def test_a_ratio_more_than_a_quarter_worse_fails_the_run(
    suite: Suite, capsys: pytest.CaptureFixture[str]
) -> None:
    suite.ratio = 0.7
    assert suite.main("case") == 1
    assert "ratio 0.50 -> 0.70" in capsys.readouterr().err


def test_a_case_that_fails_keeps_no_other_from_being_measured(
    suite: Suite, capsys: pytest.CaptureFixture[str]
) -> None:
    assert suite.main() == 1
    assert list(suite.kept.cases) == ["case"]
    output = capsys.readouterr().err
    assert "docker said no" in output
    assert "failed: broken" in output


def test_with_few_rounds_figures_are_shown_and_not_kept(
    suite: Suite, capsys: pytest.CaptureFixture[str]
) -> None:
    assert suite.main("--rounds", "1", "case") == 0
    assert not suite.kept.cases
    assert "| quick |" in capsys.readouterr().out


def test_an_unknown_case_is_refused(suite: Suite) -> None:
    with pytest.raises(SystemExit, match="2"):
        suite.main("cases")


def test_it_runs_by_itself_as_its_session_runs_it() -> None:
    """Not with the paths that pytest adds."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.run", "--list"],
        env={**os.environ, "PYTHONPATH": "compose"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "short ones" in done.stdout
