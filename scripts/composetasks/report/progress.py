"""The progress of a plan that is carried out: live on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from dataclasses import dataclass

from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from composetasks.facts import Action, Event
from composetasks.facts.plain_text import clean
from composetasks.report.text import duration

DOING = {
    Action.BUILD_IMAGE: ("building", "built"),
    Action.PULL_IMAGE: ("pulling", "pulled"),
    Action.RETAG_IMAGE: ("retagging", "retagged"),
    Action.PUSH_IMAGE: ("pushing", "pushed"),
    Action.REMOVE_CONTAINER: ("removing", "removed"),
    Action.RENAME_CONTAINER: ("renaming", "renamed"),
    Action.STOP_CONTAINER: ("stopping", "stopped"),
    Action.REMOVE_NETWORK: ("removing", "removed"),
    Action.REMOVE_IMAGE: ("removing", "removed"),
    Action.END_INSTANCE: ("ending", "ended"),
    Action.SNAPSHOT: ("taking a snapshot", "taken"),
    Action.EMPTY_STATE: ("emptying", "emptied"),
    Action.RESTORE_STATE: ("restoring", "restored"),
    Action.SEND: ("sending", "sent"),
    Action.FORWARD_PORT: ("forwarding", "forwarded"),
    Action.END_FORWARDS: ("removing its port forwards", "no longer forwarded"),
    Action.RUN_CHECK: ("checking", "passed"),
}
"""The words for a step during and after it, if its events have no message."""

STYLES = {
    "waiting": "bright_black",
    "starting": "cyan",
    "working": "cyan",
    "up": "green",
    "done": "green",
    "failed": "bold red",
}


def message_of(event: Event) -> str:
    """An event's message, or the words for its step's action if it has none."""
    words = DOING.get(event.action) if event.action else None
    if event.message or words is None or event.kind not in ("step-started", "step-done"):
        return event.message
    return words[0 if event.kind == "step-started" else 1]


def sentence(event: Event) -> str:
    """An event as a line: its target, what happened, and how long that took."""
    message = message_of(event)
    name = event.target if event.step else event.service
    if event.kind in ("log", "warning") or not name:
        return message
    if event.seconds is None:
        return f"{name}: {message}"
    took = duration(event.seconds)
    failed = event.kind in ("step-failed", "step-skipped")
    return f"{name}: {message} ({took})" if failed else f"{name}: {message} in {took}"


class Progress:
    """Shows events as they happen."""

    def event(self, event: Event) -> None:
        raise NotImplementedError

    def close(self, failed: str = "") -> None:
        """End the output; ``failed`` is the service that did not come up. Plain lines have nothing
        to close, and the failure's own output names the service."""


class PlainLines(Progress):
    """One plain line for each event, for a pipe or a log."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def event(self, event: Event) -> None:
        if event.kind != "progress" and message_of(event):
            self._console.print(Text(clean(sentence(event))))


@dataclass
class _Row:
    """What is shown of an image or service; ``began`` is by the monotonic clock."""

    state: str
    message: str
    began: float
    seconds: float | None = None


class LiveLines(Progress):
    """One line for each image and service, updated in place."""

    def __init__(self, console: Console) -> None:
        self._rows: dict[str, _Row] = {}
        self._live = Live(get_renderable=self._render, console=console, refresh_per_second=8)
        self._live.start()

    def event(self, event: Event) -> None:
        if event.kind in ("log", "warning"):
            style = "yellow" if event.kind == "warning" else ""
            self._live.console.print(Text(clean(event.message), style=style))
        elif event.kind == "service-state":
            self._service(event)
        elif not (event.kind == "step-done" and event.service in self._rows):
            self._step(event)

    def _service(self, event: Event) -> None:
        state = str(event.data.get("state", "starting"))
        row = self._rows.get(event.service)
        goes_on = row is not None and state in (row.state, "up", "done")
        began = row.began if row and goes_on else time.monotonic()
        self._rows[event.service] = _Row(state, event.message, began, event.seconds)

    def _step(self, event: Event) -> None:
        row = self._rows.get(event.target)
        state = {"step-done": "done", "step-skipped": "done", "step-failed": "failed"}.get(
            event.kind, "working"
        )
        began = row.began if row else time.monotonic()
        self._rows[event.target] = _Row(state, message_of(event), began, event.seconds)

    def _render(self) -> RenderableType:
        table = Table.grid(padding=(0, 2, 0, 0))
        now = time.monotonic()
        for name, row in self._rows.items():
            shown = clean(row.message).splitlines()[0] if row.message else row.state
            took = duration(row.seconds if row.seconds is not None else now - row.began)
            table.add_row(
                Text("  " + clean(name)),
                Text(shown, style=STYLES.get(row.state, ""), overflow="ellipsis", no_wrap=True),
                Text("" if row.state == "waiting" else took, style="bright_black"),
            )
        return table

    def close(self, failed: str = "") -> None:
        if failed in self._rows:
            self._rows[failed] = _Row("failed", "not up", self._rows[failed].began)
        self._live.stop()
