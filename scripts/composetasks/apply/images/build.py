"""Carries out image steps in parallel up to a limit, base images first.

``apply/carry_out.py`` calls :func:`build` with the steps of a plan. This module decides when a step
begins; :class:`ImageSteps` carries it out, in a thread of the pool.
"""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from composetasks.apply.images.steps import ImageSteps
from composetasks.apply.tools import Tools, event
from composetasks.facts import BuildImage, Event, Step, World
from composetasks.plan.images.build_order import longest_first
from composetasks.store import build_records

BYTES_PER_BUILD = 2 * 1024**3
"""The free memory that each additional parallel build requires."""


def default_jobs() -> int:
    """How many images are built in parallel: one more than the number of cores, because a build
    also waits for the network and the disk, but no more than the free memory allows."""
    from composetasks.observe.doctor.machine import available_memory

    most, free = (os.cpu_count() or 1) + 1, available_memory()
    return most if free is None else max(1, min(most, free // BYTES_PER_BUILD))


def build(steps: Sequence[Step], world: World, tools: Tools) -> Iterator[Event]:
    """Carry out image steps and yield their events.

    Each image's whole log goes to ``build-SERVICE.log`` in the run folder. Raises TaskFailure, code
    7, if a build fails: the other running builds are ended first, and images already built stay.
    """
    run = ImageSteps(world, tools)
    builds = [step.service for step in steps if isinstance(step.operation, BuildImage)]
    if builds and tools.definitions is not None:
        run.targets.update(tools.definitions.result())
    elif builds:
        run.look_up(builds)
    ordered = longest_first(steps, _longest(tools.cache, builds))
    yield from _Schedule(ordered, run, tools.limits.jobs or default_jobs()).events()


def _longest(cache: Path, services: Sequence[str]) -> dict[str, float]:
    """The seconds of the longest recent build of each service's image, if it was built before."""
    took = {name: build_records.load_times(cache, name)[1] for name in services}
    return {name: max(one.seconds for one in builds) for name, builds in took.items() if builds}


class _Schedule:
    """Runs steps in the given order, each after the steps it needs, up to a number in parallel."""

    def __init__(self, steps: Sequence[Step], run: ImageSteps, limit: int) -> None:
        self.waiting = {step.id: step for step in steps}
        self.left = set(self.waiting)
        self.run, self.limit = run, max(1, limit)
        self.queue: queue.Queue[Event | tuple[Step, float, dict[str, Any] | BaseException]]
        self.queue = queue.Queue()
        self.under_way = 0
        self.failure: BaseException | None = None

    def events(self) -> Iterator[Event]:
        """Carry out all steps; raise the first failure once every step has ended."""
        with ThreadPoolExecutor(self.limit) as pool:
            try:
                yield from self._start(pool)
                while self.under_way:
                    message = self.queue.get()
                    if isinstance(message, Event):
                        if self.failure is None:
                            yield message
                        continue
                    yield self._ended(*message)
                    if self.failure is None:
                        yield from self._start(pool)
            except BaseException:
                self.run.stop()
                raise
        if self.failure is not None:
            raise self.failure

    def _start(self, pool: ThreadPoolExecutor) -> Iterator[Event]:
        for step in list(self.waiting.values()):
            if self.under_way >= self.limit:
                return
            if any(need in self.left for need in step.needs):
                continue
            del self.waiting[step.id]
            self.under_way += 1
            yield event("step-started", step)
            pool.submit(self._carry_out, step)

    def _carry_out(self, step: Step) -> None:
        began = time.monotonic()
        outcome: dict[str, Any] | BaseException
        try:
            outcome = self.run.carry_out(step, self.queue.put)
        except BaseException as error:  # noqa: BLE001 - raised again in events()
            outcome = error
        self.queue.put((step, time.monotonic() - began, outcome))

    def _ended(self, step: Step, seconds: float, outcome: dict[str, Any] | BaseException) -> Event:
        self.under_way -= 1
        if isinstance(outcome, BaseException):
            if self.failure is None:
                self.failure = outcome
                self.run.stop()
                return event("step-failed", step, str(outcome), seconds)
            return event("step-skipped", step, "stopped, because another image failed", seconds)
        self.left.discard(step.id)
        if "skipped" in outcome:
            return event("step-skipped", step, str(outcome["skipped"]), seconds)
        message = "image unchanged" if outcome.get("same") else ""
        return event("step-done", step, message, seconds, outcome)
