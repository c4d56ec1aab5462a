"""Run ``inv`` with the given arguments, and print on stderr's last line the seconds of each room.

A room is a part of the program with its own time. benchmarks/breakdown.py starts this process.
Calls into another room count for that room. ``BENCH_BEGAN`` is the monotonic time at which the
parent started this process. With ``--deep`` before the arguments, carrying out a plan is measured
too; this imports its modules, so use it for runs that have something to do.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

STARTED = time.monotonic()

ROOMS = {
    "observe: Compose model": ("composetasks.observe.compose.model.load_model",),
    "observe: engine": (
        "composetasks.observe.engine.inventory.connect",
        "composetasks.observe.world.read_engine",
        "composetasks.observe.world.with_since",
        "composetasks.observe.world.with_resolved_hashes",
    ),
    "observe: build inputs": ("composetasks.observe.world.inputs_and_faults",),
    "observe: ports, paths, records": (
        "composetasks.observe.world.port_holders",
        "composetasks.observe.world.real_paths",
        "composetasks.observe.world.old_contents",
    ),
    "observe: environment": (
        "composetasks.observe.env.dotenv.read_environment",
        "composetasks.verbs.up.check_environment",
    ),
    "plan": ("composetasks.plan.start.start.plan_start",),
    "report": (
        "composetasks.verbs.up.service_documents",
        "composetasks.verbs.up.report_services",
    ),
}

DEEP = {
    "apply: Compose's definition of the build": ("composetasks.apply.images.steps.definition",),
    "apply: Buildx builds": ("composetasks.apply.images.steps.run_bake",),
    "apply: digests once more": ("composetasks.apply.images.steps.ImageSteps._differs",),
    "apply: Compose starts containers": ("composetasks.apply.start.launch._run_compose",),
    "apply: the helper container's start": ("composetasks.apply.state.helper.Helper.__enter__",),
    "apply: the helper container's end": ("composetasks.apply.state.helper.Helper.__exit__",),
    "apply: waiting for the helper container": (
        "composetasks.apply.state.helper.Helper._read",
        "composetasks.apply.state.helper.Helper.send",
    ),
}


class Clock:
    """Attributes time to the room entered last."""

    def __init__(self) -> None:
        self.took: dict[str, float] = {}
        self.rooms = ["Invoke, settings, lock"]
        self.since = time.monotonic()

    def turn(self) -> None:
        now = time.monotonic()
        room = self.rooms[-1]
        self.took[room] = self.took.get(room, 0.0) + now - self.since
        self.since = now

    def enter(self, room: str) -> None:
        self.turn()
        self.rooms.append(room)

    def leave(self, room: str) -> None:
        """Leave a room; another thread may have entered one meanwhile."""
        self.turn()
        last = len(self.rooms) - 1 - self.rooms[::-1].index(room)
        del self.rooms[last]


def timed(clock: Clock, room: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def within(*arguments: Any, **named: Any) -> Any:
        clock.enter(room)
        try:
            return function(*arguments, **named)
        finally:
            clock.leave(room)

    return within


def watch_imports(clock: Clock) -> None:
    """Measure each import that loads a module, from anywhere."""
    ordinary = builtins.__import__

    def importing(name: str, *rest: Any, **named: Any) -> Any:
        if name in sys.modules and "." not in name:
            return ordinary(name, *rest, **named)
        clock.enter("imports")
        try:
            return ordinary(name, *rest, **named)
        finally:
            clock.leave("imports")

    setattr(builtins, "__import__", importing)  # noqa: B010 (mypy: a function is no variable)


def watch_rooms(clock: Clock, rooms: Mapping[str, tuple[str, ...]]) -> None:
    """Wrap the functions of the rooms with the clock; imports their modules."""
    for room, places in rooms.items():
        for place in places:
            path, _, name = place.rpartition(".")
            try:
                owner: Any = importlib.import_module(path)
            except ModuleNotFoundError:
                module, _, kind = path.rpartition(".")
                owner = getattr(importlib.import_module(module), kind)
            setattr(owner, name, timed(clock, room, getattr(owner, name)))


def main() -> None:
    clock = Clock()
    clock.took["interpreter"] = STARTED - float(os.environ["BENCH_BEGAN"])
    watch_imports(clock)
    clock.enter("imports")
    from invoke.main import program

    deep = sys.argv[1] == "--deep"
    watch_rooms(clock, ROOMS | DEEP if deep else ROOMS)
    clock.leave("imports")
    try:
        program.run(["inv", *sys.argv[2 if deep else 1 :]], exit=False)
    finally:
        clock.turn()
        print(json.dumps(clock.took), file=sys.stderr)


if __name__ == "__main__":
    main()
