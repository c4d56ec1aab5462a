"""Prints log lines for a person or a program, many at a time.

On a terminal each service has its own colour, and escapes are removed, so that programs cannot move
the cursor or change the title. Elsewhere lines are written byte for byte, after the service's name.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import IO

from composetasks.facts import LogLine
from composetasks.facts.plain_text import CONTROL
from composetasks.run.signals import deferred

COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
"""SGR codes of the names: no red, which is for errors, and no greys, which some screens hide."""
ENCODE = json.JSONEncoder(ensure_ascii=False).encode
BATCH = 65536
"""The number of characters that are written at once."""


def colours_wanted(out: IO[str]) -> bool:
    """Whether ``out`` is a terminal that supports colours, and NO_COLOR is not set."""
    return (
        out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"
    )


class LogPrinter:
    """Writes lines as text. ``services`` sets the order of colours and the width of names; replicas
    of the services in ``numbered`` are shown with their number; ``count`` is the number of lines
    written so far."""

    def __init__(
        self,
        services: Iterable[str],
        *,
        numbered: Iterable[str] = (),
        timestamps: bool = False,
        out: IO[str] | None = None,
    ) -> None:
        self._out = out or sys.stdout
        self._terminal, self._coloured = self._out.isatty(), colours_wanted(self._out)
        self._timestamps = timestamps
        self._services = list(services)
        self._numbered = set(numbered)
        self._width = max(
            (len(name) + 2 * (name in self._numbered) for name in self._services), default=0
        )
        self._prefixes: dict[str, str] = {}
        self._held: list[str] = []
        self._size = 0
        self.count = 0
        if not self._terminal and hasattr(self._out, "reconfigure"):
            self._out.reconfigure(encoding="utf-8", errors="surrogateescape")

    def write(self, lines: Sequence[LogLine]) -> None:
        """Add lines; they are written in batches, at the latest by :meth:`flush`."""
        for line in lines:
            if line.container not in self._prefixes:
                self._prefixes[line.container] = self._prefix(line)
        self._hold(self._shown(lines))

    def flush(self) -> None:
        """Write the lines held back. Raises BrokenPipeError if the reader is gone."""
        held, self._held, self._size = self._held, [], 0
        self._out.write("".join(held))
        self._out.flush()

    def _hold(self, shown: list[str]) -> None:
        self.count += len(shown)
        self._held += shown
        self._size += sum(map(len, shown))
        if self._size >= BATCH:
            self.flush()

    def _shown(self, lines: Sequence[LogLine]) -> list[str]:
        prefixes = self._prefixes
        if self._terminal:
            lines = [line._replace(line=_harmless(line.line)) for line in lines]
        if self._timestamps:
            return [f"{prefixes[name]}{time} {text}\n" for time, _, _, name, _, text in lines]
        return [f"{prefixes[name]}{text}\n" for _, _, _, name, _, text in lines]

    def _prefix(self, line: LogLine) -> str:
        if line.number > 1:
            self._numbered.add(line.service)
        name = f"{line.service}-{line.number}" if line.service in self._numbered else line.service
        if "@" in line.container:  # a swarm task, with its node
            name = line.container
        self._width = max(self._width, len(name))
        if line.service not in self._services:
            self._services.append(line.service)
        text = f"{name:<{self._width}} | "
        if self._coloured:
            colour = COLOURS[self._services.index(line.service) % len(COLOURS)]
            text = f"\x1b[{colour}m{text}\x1b[0m"
        return text


def _harmless(text: str) -> str:
    if text.isprintable():
        return text
    return CONTROL.sub("", text).encode("utf-8", "replace").decode()


class JsonLogPrinter(LogPrinter):
    """Writes each line as a JSON object, complete even if a signal ends the run meanwhile."""

    def flush(self) -> None:
        with deferred():
            super().flush()

    def _shown(self, lines: Sequence[LogLine]) -> list[str]:
        return [
            f'{{"event": "log", "service": {ENCODE(service)}, "container": {ENCODE(name)}, '
            f'"time": "{time}", "stream": "{stream}", "line": {ENCODE(_valid(text))}}}\n'
            for time, service, _, name, stream, text in lines
        ]


def _valid(text: str) -> str:
    """``text`` with a question mark for each byte that is not UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
