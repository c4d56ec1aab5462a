"""A plan on a page: what the same resolves is said once."""

from __future__ import annotations

import pytest

from composetasks.facts import Blocker, ExitCode, Plan
from composetasks.report.page import Page


def shown(capsys: pytest.CaptureFixture[str], *blockers: Blocker, announced: bool) -> str:
    Page().plan(Plan("up", "shop", blockers=blockers), announced=announced)
    return capsys.readouterr().err


def blocker(service: str, hint: str = "`docker pull app`", kind: str = "image") -> Blocker:
    return Blocker(kind, service, f"{service}: its image is not here", hint, ExitCode.INVALID)


def test_a_hint_is_said_once_for_all_that_it_resolves(capsys: pytest.CaptureFixture[str]) -> None:
    many = [blocker(f"s{number:02}") for number in range(21)]
    err = shown(capsys, *many, blocker("x", "another"), announced=False)
    assert err.count("`docker pull app`") == 1
    assert err.count("blocked") == 2
    assert "s02: its image" in err
    assert "s03: its image" not in err
    assert "and 18 more of this kind" in err


def test_what_ends_the_run_is_not_said_twice(capsys: pytest.CaptureFixture[str]) -> None:
    # The first blocker becomes the failure, which has its hint.
    err = shown(capsys, blocker("a"), blocker("b"), announced=True)
    assert "a: its image" not in err
    assert "b: its image" in err
    assert "docker pull" not in err
    assert shown(capsys, blocker("a"), announced=True).count("blocked") == 0
