"""The terminal page: the plan before, the progress during, the result after.

Results go to stdout, progress to stderr. Where stderr is a terminal the progress is live, one
line for each image and service; elsewhere it is plain lines. Text of others (container names,
logs, error messages) is cleaned of terminal escapes before it is shown.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from composetasks.facts import (
    MADE_BY_PLAN,
    Action,
    Blocker,
    Consent,
    Event,
    Evidence,
    Plan,
    Step,
)
from composetasks.facts.program import task
from composetasks.report.progress import LiveLines, PlainLines, Progress
from composetasks.report.text import clean
from composetasks.run.failure import TaskFailure

STYLES = {
    Action.BUILD_IMAGE: "cyan",
    Action.PULL_IMAGE: "cyan",
    Action.RETAG_IMAGE: "cyan",
    Action.PUSH_IMAGE: "cyan",
    Action.REMOVE_CONTAINER: "red",
    Action.REMOVE_NETWORK: "red",
    Action.REMOVE_IMAGE: "red",
    Action.END_INSTANCE: "red",
    Action.EMPTY_STATE: "red",
    Action.STOP_CONTAINER: "yellow",
    Action.RECREATE_CONTAINER: "yellow",
    Action.RESTART_CONTAINER: "yellow",
    Action.STOP_PROVIDER: "red",
    Action.REMOVE_SERVICE: "red",
    Action.UPDATE_SERVICE: "yellow",
}
PIPE_WIDTH = 200
SHOWN_EVIDENCE = 10
LONGEST_LINE, SHOWN_HEAD, SHOWN_TAIL = 500, 300, 130
"""From how many characters on a line is shortened to which of them at both ends."""
SHOWN_BLOCKERS = 3
"""How many blockers are shown of those that the same resolves."""
SAID_BY_REASON = (
    *("no-container", "no-image", "no-record", "no-cache", "pull", "pull-policy", "platform"),
    *("state", "health", "replicas", "provider", "mount"),
    *("name", "port", "service", "left-over", "old-image", "no-shared-image", "no-service"),
)
"""Kinds of evidence of which the step's reason says all but the detail."""
SAID_WITH_DETAIL = ("holder", "dependency")
"""Kinds of evidence that the step's reason puts into words whole."""


class Page:
    """What a person sees of one run."""

    def __init__(self) -> None:
        self.out = Console(highlight=False, width=_width(sys.stdout))
        self.err = Console(highlight=False, stderr=True, width=_width(sys.stderr))
        self._progress: Progress | None = None
        self._live: Live | None = None
        self._warned: set[str] = set()

    def line(self, text: str, style: str = "") -> None:
        """One line of a result."""
        self.out.print(Text(clean(text), style=style))

    def note(self, text: str, style: str = "bright_black") -> None:
        """One line beside the result."""
        self.err.print(Text(clean(text), style=style))

    def plan(self, plan: Plan, *, announced: bool) -> None:
        """The plan, to stdout where it is the result, to stderr where it is about to be done. A
        warning of an earlier plan of this run (a watch has many) is not said again."""
        console = self.err if announced else self.out
        where = f"{plan.project} (instance {plan.instance})" if plan.instance else plan.project
        console.print(Text(f"{plan.command}: {where}", style="bold"))
        for warning in (one for one in plan.warnings if one not in self._warned):
            _print(console, _hanging("warning", _shortened(warning, plan, "yellow")))
        self._warned |= {*plan.warnings}
        if plan.steps:
            _print(console, Padding(_steps_table(plan), (0, 0, 0, 2)))
        if announced and not (plan.steps or plan.blockers):
            return  # The result says that there is nothing to do, and shows the services.
        if plan.unchanged:
            console.print(Text(f"  unchanged: {', '.join(plan.unchanged)}", style="bright_black"))
        if not plan.steps and not plan.blockers:
            console.print(Text("  nothing to do", style="green"))
        if plan.watch and not announced:
            from composetasks.report.watch import rules_table

            console.print(Text("  then it watches", style="bold"))
            _print(console, Padding(rules_table(plan.watch), (0, 0, 0, 2)))
        # Where the plan was about to be done, the first is the failure that ends the run.
        for blockers in _by_hint(plan.blockers, plan.blockers[:1] if announced else ()):
            texts = [_shortened(one.message, plan, "bold red") for one in blockers[:SHOWN_BLOCKERS]]
            if len(blockers) > SHOWN_BLOCKERS:
                more = len(blockers) - SHOWN_BLOCKERS
                texts.append(Text(f"and {more} more of this kind ({_whole(plan)} lists them)"))
            hint = blockers[0].hint
            if not (announced and hint == plan.blockers[0].hint):
                texts.append(Text(clean(hint)))
            _print(self.err, _hanging("blocked", *texts))

    def failure(self, failure: TaskFailure) -> None:
        """Why a start failed, to stderr, on one screen."""
        from composetasks.report.failure_page import lines

        for line in lines(failure, self.err.width, self.err.height):
            text = Text(line.text, style=line.style)
            self.err.print(text, no_wrap=True, overflow="ignore", crop=False)

    def event(self, event: Event) -> None:
        if self._progress is None:
            self._progress = LiveLines(self.err) if self.err.is_terminal else PlainLines(self.err)
        self._progress.event(event)

    def show(self, shown: RenderableType) -> None:
        """Something that is drawn, as a result."""
        _print(self.out, shown)

    @property
    def in_place(self) -> bool:
        """Whether what was shown can be drawn again where it stands."""
        return self.out.is_terminal and not self.out.is_dumb_terminal

    def refresh(self, shown: RenderableType) -> None:
        """The same once more: in the place of the last on a terminal, below it elsewhere."""
        if not self.in_place:
            self.show(shown)
            self.line("")
            self.out.file.flush()
            return
        if self._live is None:
            self._live = Live(console=self.out, auto_refresh=False)
            self._live.start()
        self._live.update(shown, refresh=True)

    def close(self, failed: str = "") -> None:
        """End the live part, leaving its last state on the screen: of the service that ``failed``
        that it did."""
        if self._live is not None:
            self._live.stop()
            self._live = None
        if self._progress is not None:
            self._progress.close(failed)
            self._progress = None

    def table(self, rows: list[list[Text | str]], header: list[str] | None = None) -> None:
        table = Table(box=None, pad_edge=False, show_header=bool(header), padding=(0, 2, 0, 0))
        for name in header or [""] * (len(rows[0]) if rows else 0):
            table.add_column(name, header_style="bright_black", overflow="fold")
        for row in rows:
            table.add_row(*[Text(clean(c)) if isinstance(c, str) else c for c in row])
        _print(self.out, table)


def _by_hint(blockers: Iterable[Blocker], shown: Collection[Blocker]) -> Iterable[list[Blocker]]:
    """Blockers of one kind that the same resolves, together, without what is said elsewhere."""
    groups: dict[tuple[str, str], list[Blocker]] = {}
    for blocker in blockers:
        if blocker not in shown:
            groups.setdefault((blocker.kind, blocker.hint), []).append(blocker)
    return groups.values()


def _print(console: Console, shown: RenderableType) -> None:
    """Print something wide: into a pipe without the blanks that fill its lines."""
    if console.is_terminal:
        console.print(shown)
        return
    with console.capture() as captured:
        console.print(shown)
    for line in captured.get().splitlines():
        console.print(Text(line.rstrip()))


def _width(stream: TextIO) -> int | None:
    """The terminal's own width (None), or one at which a pipe's lines need no folding."""
    return None if stream.isatty() else PIPE_WIDTH


def _hanging(label: str, *texts: Text) -> RenderableType:
    """A label, and beside it paragraphs that are folded under themselves."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    for place, text in enumerate(texts):
        table.add_row(Text("" if place else label, style=text.style), text)
    return Padding(table, (0, 0, 0, 2))


def _whole(plan: Plan) -> str:
    """The command that prints all of a plan."""
    return task(f"{plan.command} --plan --json")


def _shortened(text: str, plan: Plan, style: str) -> Text:
    """A line without the middle of what it lists, where that is long."""
    line = clean(text)
    if len(line) > LONGEST_LINE:
        head, tail = line[:SHOWN_HEAD].rpartition(" ")[0], line[-SHOWN_TAIL:].partition(" ")[2]
        line = f"{head} [...] {tail} ({_whole(plan)} shows all of it)"
    return Text(line, style=style)


def three_columns() -> Table:
    """A table without lines: a word, a name, and a text that takes the rest."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold", ratio=1)
    return table


def _steps_table(plan: Plan) -> RenderableType:
    table = three_columns()
    for step in plan.steps:
        verb = Text(step.action.value, style=STYLES.get(step.action, "green"))
        table.add_row(verb, Text(clean(step.target)), _reason(step, plan))
    return table


def _reason(step: Step, plan: Plan) -> RenderableType:
    lines = [Text(clean(step.reason))]
    named = [e for e in step.because if e.kind in ("file", "files")]
    # The reason names the file where it is one.
    evidence = [e for e in step.because if len(named) != 1 or e not in named]
    shown = [line for e in evidence if (line := evidence_line(e))]
    lines += [Text(line, style="bright_black") for line in shown[:SHOWN_EVIDENCE]]
    if len(shown) > SHOWN_EVIDENCE:
        more = f"and {len(shown) - SHOWN_EVIDENCE} more ({_whole(plan)} lists them)"
        lines.append(Text(more, style="bright_black"))
    lines += [Text(f"lost for good: {clean(loss)}", style="red") for loss in step.destroys]
    if step.consent is not Consent.NONE:
        lines.append(Text(f"needs --{step.consent.value}", style="magenta"))
    return Group(*lines)


def evidence_line(evidence: Evidence) -> str:
    """One piece of evidence as a line; "" where the reason says it already."""
    name = evidence.path or evidence.field or evidence.name or evidence.kind
    if evidence.kind in SAID_WITH_DETAIL:
        return ""
    if evidence.kind in SAID_BY_REASON or evidence.new == MADE_BY_PLAN:
        return clean(evidence.detail or "")
    if evidence.kind == "file":
        size = f" ({evidence.detail})" if evidence.detail else ""
        return clean(f"{evidence.change} {name}{size}")
    if evidence.old is None and evidence.new is None:
        if evidence.kind == "network":
            return ""  # The one that the reason, or the step, names.
        return clean(f"{name}: {evidence.detail}" if evidence.detail else name)
    old, new = evidence.old, evidence.new
    change = f"{'(unset)' if old is None else old} -> {'(unset)' if new is None else new}"
    return clean(f"{name}: {change}" + (f" ({evidence.detail})" if evidence.detail else ""))
