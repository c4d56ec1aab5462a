"""The checks of a whole chain of tasks before its first task runs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from invoke import Call, Executor

from composetasks.facts import ExitCode
from composetasks.run.failure import TaskFailure
from composetasks.tasks.adapter import context_of
from composetasks.tasks.verb_task import VerbTask

if TYPE_CHECKING:
    from composetasks.verbs.session import Session

SERVICES = ("service", "rerun")
"""The arguments that name services."""


def refuse_wrong_words(executor: Executor, calls: list[Call]) -> None:
    """Raise Invoke's Exit, code 2, if a word in a chain of tasks is not a service: otherwise the
    tasks before it would have run by then. A single task checks its words itself."""
    for call in calls if len(calls) > 1 else ():
        words = [word for name in SERVICES for word in call.kwargs.get(name) or ()]
        if words and isinstance(call.task, VerbTask):
            from composetasks.tasks.run_verb import run_verb
            from composetasks.verbs.session import Options

            run_verb(
                context_of(executor, call),
                partial(_refuse, words=words),
                call.task.name.replace("_", "-"),
                as_json=bool(call.kwargs.get("json")),
                stream=True,
                changing=False,
                options=Options,
            )


def _refuse(session: Session, words: list[str]) -> ExitCode:
    try:
        session.model(words)
    except TaskFailure as failure:
        # Other failures may no longer exist when the task runs.
        if failure.code is ExitCode.USAGE:
            raise
    return ExitCode.OK
