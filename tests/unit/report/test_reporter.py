"""What a person is told of a failure."""

from __future__ import annotations

import pytest

from composetasks.report.reporter import Reporter
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
