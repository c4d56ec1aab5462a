"""Calls a task's verb with its arguments, and converts what it raises to an exit code: the only
place where a failure becomes visible."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from invoke import Context
from invoke.exceptions import Exit

from composetasks.facts import ExitCode
from composetasks.facts.program import task
from composetasks.report.reporter import Reporter, reporter
from composetasks.run import file_systems, process, waiting
from composetasks.run.external_failures import as_failure, silent
from composetasks.run.failure import TaskFailure
from composetasks.run.masking import safe
from composetasks.run.settings import read_settings
from composetasks.run.signals import (
    EngineSilent,
    Terminated,
    discard_output,
    ended_politely,
    exit_code,
)
from composetasks.store.folder import OwnFolder, hand_over
from composetasks.tasks.adapter import known_tasks, project_folder, settings_of

GARBAGE = 50_000
"""The number of new objects after which Python collects garbage: with its default of 700 it
collects eighty times while a start loads its modules, and frees next to nothing."""
SILENT_GRACE_SECONDS = 3.0
"""How long a program may take to end when its engine does not answer."""

if TYPE_CHECKING:
    from composetasks.verbs.session import Options, Session


def run_verb(
    context: Context,
    verb: Callable[[Session], int],
    name: str,
    *,
    as_json: bool,
    stream: bool,
    changing: bool,
    options: Callable[[], Options],
) -> None:
    """Run a verb. Raises Invoke's Exit if its exit code is not 0."""
    gc.set_threshold(GARBAGE)
    from composetasks.verbs.session import Session

    _open_what_is_closed()
    reporting = reporter(as_json=as_json, stream=stream)
    folder = project_folder(context)
    session: Session | None = None
    code: int = ExitCode.OK
    with ended_politely(process.kill_all), waiting.announced(reporting.note):
        try:
            settings = read_settings(settings_of(context))
            file_systems.wait_for(settings.engine_timeout)
            task_names = frozenset(known_tasks)
            session = Session(name, folder, settings, reporting, options(), task_names, changing)
            code = verb(session)
        except TaskFailure as failure:
            code = _show(reporting, failure)
        except (KeyboardInterrupt, Terminated) as error:
            process.end_all()
            code = _show(
                reporting, _interrupted(name, error, session, reporting, changing=changing)
            )
        except EngineSilent:
            process.end_all(SILENT_GRACE_SECONDS)
            code = _show(reporting, _left(silent(settings.engine_timeout), session, reporting))
        except Exception as error:
            if isinstance(error, BrokenPipeError):
                discard_output()
            external = as_failure(error)
            shown = (
                _left(external, session, reporting) if external else _bug(folder, session, error)
            )
            code = _show(reporting, shown)
        finally:
            process.end_all()
            if session is not None:
                session.engine.close()
            reporting.close()
            hand_over(folder / ".composetasks")
            # At its exit Python examines all remaining objects, which took 65 ms of processor time,
            # and 9 ms with this.
            gc.freeze()
    if code != ExitCode.OK:
        raise Exit(code=int(code))


def _open_what_is_closed() -> None:
    """Redirect the streams that the caller closed (`>&-`, some supervisors) to nowhere, for child
    processes too: Python sets a closed stream to None."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(nowhere, True)
            stream = os.fdopen(nowhere, mode, encoding="utf-8", errors="backslashreplace")
            setattr(sys, name, stream)


def _show(reporting: Reporter, failure: TaskFailure) -> ExitCode:
    """Show a failure, even if its run folder is on a full disk."""
    try:
        reporting.failure(failure)
    except OSError:
        reporting.forget()
        with contextlib.suppress(OSError):  # there is no reader either
            reporting.failure(failure)
    return failure.code


def _interrupted(
    name: str, error: BaseException, session: Session | None, reporting: Reporter, *, changing: bool
) -> TaskFailure:
    ended = isinstance(error, Terminated)
    left = f"{task(f'{name} --plan')} shows what is left to do"
    return _left(
        TaskFailure(
            f"{task(name)} was {'terminated' if ended else 'interrupted'}",
            code=exit_code(error),
            hint=left if changing else "run it again",
        ),
        session,
        reporting,
    )


def _left(failure: TaskFailure, session: Session | None, reporting: Reporter) -> TaskFailure:
    """An external failure, extended by the steps of the plan that were done and those that were
    not."""
    run_folder = session.run_folder if session else None
    if run_folder is None:
        lines, data = ["nothing was changed"], {}
    else:
        done, not_done = reporting.done_and_pending()
        lines = [
            f"done: {', '.join(done) or 'nothing'}",
            f"not done: {', '.join(not_done) or 'nothing'}",
            f"what happened is in {run_folder}",
        ]
        data = {"done": done, "not_done": not_done}
    detail = "\n".join([*([failure.detail] if failure.detail else []), *lines])
    return failure.altered(detail=detail, data=data)


def _bug(folder: Path, session: Session | None, error: Exception) -> TaskFailure:
    """One line for the user; the traceback, and the versions that a bug report needs, are saved in
    the run folder."""
    from composetasks.run.versions import versions

    stands_on = ", ".join(versions())
    text = safe("".join(traceback.format_exception(error)))
    run_folder = session.run_folder if session and session.run_folder else None
    message = f"a bug in composetasks: {type(error).__name__}: {error}"
    try:
        if run_folder is None:
            place = OwnFolder(folder / ".composetasks", folder / ".composetasks" / "cache")
            place.make()
            run_folder = place.new_run("bug")
        report = run_folder / "traceback.txt"
        report.write_text(f"{stands_on}\n\n{text}", "utf-8", "backslashreplace")
    except (OSError, TaskFailure) as unkept:
        return TaskFailure(
            message,
            code=ExitCode.BUG,
            detail=f"{stands_on}\nits traceback could not be saved: {unkept}",
            hint="please report it; run the task again where its folder can be written to",
        )
    return TaskFailure(
        message,
        code=ExitCode.BUG,
        detail=stands_on,
        hint=f"please report it to the project's issue tracker, with {report}",
        data={"traceback": str(report)},
    )
