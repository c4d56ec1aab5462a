"""BuildKit's progress stream (``--progress=rawjson``), converted to steps, a log and a failure.

The messages are moby/buildkit client.SolveStatus: vertexes (steps of the build), statuses (progress
within one) and logs (its output, in base64).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any

from composetasks.facts import BuildTime
from composetasks.facts.timestamps import parse_time
from composetasks.run.masking import safe

LAST_LINES = 30
BASE = re.compile(r"\bFROM (?P<name>\S+?)@(?P<digest>sha256:[0-9a-f]{64})$")
STEP = re.compile(r"^\[(?!internal\])[^\]]*\]")
TRIGGER = re.compile(r"^\[[^\]]*\] ONBUILD ")
LOCKED = "sharing=locked"
BEGINS = "[internal] load build definition"
FIRST_WORD_SECONDS = 1.0
"""The longest time to the first output of a step that does not wait for its cache mount."""
SNIPPET = re.compile(r"^\S.*:(?P<line>\d+)$")


@dataclass
class Vertex:
    """One step of a build; times are seconds since the epoch."""

    number: int
    name: str
    started: float | None = None
    completed: float | None = None
    cached: bool = False
    error: str = ""
    spoke: float | None = None
    lines: list[str] = field(default_factory=list)
    rest: str = ""

    @property
    def seconds(self) -> float:
        if self.started is None or self.completed is None:
            return 0.0
        return max(0.0, self.completed - self.started)


class BuildLog:
    """Reads a build's messages line by line, and writes them as text to ``log``."""

    def __init__(self, log: IO[str]) -> None:
        self._log = log
        self.vertexes: dict[str, Vertex] = {}
        self.plain: list[str] = []

    def feed(self, line: str) -> Iterator[Vertex]:
        """Process a line; yield each step of the Dockerfile that starts with it."""
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            self.plain.append(line)
            self._log.write(safe(f"{line}\n"))
            return
        for raw in _mappings(message.get("vertexes")):
            vertex = self._vertex(raw)
            if vertex is not None:
                yield vertex
        for raw in _mappings(message.get("logs")):
            self._output(raw)

    def _vertex(self, raw: dict[str, Any]) -> Vertex | None:
        """Process a step's message; return the step if it has just started."""
        key = str(raw.get("digest", ""))
        vertex = self.vertexes.get(key)
        if vertex is None:
            vertex = self.vertexes[key] = Vertex(len(self.vertexes) + 1, str(raw.get("name", "")))
        new = vertex.started is None and raw.get("started") and not raw.get("cached")
        if raw.get("started"):
            vertex.started = _seconds(raw["started"])
        if new:
            self._log.write(safe(f"#{vertex.number} {vertex.name}\n"))
        if (raw.get("completed") and vertex.completed is None) or raw.get("error"):
            vertex.completed = _seconds(raw.get("completed") or raw.get("started"))
            vertex.error = str(raw.get("error", ""))
            message = f"ERROR: {vertex.error}" if vertex.error else f"DONE {vertex.seconds:.1f}s"
            self._log.write(
                safe(f"#{vertex.number} {'CACHED' if raw.get('cached') else message}\n")
            )
        vertex.cached = vertex.cached or bool(raw.get("cached"))
        return vertex if new and STEP.match(vertex.name) else None

    def _output(self, raw: dict[str, Any]) -> None:
        vertex = self.vertexes.get(str(raw.get("vertex", "")))
        text = _decoded(raw.get("data"))
        if vertex is None:
            self._log.write(safe(text))
            return
        if vertex.spoke is None and raw.get("timestamp"):
            vertex.spoke = min(_seconds(raw["timestamp"]), vertex.completed or float("inf"))
        *lines, vertex.rest = (vertex.rest + text).split("\n")
        for line in lines:
            self._log.write(safe(f"#{vertex.number} {line}\n"))
        vertex.lines = [*vertex.lines, *lines][-LAST_LINES:]

    def under_way(self) -> list[str]:
        """The names of the steps that have started and not completed."""
        steps = self.vertexes.values()
        return [one.name for one in steps if one.started is not None and one.completed is None]

    # --- results ----------------------------------------------------------------------------

    def failed(self) -> Vertex | None:
        """The step that failed, rather than a step that was cancelled because of it."""
        errors = [one for one in self.vertexes.values() if one.error]
        real = [one for one in errors if "context canceled" not in one.error]
        return next(iter(real or errors), None)

    def last_lines(self) -> list[str]:
        """The last lines of the step that failed."""
        vertex = self.failed()
        if vertex is None:
            return []
        return [line.rstrip("\r") for line in [*vertex.lines, vertex.rest] if line][-LAST_LINES:]

    def detail(self) -> str:
        """The end of a failed build: the step's last lines, and Buildx's error message."""
        return "\n".join([*self.last_lines(), self.last_error()])

    def dockerfile_line(self) -> int | None:
        """The line of the Dockerfile that BuildKit reports as failed."""
        for before, after in zip(self.plain, self.plain[1:], strict=False):
            match = SNIPPET.match(before)
            if match and after.startswith("-----"):
                return int(match["line"])
        return None

    def last_error(self) -> str:
        """BuildKit's last error message, or its last line."""
        errors = [line for line in self.plain if line.startswith(("ERROR", "error"))]
        return re.sub(r"^(ERROR|error): ", "", (errors or self.plain or [""])[-1])

    def bases(self) -> dict[str, str]:
        """The digests of base images from a registry, by the name that BuildKit gives them."""
        bases = (BASE.search(one.name) for one in self.vertexes.values())
        return {match["name"]: match["digest"] for match in bases if match}

    def has_triggers(self) -> bool:
        """Whether ONBUILD instructions of a base image ran."""
        return any(TRIGGER.match(one.name) for one in self.vertexes.values())

    def steps(self) -> list[dict[str, Any]]:
        """The Dockerfile's steps with their seconds, excluding the time they waited for other
        builds."""
        return [
            {
                "name": safe(vertex.name),
                "seconds": round(vertex.seconds - self._waited(vertex, vertex.started), 3),
                "cached": not self._ran(vertex),
            }
            for vertex in self.vertexes.values()
            if STEP.match(vertex.name) or vertex.name.startswith("exporting")
        ]

    def time(self, seconds: float) -> BuildTime:
        """The duration of the build; the caller measured its total ``seconds``."""
        ran = [one for one in self.vertexes.values() if STEP.match(one.name) and self._ran(one)]
        ends = [one.completed for one in ran if one.completed]
        begins = [max(one.started, self._began()) for one in ran if one.started and one.completed]
        busy = max(ends) - min(begins) if begins else 0.0
        exports = (v.seconds for v in self.vertexes.values() if v.name.startswith("exporting"))
        return BuildTime(round(seconds, 3), round(max(0.0, busy), 3), round(sum(exports), 3))

    def waited(self) -> float:
        """The longest time that a step of this build waited for other builds."""
        ran = [one for one in self.vertexes.values() if one.started and self._ran(one)]
        waits = (self._waited(one, max(one.started or 0.0, self._began())) for one in ran)
        return max(waits, default=0.0)

    def _began(self) -> float:
        """When this build began, by the builder's clock; 0 if unknown."""
        own = (one.started for one in self.vertexes.values() if one.name.startswith(BEGINS))
        return min((started for started in own if started), default=0.0)

    def _ran(self, vertex: Vertex) -> bool:
        """Whether a step ran for this build. BuildKit reports steps that another running build
        completed earlier with their original times, not as cached."""
        done_before = vertex.completed is not None and vertex.completed <= self._began()
        return not vertex.cached and not done_before

    @staticmethod
    def _waited(vertex: Vertex, since: float | None) -> float:
        """The seconds that a step waited for a cache mount that another build had locked: the step
        prints nothing until it has the lock, and BuildKit includes the wait in its time."""
        if LOCKED not in vertex.name or vertex.spoke is None or since is None:
            return 0.0
        silent = vertex.spoke - since
        return silent if silent > FIRST_WORD_SECONDS else 0.0


def _mappings(value: Any) -> list[dict[str, Any]]:
    """The items of a list that are mappings, as the parts of a message are."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _decoded(data: Any) -> str:
    """The text of a step's output; "" if it is not valid base64."""
    try:
        return base64.b64decode(str(data or "")).decode(errors="replace")
    except ValueError:
        return ""


def _seconds(stamp: Any) -> float:
    """An RFC 3339 time in Unix seconds; 0 if it is not a time."""
    return max(0.0, parse_time(str(stamp)).timestamp())
