"""A start that fails in CI: what the systems are given of it."""

from __future__ import annotations

import json

from tests.project import Project

COMPOSE = """
services:
  db:
    image: ct-test/busybox
    command: [sh, -c, "echo connecting with $$DB_PASSWORD; echo '::error::not ours'; exit 3"]
    environment: {DB_PASSWORD: "${DB_PASSWORD}"}
  bad:
    build: bad
    profiles: [bad]
"""


def commands(printed: str) -> list[str]:
    """Return the lines that GitHub's runner, which ignores blanks before them, takes for
    commands."""
    lines = map(str.strip, printed.splitlines())
    return [line for line in lines if line.startswith("::")]


def test_a_failed_start_is_in_the_summary_and_an_annotation(project: Project) -> None:
    project.compose(COMPOSE)
    project.write(".env", "DB_PASSWORD=tr0ub4dor-and-3\n")
    project.write(
        "bad/Dockerfile",
        "FROM ct-test/busybox\n\nRUN echo no such luck; echo ::error::not ours; exit 5\n",
    )
    summary, output = project.folder / "summary.md", project.folder / "output"
    github = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(summary),
        "GITHUB_OUTPUT": str(output),
        "GITHUB_WORKSPACE": str(project.folder),
    }
    ran = project.inv("up", "--json", **github)
    assert ran.code == 8
    assert ran.lines[-1]["event"] == "error"
    _, _, annotation = commands(ran.err)
    assert annotation.startswith("::error title=db::db is not up: exited with code 3")
    page = summary.read_text()
    assert "connecting with ***" in page
    assert "tr0ub4dor" not in page + ran.err + ran.out
    folder = project.folder / output.read_text().strip().removeprefix("run-folder=")
    assert json.loads((folder / "failure.json").read_text())["service"] == "db"

    ran = project.inv("build", "bad", **github)
    assert ran.code == 7
    stop, printed, resume, annotation = commands(ran.err)
    assert f"::{stop.removeprefix('::stop-commands::')}::" == resume != "::::"
    assert printed == "::error::not ours"
    assert annotation.startswith("::error file=bad/Dockerfile,line=3,title=bad::the image of bad")
    assert "no such luck" in summary.read_text()

    ran = project.inv("up", GITLAB_CI="true")
    assert ran.err.count("section_start:") == ran.err.count("section_end:") == 1
    assert "section_start" not in project.inv("up").err
