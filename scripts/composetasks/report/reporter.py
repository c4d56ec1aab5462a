"""Who is told: a person at a terminal, or a program that reads JSON."""

from __future__ import annotations

import io
import json
import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
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
    """Tells a person. ``stream`` says whether this task's JSON form is lines or one document."""

    def __init__(self, *, stream: bool) -> None:
        self.stream = stream
        self._record: RunRecord | None = None
        self._run: tuple[RunRecord, Plan] | None = None
        self._done: set[str] = set()

    @cached_property
    def page(self) -> Page:
        """The terminal page; rich is loaded only once there is something to show."""
        from composetasks.report.page import Page

        return Page()

    def record_in(self, record: RunRecord, plan: Plan) -> None:
        """Have the plan and all events of this run kept."""
        self._run = record, plan
        self._record = record
        self._done.clear()
        self._keep(record.plan, documents.plan_document(plan))

    def forget(self) -> None:
        """Keep nothing more of this run: its folder can't be written to."""
        self._run = None

    def done_and_pending(self) -> tuple[list[str], list[str]]:
        """The ids of the plan's steps that are known to be done, and of the others."""
        steps = [step.id for step in self._run[1].steps] if self._run else []
        done = [one for one in steps if one in self._done]
        return done, [one for one in steps if one not in self._done]

    def plan(self, plan: Plan, *, announced: bool) -> None:
        """Show a plan: as the result, or (``announced``) as what is about to be done."""
        self.page.plan(plan, announced=announced)

    def event(self, event: Event) -> None:
        """Show and keep something that happened."""
        event = replace(event, message=safe(event.message), data=safe_data(event.data))
        if event.kind == "step-done":
            self._done.add(event.step)
        if self._record is not None:
            self._keep(self._record.event, documents.event_document(event))
        self._show(event)

    def _keep(self, keep: Callable[[Mapping[str, Any]], None], document: Mapping[str, Any]) -> None:
        """Keep a part of the record; what it tells of does not end for a disk that has filled up,
        but the record does."""
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
        """End a stream: the document for programs, the lines for people."""
        self.close()
        for line in lines:
            print(line)

    def services(self, services: Sequence[Mapping[str, Any]]) -> None:
        """The services as a table."""
        from composetasks.report.status import services_page

        self.page.show(services_page(services))

    def refreshed(self, document: Mapping[str, Any]) -> None:
        """The services as they are now, in the place of how they were."""
        from composetasks.report.status import services_page

        self.page.refresh(services_page(document["services"]))

    def live(self, document: Mapping[str, Any], lines: Mapping[str, str], chosen: int) -> None:
        """The same on a terminal, where somebody may press keys."""
        from composetasks.report.live import live_page

        size = self.page.out.size
        self.page.refresh(live_page(document, lines, chosen, size.width, size.height))

    @property
    def draws(self) -> bool:
        """Whether pages are drawn, which is for people: a program has the document."""
        return True

    @property
    def in_place(self) -> bool:
        """Whether what is shown can be kept up to date where it stands."""
        return self.page.in_place

    def idle_seconds(self) -> float | None:
        """How often what is watched is drawn again where nothing happens, for the sake of its
        figures; None for never, which is so everywhere but on a terminal."""
        return IDLE_SECONDS if self.page.in_place else None

    def started(
        self,
        sentence: str,
        services: Sequence[Mapping[str, Any]],
        path: Sequence[Link] = (),
    ) -> None:
        """The end of a start: each service, how long it took, and where it is reached; its critical
        path where that is worth a line. Plain, so that a start with nothing to do need not load
        what draws pages."""
        from composetasks.report.text import addresses, aligned, clean, duration, state_of

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
        """What failed, why, and what to do next, in that order, to stderr."""
        from composetasks.report.text import clean

        failure = self._shown(failure)
        self.close(failure.data.get("service", "") if "diagnosis" in failure.data else "")
        print(f"error: {clean(failure.message)}", file=sys.stderr)
        for line in clean(failure.detail).splitlines():
            print(f"  {line}", file=sys.stderr)
        if "diagnosis" in failure.data:
            self.page.failure(failure)
        if failure.hint:
            print(f"next: {clean(failure.hint)}", file=sys.stderr)
        self._tell_ci(failure)

    def _tell_ci(self, failure: TaskFailure) -> None:
        """Tell a failure to the CI system, where there is one."""
        if not {"GITHUB_ACTIONS", "GITLAB_CI"}.intersection(os.environ):
            return
        from composetasks.report import ci
        from composetasks.report.failure_page import whole

        if (system := ci.system(os.environ)) is not None:
            run = self._run[0].folder if self._run else None
            ci.tell(system, failure, whole(failure), run, time.time())

    def _shown(self, failure: TaskFailure) -> TaskFailure:
        """A failure as it is shown: without secrets, one of a start with what changed before."""
        failure = _safe(failure)
        if "diagnosis" in failure.data and "changed" not in failure.data and self._run:
            from composetasks.report.failure_page import completed

            record, plan = self._run
            return completed(failure, plan, record)
        return failure

    def watching(self, rules: Sequence[WatchRule], time: str) -> None:
        """What is watched from now on, and what an edit does."""
        from composetasks.report.watch import rules_table

        self.page.line("watching (Ctrl-C stops watching; the services keep running)", "bold")
        self.page.show(rules_table(rules))
        sys.stdout.flush()

    def happened(self, event: Event) -> None:
        """A line of what goes on until it is interrupted."""
        from composetasks.report.progress import sentence

        self.page.line(sentence(replace(event, message=safe(event.message))))
        sys.stdout.flush()

    def went_wrong(self, failure: TaskFailure) -> None:
        """A failure after which the run goes on."""
        self.failure(_by_an_edit(failure))
        self.note("still watching: the next edit tries again")

    def note(self, text: str) -> None:
        """A line beside the result, to stderr."""
        self.page.note(text)

    def log_printer(self, services: Sequence[str], **shape: Any) -> LogPrinter:
        """What writes log lines; ``shape`` as LogPrinter has it."""
        from composetasks.report.logs import LogPrinter

        return LogPrinter(services, **shape)

    def interrupted(self, verb: str, code: ExitCode) -> None:
        """End what goes on until it is interrupted: for people, without a word."""
        self.close()

    def close(self, failed: str = "") -> None:
        """Let go of the terminal; ``failed`` is the service that a start could not bring up."""
        if "page" in self.__dict__:
            self.page.close(failed)


RUN_AGAIN = re.compile(
    r"\b(correct (?:it|the cause)) and run (?:the task|`[^`]+`) again"
    r"|; run the task again when it does"
)
"""What a hint says of a task, where an edit is the other try."""


def _by_an_edit(failure: TaskFailure) -> TaskFailure:
    """A failure of a run that goes on: what is corrected is tried again without a task."""
    hint = RUN_AGAIN.sub(r"\1", failure.hint)
    return TaskFailure(
        failure.message, code=failure.code, hint=hint, detail=failure.detail, data=failure.data
    )


def _safe(failure: TaskFailure) -> TaskFailure:
    """A failure without secrets: it often quotes what another program said."""
    return TaskFailure(
        safe(failure.message),
        code=failure.code,
        hint=safe(failure.hint),
        detail=safe(failure.detail),
        data=safe_data(failure.data),
    )


class JsonReporter(Reporter):
    """Tells a program: nothing but JSON goes to stdout."""

    @staticmethod
    def write(document: Mapping[str, Any]) -> None:
        """One document on a line of its own, complete even if a signal ends the run meanwhile."""
        with deferred():
            print(json.dumps(document, ensure_ascii=False), flush=True)

    def services(self, services: Sequence[Mapping[str, Any]]) -> None:
        """The document holds them already."""

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
        """The result says it."""

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
    """The reporter a task asked for. Whatever a name or a message holds can be printed then: what
    the terminal's encoding lacks is shown as its number."""
    sys.stdout, sys.stderr = _completing(sys.stdout), _completing(sys.stderr)
    for out in (sys.stdout, sys.stderr):
        if isinstance(out, io.TextIOWrapper):
            # JSON is UTF-8; in it the number of a lone surrogate is the way to write that.
            encoding = "utf-8" if as_json and out is sys.stdout else None
            out.reconfigure(encoding=encoding, errors="backslashreplace")
    return JsonReporter(stream=stream) if as_json else Reporter(stream=stream)


def _completing(out: TextIO) -> TextIO:
    """``out``, which writes again what the system took only a part of. With PYTHONUNBUFFERED,
    Python drops the rest, which a signal is enough for."""
    if not isinstance(out, io.TextIOWrapper) or not isinstance(out.buffer, io.RawIOBase):
        return out
    # Not detached: what was begun before writes to it still, such as Invoke's log (`inv -d`).
    buffer = io.BufferedWriter(out.buffer)
    return io.TextIOWrapper(buffer, out.encoding, out.errors, line_buffering=True)
