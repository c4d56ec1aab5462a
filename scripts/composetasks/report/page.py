"""The terminal page: the plan before a run, progress during it, the result after it.

Results go to stdout, progress to stderr. If stderr is a terminal, progress is updated in place, one
line for each image and service; otherwise it is plain lines. Foreign text (container names, logs,
error messages) is stripped of terminal escapes before it is shown.
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
from composetasks.facts.plain_text import clean
from composetasks.facts.program import task
from composetasks.report.progress import LiveLines, PlainLines, Progress
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
"""A line longer than this many characters is cut to this many at its beginning and end."""
SHOWN_BLOCKERS = 3
"""How many blockers with the same hint are shown."""
SAID_BY_REASON = (
    *("no-container", "no-image", "no-record", "no-cache", "pull", "pull-policy", "platform"),
    *("state", "health", "replicas", "provider", "mount"),
    *("name", "port", "service", "left-over", "old-image", "no-shared-image", "no-service"),
)
"""Kinds of evidence that the step's reason covers except for the detail."""
SAID_WITH_DETAIL = ("holder", "dependency")
"""Kinds of evidence that the step's reason covers completely."""


class Page:
    """The output of one run for a person."""

    def __init__(self) -> None:
        self.out = Console(highlight=False, width=_width(sys.stdout))
        self.err = Console(highlight=False, stderr=True, width=_width(sys.stderr))
        self._progress: Progress | None = None
        self._live: Live | None = None
        self._warned: set[str] = set()

    def line(self, text: str, style: str = "") -> None:
        """Print one line of a result."""
        self.out.print(Text(clean(text), style=style))

    def note(self, text: str, style: str = "bright_black") -> None:
        """Print one line beside the result, to stderr."""
        self.err.print(Text(clean(text), style=style))

    def plan(self, plan: Plan, *, announced: bool) -> None:
        """Print the plan: to stdout if it is the result, to stderr if it is about to be carried
        out. A warning of an earlier plan of this run (a watch has many) is not repeated."""
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
        # If the plan was about to be carried out, the failure that ends the run shows the first
        # one.
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
        """Print to stderr why a start failed, on one screen."""
        from composetasks.report.failure_page import lines

        for line in lines(failure, self.err.width, self.err.height):
            text = Text(line.text, style=line.style)
            self.err.print(text, no_wrap=True, overflow="ignore", crop=False)

    def event(self, event: Event) -> None:
        if self._progress is None:
            self._progress = LiveLines(self.err) if self.err.is_terminal else PlainLines(self.err)
        self._progress.event(event)

    def show(self, shown: RenderableType) -> None:
        """Print a drawn result."""
        _print(self.out, shown)

    @property
    def in_place(self) -> bool:
        """Whether the output can be redrawn in place."""
        return self.out.is_terminal and not self.out.is_dumb_terminal

    def refresh(self, shown: RenderableType) -> None:
        """Show an update: in place of the last one on a terminal, below it elsewhere."""
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
        """End the live output and leave its last state on the screen, with the service ``failed``
        marked as failed."""
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
    """Group blockers by kind and hint, without those in ``shown``."""
    groups: dict[tuple[str, str], list[Blocker]] = {}
    for blocker in blockers:
        if blocker not in shown:
            groups.setdefault((blocker.kind, blocker.hint), []).append(blocker)
    return groups.values()


def _print(console: Console, shown: RenderableType) -> None:
    """Print something wide; into a pipe without trailing blanks."""
    if console.is_terminal:
        console.print(shown)
        return
    with console.capture() as captured:
        console.print(shown)
    for line in captured.get().splitlines():
        console.print(Text(line.rstrip()))


def _width(stream: TextIO) -> int | None:
    """None for a terminal's own width, or a width at which a pipe's lines are not folded."""
    return None if stream.isatty() else PIPE_WIDTH


def _hanging(label: str, *texts: Text) -> RenderableType:
    """A label with paragraphs beside it, folded with a hanging indent."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    for place, text in enumerate(texts):
        table.add_row(Text("" if place else label, style=text.style), text)
    return Padding(table, (0, 0, 0, 2))


def _whole(plan: Plan) -> str:
    """The command that prints the complete plan."""
    return task(f"{plan.command} --plan --json")


def _shortened(text: str, plan: Plan, style: str) -> Text:
    """A line, without its middle if it is too long."""
    line = clean(text)
    if len(line) > LONGEST_LINE:
        head, tail = line[:SHOWN_HEAD].rpartition(" ")[0], line[-SHOWN_TAIL:].partition(" ")[2]
        line = f"{head} [...] {tail} ({_whole(plan)} shows all of it)"
    return Text(line, style=style)


def three_columns() -> Table:
    """A table without borders: a word, a name, and a text that takes the remaining width."""
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
    # If there is only one file, the reason names it.
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
    """One piece of evidence as a line; "" if the reason already covers it."""
    name = evidence.path or evidence.field or evidence.name or evidence.kind
    if evidence.kind in SAID_WITH_DETAIL:
        return ""
    if evidence.kind in SAID_BY_REASON or evidence.new == MADE_BY_PLAN:
        return clean(evidence.detail or "")
    if evidence.kind == "file":
        size = f" ({evidence.detail})" if evidence.detail else ""
        return clean(f"{evidence.change} {name}{size}")
    if evidence.old is None and evidence.new is None:
        if evidence.kind in ("network", "content"):
            return ""  # The reason or the step names the network, the reason the file.
        return clean(f"{name}: {evidence.detail}" if evidence.detail else name)
    old, new = evidence.old, evidence.new
    change = f"{'(unset)' if old is None else old} -> {'(unset)' if new is None else new}"
    return clean(f"{name}: {change}" + (f" ({evidence.detail})" if evidence.detail else ""))
