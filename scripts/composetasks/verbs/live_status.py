"""``status --watch`` at a terminal: a page that is kept up to date and reacts to keys."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from composetasks.facts import Container, ExitCode, Model
from composetasks.facts.engine import replicas_of
from composetasks.observe.engine.inventory import read_containers
from composetasks.observe.logs.last_lines import LastLines
from composetasks.observe.start.watch import Watch
from composetasks.run import process
from composetasks.run.keys import Keys
from composetasks.verbs.session import Session
from composetasks.verbs.status import EventStream, Observation, again

TASKS = {"r": ("restart",), "l": ("logs", "--follow", "--tail", "50"), "o": ("open",)}
"""The task of each key, for the selected service."""
UP, DOWN = ("up", "k"), ("down", "j")


def live_status(
    session: Session, model: Model, events: Watch, look: Observation, stream: EventStream
) -> ExitCode:
    """Show the services' status, and refresh it after each event, key and line of a log, and every
    few seconds for their figures, until ``q`` is pressed."""

    def find() -> Sequence[Container]:
        return replicas_of(read_containers(session.client), model.project)

    reading = LastLines(session.client, model.project, find, events.wake)
    with Keys(events.wake) as keys, reading as lines:
        document, measured, chosen = look.document(), time.monotonic(), 0
        idle = session.reporter.idle_seconds() or 0.0
        while True:
            session.reporter.live(document, lines.texts(), chosen)
            changed = stream.next()
            if changed:
                look = again(session, look)
            for key in keys.pressed():
                if key in ("q", "Q"):
                    session.reporter.close()
                    return ExitCode.OK
                services = document["services"]
                if key in TASKS and services:
                    _run(session, keys, key, services[chosen])
                    look, changed = again(session, look), True
                chosen = _within(services, chosen + (key in DOWN) - (key in UP))
            if changed or time.monotonic() - measured >= idle:
                document, measured = look.document(), time.monotonic()
            chosen = _within(document["services"], chosen)


def _within(services: Sequence[Mapping[str, Any]], chosen: int) -> int:
    """The number of an existing service, the nearest to ``chosen``; 0 if there is none."""
    return max(0, min(chosen, len(services) - 1))


def _run(session: Session, keys: Keys, key: str, service: Mapping[str, Any]) -> None:
    """Run the task of a key as if it were typed, and let it use the terminal meanwhile."""
    instance = ("--instance", session.project.instance) if session.project.instance else ()
    words = (*TASKS[key], *instance, "--service", str(service["name"]))
    session.reporter.close()
    with keys.released():
        process.hand_over([sys.executable, sys.argv[0], *words])
