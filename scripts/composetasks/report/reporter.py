"""Reports to a person at a terminal, or to a program that reads JSON.

``tasks/run_verb.py`` makes the one that a task's flags ask for; verbs call its methods. ``page.py``
draws what a person sees, ``documents.py`` makes what a program reads. Secrets are removed here from
what other programs said.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TextIO

from composetasks.facts import ExitCode
from composetasks.facts.program import task
from composetasks.report import documents
from composetasks.run.external_failures import FULL
from composetasks.run.failure import TaskFailure
from composetasks.run.masking import safe, safe_data
from composetasks.run.signals import deferred

if TYPE_CHECKING:
    from composetasks.facts import Event, Link, Plan, WatchRule
    from composetasks.report.logs import LogPrinter
    from composetasks.report.page import Page
    from composetasks.store.run_record import RunRecord

IDLE_SECONDS = 2.0


class Reporter:
    """Reports to a person. ``stream`` says whether a task's JSON form is lines or one document."""

    def __init__(self, *, stream: bool) -> None:
        self.stream = stream
        self._record: RunRecord | None = None
        self._run: tuple[RunRecord, Plan] | None = None
        self._done: set[str] = set()

    @cached_property
    def page(self) -> Page:
        """The terminal page; rich is imported only when there is something to show."""
        from composetasks.report.page import Page

        return Page()

    def record_in(self, record: RunRecord, plan: Plan) -> None:
        """Keep the plan and all events of this run in its record."""
        self._run = record, plan
        self._record = record
        self._done.clear()
        self._keep(record.plan, documents.plan_document(plan))

    def forget(self) -> None:
        """Keep nothing more of this run, because its folder is not writable."""
        self._run = None

    def done_and_pending(self) -> tuple[list[str], list[str]]:
        """The ids of the plan's steps that are known to be done, and those of the others."""
        steps = [step.id for step in self._run[1].steps] if self._run else []
        done = [one for one in steps if one in self._done]
        return done, [one for one in steps if one not in self._done]

    def plan(self, plan: Plan, *, announced: bool) -> None:
        """Show a plan: as the result or, if ``announced``, as what is about to be done."""
        self.page.plan(plan, announced=announced)

    def event(self, event: Event) -> None:
        """Show and keep an event."""
        event = replace(event, message=safe(event.message), data=safe_data(event.data))
        if event.kind == "step-done":
            self._done.add(event.step)
        if self._record is not None:
            self._keep(self._record.event, documents.event_document(event))
        self._show(event)

    def _keep(self, keep: Callable[[Mapping[str, Any]], None], document: Mapping[str, Any]) -> None:
        """Keep a part of the record. If the disk is full, only the record ends: the run
        continues."""
        assert self._record is not None
        try:
            keep(document)
        except OSError as error:
            if error.errno not in FULL:
                raise
            place, self._record = self._record.folder, None
            self.note(f"the disk is full: {place}; nothing more of this run is kept")

    def _show(self, event: Event) -> None:
        self.page.event(event)

    def result(self, document: Mapping[str, Any], lines: list[str]) -> None:
        """End the output with a result: the document for programs, the lines for people."""
        self.close()
        for line in lines:
            print(line)

    def services(self, services: Sequence[Mapping[str, Any]]) -> None:
        """Show the services as a table."""
        from composetasks.report.status import services_page

        self.page.show(services_page(services))

    def refreshed(self, document: Mapping[str, Any]) -> None:
        """Show the current services in place of the earlier ones."""
        from composetasks.report.status import services_page

        self.page.refresh(services_page(document["services"]))

    def live(self, document: Mapping[str, Any], lines: Mapping[str, str], chosen: int) -> None:
        """Show the services like :meth:`refreshed`, but on a terminal that reads keys."""
        from composetasks.report.live import live_page

        size = self.page.out.size
        self.page.refresh(live_page(document, lines, chosen, size.width, size.height))

    @property
    def draws(self) -> bool:
        """Whether pages are drawn: only for people, because programs read the document."""
        return True

    @property
    def in_place(self) -> bool:
        """Whether the output can be updated in place."""
        return self.page.in_place

    def idle_seconds(self) -> float | None:
        """The seconds after which a view is redrawn although nothing happened, to update its
        figures; None for never, which applies everywhere except on a terminal."""
        return IDLE_SECONDS if self.page.in_place else None

    def started(
        self,
        sentence: str,
        services: Sequence[Mapping[str, Any]],
        path: Sequence[Link] = (),
    ) -> None:
        """Show the end of a start: each service, how long it took and its addresses, and the
        critical path if it is worth a line. This is plain text, so that a start with nothing to do
        does not import the modules that draw pages."""
        from composetasks.facts.plain_text import clean
        from composetasks.report.text import addresses, aligned, duration, state_of

        rows = [
            [
                str(service["name"]),
                state_of(service),
                f"in {duration(service['seconds'])}" if service["seconds"] is not None else "",
                addresses(service),
            ]
            for service in services
        ]
        print(clean(sentence))
        for line in aligned(rows):
            print(f"  {clean(line)}")
        if path:
            from composetasks.report.timeline import path_line

            print(path_line(path))

    def failure(self, failure: TaskFailure) -> None:
        """Print to stderr what failed, why, and what to do next, in that order."""
        from composetasks.facts.plain_text import clean

        failure = self._shown(failure)
        self.close(failure.data.get("service", "") if "diagnosis" in failure.data else "")
        with self._no_ci_commands():
            print(f"error: {clean(failure.message)}", file=sys.stderr)
            for line in clean(failure.detail).splitlines():
                print(f"  {line}", file=sys.stderr)
            if "diagnosis" in failure.data:
                self.page.failure(failure)
            if failure.hint:
                print(f"next: {clean(failure.hint)}", file=sys.stderr)
        self._tell_ci(failure)

    def _tell_ci(self, failure: TaskFailure) -> None:
        """Report a failure to the CI system, if there is one."""
        if not {"GITHUB_ACTIONS", "GITLAB_CI"}.intersection(os.environ):
            return
        from composetasks.report import ci
        from composetasks.report.failure_page import whole

        if (system := ci.system(os.environ)) is not None:
            run = self._run[0].folder if self._run else None
            ci.tell(system, failure, whole(failure), run, time.time())

    def _no_ci_commands(self) -> AbstractContextManager[None]:
        """Keep the CI system from executing what other programs printed."""
        if "GITHUB_ACTIONS" not in os.environ:
            return nullcontext()
        from composetasks.report import ci

        return ci.as_text(ci.system(os.environ))

    def _shown(self, failure: TaskFailure) -> TaskFailure:
        """A failure as it is shown: without secrets; for a failed start, with what changed
        before."""
        failure = _safe(failure)
        if "diagnosis" in failure.data and "changed" not in failure.data and self._run:
            from composetasks.report.failure_page import completed

            record, plan = self._run
            return completed(failure, plan, record)
        return failure

    def watching(self, rules: Sequence[WatchRule], time: str) -> None:
        """Show what is watched from now on, and what an edit does."""
        from composetasks.report.watch import rules_table

        self.page.line("watching (Ctrl-C stops watching; the services keep running)", "bold")
        self.page.show(rules_table(rules))
        sys.stdout.flush()

    def happened(self, event: Event) -> None:
        """Print an event of a task that runs until it is interrupted."""
        from composetasks.report.progress import sentence

        self.page.line(sentence(replace(event, message=safe(event.message))))
        sys.stdout.flush()

    def went_wrong(self, failure: TaskFailure) -> None:
        """Report a failure after which the run continues."""
        self.failure(_by_an_edit(failure))
        self.note("still watching: the next edit tries again")

    def note(self, text: str) -> None:
        """Print a line to stderr, beside the result."""
        self.page.note(text)

    def log_printer(self, services: Sequence[str], **shape: Any) -> LogPrinter:
        """A printer of log lines; ``shape`` are the keyword arguments of LogPrinter."""
        from composetasks.report.logs import LogPrinter

        return LogPrinter(services, **shape)

    def interrupted(self, verb: str, code: ExitCode) -> None:
        """End a task that runs until it is interrupted; for people, without a message."""
        self.close()

    def close(self, failed: str = "") -> None:
        """Release the terminal; ``failed`` is the service that did not come up."""
        if "page" in self.__dict__:
            self.page.close(failed)


RUN_AGAIN = re.compile(
    r"\b(correct (?:it|the cause)) and run (?:the task|`[^`]+`) again"
    r"|; run the task again when it does"
)
"""The parts of a hint that say to run a task again; during a watch, the next edit does that."""


def _by_an_edit(failure: TaskFailure) -> TaskFailure:
    """The failure of a run that continues: its hint does not tell to run a task again."""
    return failure.altered(hint=RUN_AGAIN.sub(r"\1", failure.hint))


def _safe(failure: TaskFailure) -> TaskFailure:
    """A failure without secrets: it often quotes the output of another program."""
    return failure.altered(
        safe(failure.message),
        hint=safe(failure.hint),
        detail=safe(failure.detail),
        data=safe_data(failure.data),
    )


class JsonReporter(Reporter):
    """Reports to a program: only JSON goes to stdout."""

    @staticmethod
    def write(document: Mapping[str, Any]) -> None:
        """Print a document on one line, complete even if a signal ends the run meanwhile."""
        with deferred():
            print(json.dumps(document, ensure_ascii=False), flush=True)

    def services(self, services: Sequence[Mapping[str, Any]]) -> None:
        """Print nothing: the document contains the services."""

    @property
    def draws(self) -> bool:
        return False

    @property
    def in_place(self) -> bool:
        return False

    def idle_seconds(self) -> float | None:
        return None

    def refreshed(self, document: Mapping[str, Any]) -> None:
        self.write({"event": "status", **document})

    def started(
        self,
        sentence: str,
        services: Sequence[Mapping[str, Any]],
        path: Sequence[Link] = (),
    ) -> None:
        """Print nothing: the result contains this."""

    def plan(self, plan: Plan, *, announced: bool) -> None:
        document = documents.plan_document(plan)
        self.write({"event": "plan", **document} if announced else document)
        for blocker in () if announced else plan.blockers:
            super().failure(TaskFailure(blocker.message, code=blocker.code, hint=blocker.hint))

    def _show(self, event: Event) -> None:
        self.write(documents.event_document(event))

    def result(self, document: Mapping[str, Any], lines: list[str]) -> None:
        self.write(documents.result_event(document) if self.stream else document)

    def log_printer(self, services: Sequence[str], **shape: Any) -> LogPrinter:
        from composetasks.report.logs import JsonLogPrinter

        return JsonLogPrinter(services, **shape)

    def interrupted(self, verb: str, code: ExitCode) -> None:
        ended = "terminated" if code is ExitCode.TERMINATED else "interrupted"
        failure = TaskFailure(f"{task(verb)} was {ended}", code=code)
        self.write(documents.error_event(failure))

    def watching(self, rules: Sequence[WatchRule], time: str) -> None:
        self.write(documents.watching_event(rules, time))

    def happened(self, event: Event) -> None:
        event = replace(event, message=safe(event.message), data=safe_data(event.data))
        self.write(documents.event_document(event))

    def went_wrong(self, failure: TaskFailure) -> None:
        failure = self._shown(failure)
        failure = _by_an_edit(failure)
        self.write({**documents.error_event(failure), "event": "failure"})
        super().failure(failure)

    def failure(self, failure: TaskFailure) -> None:
        failure = self._shown(failure)
        if self.stream:
            self.write(documents.error_event(failure))
        else:
            self.write(documents.error_document(failure))
        super().failure(failure)


def reporter(*, as_json: bool, stream: bool) -> Reporter:
    """The reporter that a task asked for. From then on, any text can be printed: characters that
    the output's encoding lacks are escaped."""
    sys.stdout, sys.stderr = _completing(sys.stdout), _completing(sys.stderr)
    for out in (sys.stdout, sys.stderr):
        if isinstance(out, io.TextIOWrapper):
            # JSON is UTF-8; in JSON, a lone surrogate has to be escaped.
            encoding = "utf-8" if as_json and out is sys.stdout else None
            out.reconfigure(encoding=encoding, errors="backslashreplace")
    return JsonReporter(stream=stream) if as_json else Reporter(stream=stream)


def _completing(out: TextIO) -> TextIO:
    """``out``, but retrying what the system wrote only partly. With PYTHONUNBUFFERED, Python drops
    the rest of a partial write, which a signal can cause."""
    if not isinstance(out, io.TextIOWrapper) or not isinstance(out.buffer, io.RawIOBase):
        return out
    # Not detached: existing users still write to it, such as Invoke's log (`inv -d`).
    buffer = io.BufferedWriter(out.buffer)
    return io.TextIOWrapper(buffer, out.encoding, out.errors, line_buffering=True)
