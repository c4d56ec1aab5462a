"""Reports a failure to a CI system: annotations, a page in the job's summary, the run folder.

GitHub's workflow commands and files:
https://docs.github.com/actions/reference/workflow-commands-for-github-actions.
GitLab's sections of a job's log: https://docs.gitlab.com/ci/jobs/job_logs/.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from composetasks.facts.frozen import frozen
from composetasks.facts.plain_text import clean, lines_of
from composetasks.run.failure import TaskFailure

LONGEST_SUMMARY = 200_000
"""The longest page in a summary, in characters; GitHub accepts a megabyte from each step."""


@frozen
class System:
    """The CI system of this run, "github" or "gitlab"; the files that GitHub reads after each step
    ("" if it names none), and the folder of the checkout."""

    name: str
    summary: str = ""
    output: str = ""
    workspace: str = ""


def system(environment: Mapping[str, str]) -> System | None:
    """The CI system that this process runs in, by its variables; None if there is none."""
    if environment.get("GITHUB_ACTIONS") == "true":
        return System(
            "github",
            environment.get("GITHUB_STEP_SUMMARY", ""),
            environment.get("GITHUB_OUTPUT", ""),
            environment.get("GITHUB_WORKSPACE", ""),
        )
    return System("gitlab") if environment.get("GITLAB_CI") == "true" else None


def tell(of: System, failure: TaskFailure, page: str, run: Path | None, time: float) -> None:
    """Report a failure (without secrets) in the form that the system shows. ``page`` is the
    complete failure page, ``run`` the run folder. stdout is left to the task's own result."""
    if of.name == "gitlab":
        print(section(failure, page, int(time)), file=sys.stderr)
        return
    for line in error_commands(failure, of.workspace):
        print(line, file=sys.stderr)
    if of.summary:
        _append(of.summary, summary(failure, page, run))
    if of.output and run is not None and "\n" not in str(run):
        _append(of.output, f"run-folder={run}\n")


@contextlib.contextmanager
def as_text(of: System | None) -> Iterator[None]:
    """Keep GitHub's runner from executing what is printed to stderr in the block: it ignores blanks
    before a workflow command, so a line of a container's log could be one on a failure page."""
    if of is None or of.name != "github":
        yield
        return
    token = secrets.token_hex()
    print(f"::stop-commands::{token}", file=sys.stderr)
    try:
        yield
    finally:
        print(f"::{token}::", file=sys.stderr)


def error_commands(failure: TaskFailure, workspace: str = "") -> Iterator[str]:
    """An ``::error`` command for each failed service or each blocker of a plan."""
    file, line = failure.data.get("file"), failure.data.get("line")
    where = {}
    if file and line:
        near = Path(file).absolute()
        inside = workspace and near.is_relative_to(workspace)
        where = {"file": str(near.relative_to(workspace) if inside else file), "line": str(line)}
    titles = [str(one) for one in failure.data.get("blockers") or ()]
    service = str(failure.data.get("service") or "")
    for title in titles or [service or "composetasks"]:
        properties = {**where, "title": title}
        pairs = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
        hint = f"\nnext: {failure.hint}" if failure.hint else ""
        yield f"::error {pairs}::{_message(clean(failure.message + hint))}"


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(clean(text)).replace(":", "%3A").replace(",", "%2C")


def summary(failure: TaskFailure, page: str, run: Path | None) -> str:
    """A failure as Markdown."""
    page = clean(page)[:LONGEST_SUMMARY].rstrip()
    longest = max(map(len, re.findall("`{3,}", page)), default=2)
    fence = "`" * (longest + 1)
    title = " ".join(lines_of(clean(failure.message)))
    escaped = re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", title)
    location = f"\nEverything of this run is in `{run}`.\n" if run is not None else ""
    return f"### {escaped}\n\n{fence}text\n{page}\n{fence}\n{location}\n"


def section(failure: TaskFailure, page: str, seconds: int) -> str:
    """A failure as a collapsed section of GitLab's log."""
    begin = f"\x1b[0Ksection_start:{seconds}:composetasks_failure[collapsed=true]\r\x1b[0K"
    end = f"\x1b[0Ksection_end:{seconds}:composetasks_failure\r\x1b[0K"
    return f"{begin}{' '.join(lines_of(clean(failure.message)))}\n{clean(page).rstrip()}\n{end}"


def _append(place: str, text: str) -> None:
    """Append to a file that the system reads; if that fails, the job does not fail."""
    try:
        with open(place, "a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        print(f"nothing was added to {place}: {error.strerror}", file=sys.stderr)
