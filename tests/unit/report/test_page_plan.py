"""A plan on a page: what the same resolves is said once."""

from __future__ import annotations

import pytest

from composetasks.facts import (
    Blocker,
    BuildImage,
    Evidence,
    ExitCode,
    Hook,
    Plan,
    StartContainer,
    Step,
    WatchAction,
    WatchRule,
)
from composetasks.plan.start.jobs import reason
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
    assert "and 18 more of this kind (`inv up --plan --json` lists them)" in err


def test_a_long_list_is_shown_by_its_ends_and_where_all_of_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    listed = ", ".join(f"/srv/{number}.conf" for number in range(99))
    Page().plan(Plan("up", "shop", warnings=(f"{listed}: not there; create it",)), announced=False)
    out = " ".join(capsys.readouterr().out.split())
    assert "/srv/0.conf" in out
    assert "/srv/50.conf" not in out
    assert "[...]" in out
    assert out.endswith(
        "not there; create it (`inv up --plan --json` shows all of it) nothing to do"
    )


def test_a_job_says_once_why_it_runs_again(capsys: pytest.CaptureFixture[str]) -> None:
    because = (
        Evidence(kind="dependency", name="db", detail="created or started by this plan"),
        Evidence(kind="mount", name="./sql"),
    )
    step = Step(StartContainer(), "shop-job-1", reason(because), "job", because=because)
    Page().plan(Plan("up", "shop", steps=(step,)), announced=False)
    out = capsys.readouterr().out
    assert (out.count("created or started"), out.count("./sql")) == (1, 1)


def test_one_file_that_changed_is_named_once(capsys: pytest.CaptureFixture[str]) -> None:
    edited = Evidence(kind="file", path="web/a.html", change="modified")
    step = Step(BuildImage(), "shop-web", "web/a.html was modified", "web", because=(edited,))
    Page().plan(Plan("up", "shop", steps=(step,)), announced=False)
    assert capsys.readouterr().out.count("web/a.html") == 1


def test_what_ends_the_run_is_not_said_twice(capsys: pytest.CaptureFixture[str]) -> None:
    # The first blocker becomes the failure, which has its hint.
    err = shown(capsys, blocker("a"), blocker("b"), announced=True)
    assert "a: its image" not in err
    assert "b: its image" in err
    assert "docker pull" not in err
    assert shown(capsys, blocker("a"), announced=True).count("blocked") == 0


def test_a_warning_is_said_once_in_a_run_with_many_plans(
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = Page()
    page.plan(Plan("watch", "shop", warnings=("no health check: web",)), announced=True)
    assert "no health check: web" in capsys.readouterr().err
    both = ("no health check: web", "no health check: db")
    page.plan(Plan("watch", "shop", warnings=both), announced=True)
    err = capsys.readouterr().err
    assert "db" in err
    assert "web" not in err


def test_the_command_of_a_watch_rule_is_shown_as_it_would_be_typed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    hook = Hook(("sh", "-c", "reload; date"))
    rule = WatchRule("web", WatchAction.SYNC_EXEC, "/srv/conf", "/conf", hook=hook)
    Page().plan(Plan("watch", "shop", watch=(rule,)), announced=False)
    assert "`sh -c 'reload; date'`" in " ".join(capsys.readouterr().out.split())
