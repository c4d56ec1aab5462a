"""Runs a Compose command that lets the engine do something. The command's output is read while it
runs; while it prints nothing, the engine is asked: Compose itself has no timeout.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from composetasks.apply.conflicts.removal import grace_seconds
from composetasks.apply.tools import Tools
from composetasks.facts import Role, role
from composetasks.facts.engine import COMPOSE, listed_name
from composetasks.facts.plain_text import lines_of
from composetasks.run import process, waiting
from composetasks.run.compose import Compose

READABLE = ("--ansi", "never", "--progress", "auto")
"""Options that keep the output readable for this module, whatever COMPOSE_ANSI and COMPOSE_PROGRESS
say. ``auto`` is plain text without a terminal; ``plain`` is refused with COMPOSE_ANSI=always."""
LOOK_SECONDS = 5.0
"""How often the engine is asked while Compose prints nothing."""
LONGEST_SECONDS = 1200.0
"""How long the engine may take for one container if no time is given for its service: it copies the
image's files into new volumes, which can be a lot."""
_PROGRESS = re.compile(r"\s*(Container|Network|Volume) (\S+)\s+(\w+)")
_UNDER_WAY: Mapping[str, str] = {
    "Recreate": "to be recreated",
    "Creating": "to be created",
    "Starting": "to start",
    "Stopping": "to stop",
    "Removing": "to be removed",
    "Restarting": "to be restarted",
}
"""Compose's progress words for an operation in progress, and what is then waited for."""


class NotDone(Exception):
    """The engine answers but has not done what Compose waits for; the message names it."""


@dataclass
class ComposeOperations:
    """The operations that Compose has in progress: resource names, with Compose's words for
    them."""

    words: dict[str, str] = field(default_factory=dict)

    def hear(self, line: str) -> None:
        """Update the operations from a line of Compose's progress output."""
        match = _PROGRESS.match(line)
        if match is None:
            return
        kind, name, word = match.groups()
        self.words.pop(f"{kind} {name}", None)
        if word in _UNDER_WAY:
            self.words[f"{kind} {name}"] = word

    def __str__(self) -> str:
        awaited = (
            f"{name.removeprefix('Container ')} {_UNDER_WAY[word]}"
            for name, word in self.words.items()
        )
        return ", ".join(awaited)

    def __contains__(self, container: str) -> bool:
        return f"Container {container}" in self.words

    def starts(self, container: str) -> bool:
        """Whether Compose waits for a container to start, its hooks included."""
        return self.words.get(f"Container {container}") in ("Starting", "Restarting")


def run(
    tools: Tools,
    project: str,
    arguments: Sequence[str],
    compose: Compose | None = None,
    *,
    stdin: str | None = None,
    limit: float = math.inf,
) -> process.Completed:
    """Run a Compose command to its end without showing its output.

    ``compose`` replaces the Compose of ``tools``. ``limit`` is how many seconds the engine may take
    for each thing that Compose waits for; the stop of a container that is replaced and the program
    of a hook have no limit. Raises ProgramError if the exit code is not 0, NotDone, and the
    client's exceptions for an engine that does not answer.
    """
    compose = compose or tools.compose
    argv = compose.argv(*READABLE, *arguments)
    printed: dict[str, list[str]] = {"stdout": [], "stderr": []}
    at = ComposeOperations()
    look = partial(_look, tools, at, project)
    with process.Running(argv, cwd=compose.folder, env=compose.environment, stdin=stdin) as running:
        while (line := _next(running, look, at, limit)) is not None:
            printed[line.stream].append(f"{line.text}\n")
            for text in lines_of(line.text):
                at.hear(text)
        code = running.wait()
    stdout, stderr = "".join(printed["stdout"]), "".join(printed["stderr"])
    if code != 0:
        raise process.ProgramError(argv, code, stdout, stderr)
    return process.Completed(tuple(argv), code, stdout, stderr)


def _next(
    running: process.Running, look: Callable[[], float | None], at: ComposeOperations, limit: float
) -> process.Line | None:
    """The next line of output; None at the end."""
    since = time.monotonic()
    awaited = f"{process.named(running.argv)}{f' ({at})' if at.words else ''}"
    with waiting.on(awaited) as wait:
        while True:
            try:
                return running.line(LOOK_SECONDS)
            except TimeoutError:
                grace = look()
            if grace:
                wait.note = f"a container has {grace} s to stop before it is killed"
            if grace is None:
                since = time.monotonic()
            elif time.monotonic() - since >= limit + grace:
                raise NotDone(
                    f"the engine answers, but did not complete this within {limit:g} s: {awaited}"
                )


def _look(tools: Tools, at: ComposeOperations, project: str) -> float | None:
    """Ask the engine for the project's containers. Return the longest stop grace period of the
    containers that Compose works on, in seconds; None if Compose waits for the program of a hook.
    Raises the client's exceptions for an engine that does not answer."""
    from docker import errors
    from requests.exceptions import ConnectionError, Timeout

    grace = 0
    try:
        for container in tools.client.containers(
            filters={"label": [f"{COMPOSE}project={project}"]}
        ):
            name = listed_name(container)
            if role(container.get("Labels") or {}) is Role.HELPER or at.starts(name):
                return None
            if name in at:
                grace = max(grace, grace_seconds(tools.client.inspect_container(container["Id"])))
    except errors.DockerException:
        return grace
    except ConnectionError as error:
        # The engine is gone; Compose gets the same error.
        if isinstance(error, Timeout):
            raise
    return grace
