"""A failure as GitHub Actions and GitLab show it."""

from __future__ import annotations

from pathlib import Path

import pytest

from composetasks.facts import ExitCode
from composetasks.report import ci
from composetasks.run.failure import TaskFailure


def failure(message: str = "it failed", **changes: object) -> TaskFailure:
    return TaskFailure(message, code=ExitCode.FAILED, data=changes)


def test_the_system_is_what_says_it_is() -> None:
    assert ci.system({}) is None
    assert ci.system({"GITHUB_ACTIONS": "false", "CI": "true"}) is None
    assert ci.system({"GITLAB_CI": "true"}) == ci.System("gitlab")
    github = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": "/s",
        "GITHUB_OUTPUT": "/o",
        "GITHUB_WORKSPACE": "/w",
    }
    assert ci.system(github) == ci.System("github", "/s", "/o", "/w")


def test_what_a_message_holds_ends_no_annotation_and_begins_none() -> None:
    told = failure("100%\nof: a, b\r\n::error::not ours\x1b[31m", service="a:b,c%\n")
    assert list(ci.error_commands(told)) == [
        "::error title=a%3Ab%2Cc%25%0A::100%25%0Aof: a, b%0A::error::not ours"
    ]


def test_what_is_printed_as_text_is_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    tokens = []
    for _ in range(2):
        with pytest.raises(KeyError), ci.as_text(ci.System("github")):
            raise KeyError
        stop, resume = capsys.readouterr().err.splitlines()
        tokens.append(stop.removeprefix("::stop-commands::"))
        assert resume == f"::{tokens[-1]}::"
    assert len(set(tokens)) == 2
    for system in (ci.System("gitlab"), None):
        with ci.as_text(system):
            pass
    assert not capsys.readouterr().err


def test_a_failed_build_is_told_at_its_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "compose").mkdir()
    monkeypatch.chdir(tmp_path / "compose")
    (line,) = ci.error_commands(
        failure(service="web", file="web/Dockerfile", line=3), str(tmp_path)
    )
    assert line == "::error file=compose/web/Dockerfile,line=3,title=web::it failed"
    (line,) = ci.error_commands(failure(service="web", file=None, line=None))
    assert line == "::error title=web::it failed"


def test_each_thing_that_blocks_a_plan_is_told() -> None:
    assert [
        line.partition("::error ")[2] for line in ci.error_commands(failure(blockers=["a", "b"]))
    ] == [
        *("title=a::it failed", "title=b::it failed"),
    ]
    assert list(ci.error_commands(failure())) == ["::error title=composetasks::it failed"]


def test_a_page_stays_within_its_fence() -> None:
    page = "```\n# no title\n````\n</details>\n"
    text = ci.summary(failure("*it* <b>failed</b>\nagain"), page, Path("/runs/1-up"))
    assert text.startswith("### \\*it\\* \\<b\\>failed\\</b\\> again\n\n`````text\n```\n")
    assert "````\n</details>\n`````\n" in text
    assert text.endswith("Everything of this run is in `/runs/1-up`.\n\n")


def test_gitlabs_section_is_closed(capsys: pytest.CaptureFixture[str]) -> None:
    ci.tell(
        ci.System("gitlab"), failure(), "the\x1b[0Ksection_end:1:composetasks_failure page", None, 7
    )
    told = capsys.readouterr()
    assert told.out == ""
    assert (
        told.err.count("section_start:7:composetasks_failure[collapsed=true]\r\x1b[0Kit failed\n")
        == 1
    )
    assert told.err.count("\x1b[0Ksection_end") == 1


def test_a_summary_that_can_not_be_written_is_no_failure_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ci.tell(ci.System("github", str(tmp_path)), failure(), "page", None, 0)
    assert "nothing was added to" in capsys.readouterr().err
