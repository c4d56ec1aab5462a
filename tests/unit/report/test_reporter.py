"""What a person is told of a failure."""

from __future__ import annotations

import os
import sys

import pytest

from composetasks.report.reporter import Reporter
from composetasks.run import process
from composetasks.run.external_failures import LOOK
from composetasks.run.failure import TaskFailure

ANSWERS = "`docker version` shows whether the engine answers"


@pytest.mark.parametrize(
    ("hint", "shown"),
    [
        (
            "correct it and run the task again; no container was touched",
            "correct it; no container was touched",
        ),
        (
            "`inv logs web` shows it; correct the cause and run `inv up` again",
            "`inv logs web` shows it; correct the cause",
        ),
        (f"{LOOK}; no container was touched", f"{ANSWERS}; no container was touched"),
        # No edit mends that.
        ("free a network, then run `inv up` again", "free a network, then run `inv up` again"),
    ],
)
def test_a_run_that_goes_on_asks_for_an_edit_and_for_no_task(
    capsys: pytest.CaptureFixture[str], hint: str, shown: str
) -> None:
    Reporter(stream=True).went_wrong(TaskFailure("it failed", hint=hint))
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "error: it failed",
        f"next: {shown}",
        "still watching: the next edit tries again",
    ]


def test_what_a_program_kept_of_its_streams_can_still_be_written_to() -> None:
    # As the log of `inv -d` is, which Invoke begins before a task has its reporter.
    program = (
        "import sys\n"
        "from composetasks.report.reporter import reporter\n"
        "before = sys.stderr\n"
        "for _ in range(2):\n"
        "    reporter(as_json=False, stream=False)\n"
        "    print('log', file=before)\n"
        "    print('page', file=sys.stderr)\n"
    )
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    done = process.run((sys.executable, "-c", program), env=environment)
    assert done.stderr.splitlines() == ["log", "page", "log", "page"]
