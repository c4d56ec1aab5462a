"""``logs``: the services' logs, merged by time, across restarts and recreation."""

from __future__ import annotations

import re
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from composetasks.facts import Container, ExitCode, LogLine, timestamps
from composetasks.facts.engine import replicas_of
from composetasks.facts.frozen import frozen
from composetasks.facts.units import whole_number
from composetasks.observe.logs.read import Cursor, LogRange, by_time, history
from composetasks.observe.start.watch import Watch
from composetasks.report.documents import result_document
from composetasks.run.failure import EngineLost, TaskFailure
from composetasks.run.masking import safe, shows_secret
from composetasks.run.signals import Terminated, discard_output
from composetasks.verbs.session import Session

CHANGES = ("create", "start", "destroy")
"""The events after which there may be more to read."""


@frozen
class LogOptions:
    """The flags of ``logs``: ``tail`` is a number or ``all``, ``since`` and ``until`` are moments,
    ``grep`` and ``exclude`` regular expressions; ``raw`` leaves secrets unmasked."""

    follow: bool = False
    since: str = ""
    until: str = ""
    tail: str = "all"
    grep: str = ""
    exclude: str = ""
    timestamps: bool = False
    raw: bool = False


def logs(session: Session, services: Sequence[str], options: LogOptions) -> ExitCode:
    """Write the log lines of the services, or of all, in the order they were written.

    Without ``follow``, only the lines that the current containers have written. With it, the verb
    ends when it is interrupted (code 130, without a message), or at ``until``.
    """
    wanted = LogRange(
        _time("since", options.since), _time("until", options.until), _tail(options.tail)
    )
    shown = line_filter(options.grep, options.exclude)
    model = session.model(services)
    if not options.raw:
        session.project.hide_literals(model)
    names = list(services) or list(model.services)
    printer = session.reporter.log_printer(
        names,
        numbered=[name for name in names if model.services[name].replicas > 1],
        timestamps=options.timestamps,
    )
    reading = _LogReader(session, model.project, names, wanted, shown)
    try:
        for batch in reading.following() if options.follow else reading.written():
            printer.write(batch if options.raw else _masked(batch))
            printer.flush()
    except (KeyboardInterrupt, Terminated) as end:
        return session.interrupted(end)
    except EngineLost as error:
        raise TaskFailure(
            "the engine went away while the logs were read",
            code=ExitCode.NO_ENGINE,
            detail=str(error),
            hint="`docker version` shows whether it is back",
        ) from error
    except BrokenPipeError:
        discard_output()
        return ExitCode.OK
    session.reporter.result(result_document(session.verb, lines=printer.count), [])
    return ExitCode.OK


@dataclass
class _LogReader:
    """Reads the logs of ``names``: the existing lines and, when following, the new ones."""

    session: Session
    project: str
    names: Sequence[str]
    wanted: LogRange
    shown: Callable[[str], bool] | None
    cursors: dict[str, Cursor] = field(default_factory=dict)

    def find(self) -> list[Container]:
        """The services' current containers, in the services' order."""
        from composetasks.observe.engine.inventory import read_containers

        containers = read_containers(self.session.client)
        return [
            replica
            for name in self.names
            for replica in replicas_of(containers, self.project, name)
        ]

    def written(self, *, follow: bool = False) -> Iterator[Sequence[LogLine]]:
        """The existing lines."""
        containers = self.find()
        if not containers:
            yield self._of_tasks(follow)
            return
        # The last of the matching lines, not the matching ones among the last lines.
        sift = self.shown is not None and self.wanted.tail is not None
        batches = history(
            self.session.client,
            containers,
            replace(self.wanted, tail=None) if sift else self.wanted,
            cursors=self.cursors if follow else None,
            warn=self.session.reporter.note,
        )
        matching = (self._matching(batch) for batch in batches)
        if sift:
            yield _last_of_each(matching, self.wanted.tail or 0)
        else:
            yield from matching

    def _of_tasks(self, follow: bool) -> Sequence[LogLine]:
        """The lines of the services' tasks, if they run in a swarm and not as containers."""
        from composetasks.observe.deploy.tasks import read_logs

        stack = self.session.settings.deploy.name or self.project
        lines = read_logs(self.session.client, stack, self.names, self.wanted)
        if lines is None:
            names = ", ".join(self.names) or self.project
            self.session.reporter.note(f"{names}: no containers yet")
        elif follow:
            self.session.reporter.note(
                "to follow the logs of a swarm's tasks: `docker service logs --follow "
                f"{stack}_NAME`"
            )
        matching = self._matching(lines or ())
        return matching if self.wanted.tail is None else _last_of_each([matching], self.wanted.tail)

    def following(self) -> Iterator[Sequence[LogLine]]:
        """The existing lines, followed by the new ones."""
        from composetasks.observe.logs.follow import Follow

        client = self.session.client
        with Watch(client, self.project, CHANGES) as watch:
            yield from self.written(follow=True)
            follow = Follow(
                client, watch, self.find, self.wanted, self.cursors, self.session.reporter.note
            )
            try:
                end = float(self.wanted.until) if self.wanted.until else None
                for batch in follow.batches(end):
                    yield self._matching(batch)
            finally:
                follow.close()

    def _matching(self, lines: Sequence[LogLine]) -> Sequence[LogLine]:
        shown = self.shown
        return lines if shown is None else [line for line in lines if shown(line.line)]


def _masked(lines: Sequence[LogLine]) -> Sequence[LogLine]:
    """The lines with the secrets that this run knows masked."""
    if not shows_secret("\n".join(line.line for line in lines)):
        return lines
    return [line._replace(line=safe(line.line)) for line in lines]


def _last_of_each(batches: Iterable[Sequence[LogLine]], count: int) -> Sequence[LogLine]:
    last: dict[str, deque[LogLine]] = defaultdict(lambda: deque(maxlen=count))
    for lines in batches:
        for line in lines:
            last[line.container].append(line)
    return sorted((line for lines in last.values() for line in lines), key=by_time)


def _time(flag: str, text: str) -> str:
    try:
        return timestamps.seconds(text, time.time()) if text else ""
    except ValueError as error:
        raise TaskFailure(
            f"--{flag}: {error}", code=ExitCode.USAGE, hint=f"for example `--{flag} 10m`"
        ) from error


def _tail(text: str) -> int | None:
    if text in ("", "all"):
        return None
    lines = whole_number(text)
    if lines is None:
        raise TaskFailure(
            f"--tail takes a number of lines or all, not {text!r}",
            code=ExitCode.USAGE,
            hint="for example `--tail 100`",
        )
    return lines


def line_filter(grep: str, exclude: str) -> Callable[[str], bool] | None:
    """A filter for lines; None if all are shown. Raises TaskFailure, code 2, for an invalid regular
    expression."""
    keep, drop = _pattern("grep", grep), _pattern("exclude", exclude)
    if keep is None and drop is None:
        return None

    def wanted(line: str) -> bool:
        return (keep is None or bool(keep.search(line))) and not (drop and drop.search(line))

    return wanted


def _pattern(flag: str, text: str) -> re.Pattern[str] | None:
    try:
        return re.compile(text) if text else None
    except re.error as error:
        raise TaskFailure(
            f"--{flag}: {text!r} is not a regular expression: {error}",
            code=ExitCode.USAGE,
            hint="quote what is meant literally with a backslash: \\( \\[ \\*",
        ) from error
