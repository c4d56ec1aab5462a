"""A Compose command that has the engine do something. It is listened to while it works, and where
it says nothing the engine is looked at: Compose itself waits for an answer for ever.
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
from composetasks.facts.engine import COMPOSE
from composetasks.facts.plain_text import lines_of
from composetasks.run import process, waiting
from composetasks.run.compose import Compose

READABLE = ("--ansi", "never", "--progress", "auto")
"""What it says is read, whatever COMPOSE_ANSI and COMPOSE_PROGRESS want for a terminal; ``auto``
is plain text where there is none, and ``plain`` is refused with COMPOSE_ANSI=always."""
LOOK_SECONDS = 5.0
"""How often the engine is looked at while Compose says nothing."""
LONGEST_SECONDS = 1200.0
"""How long the engine may take for one container where nobody gave the services a time: it copies
what the image has in the places of new volumes, and that may be a lot."""
_PROGRESS = re.compile(r"\s*(Container|Network|Volume) (\S+)\s+(\w+)")
_UNDER_WAY: Mapping[str, str] = {
    "Recreate": "to be recreated",
    "Creating": "to be created",
    "Starting": "to start",
    "Stopping": "to stop",
    "Removing": "to be removed",
    "Restarting": "to be restarted",
}
"""What Compose says that it is at, and what is waited for then."""


class NotDone(Exception):
    """The engine answers, but has not done what Compose waits for; the text says what that is."""


@dataclass
class UnderWay:
    """What Compose says that it is at: names of things, with its own words for them."""

    words: dict[str, str] = field(default_factory=dict)

    def hear(self, line: str) -> None:
        """Take in a line of its progress."""
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
        """Whether it waits for the start of a container, which takes in that of its hooks."""
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
    """Run a Compose command to its end, quietly.

    ``compose`` is the one to use where it is not that of the tools. ``limit`` is how many seconds
    the engine may take for what Compose waits for; the end of a container that is replaced, and
    the program of a hook, take as long as they take. Raises ProgramError where it ends with
    another code than 0, NotDone, and what the client raises of an engine that is silent.
    """
    compose = compose or tools.compose
    argv = compose.argv(*READABLE, *arguments)
    printed: dict[str, list[str]] = {"stdout": [], "stderr": []}
    at = UnderWay()
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
    running: process.Running, look: Callable[[], float | None], at: UnderWay, limit: float
) -> process.Line | None:
    """The next line; None at the end."""
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


def _look(tools: Tools, at: UnderWay, project: str) -> float | None:
    """Look at the project's containers, which an engine that answers can tell: the longest grace
    period of those that Compose is at, None where it waits for the program of a hook. Raises what
    the client raises of an engine that is silent."""
    from docker import errors
    from requests.exceptions import ConnectionError, Timeout

    grace = 0
    try:
        for container in tools.client.containers(
            filters={"label": [f"{COMPOSE}project={project}"]}
        ):
            name = min(container["Names"], key=len).lstrip("/")
            if role(container.get("Labels") or {}) is Role.HELPER or at.starts(name):
                return None
            if name in at:
                grace = max(grace, grace_seconds(tools.client.inspect_container(container["Id"])))
    except errors.DockerException:
        return grace
    except ConnectionError as error:
        # It went away: Compose is told so too.
        if isinstance(error, Timeout):
            raise
    return grace
