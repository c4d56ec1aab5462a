"""Image steps, side by side up to a limit, what others stand on first."""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from composetasks.apply.events import event
from composetasks.apply.images.bake import Definitions
from composetasks.apply.images.steps import ImageSteps
from composetasks.facts import BuildImage, Event, Step, World
from composetasks.plan.images.build_order import longest_first
from composetasks.store import build_records

if TYPE_CHECKING:
    from docker import APIClient

BYTES_PER_BUILD = 2 * 1024**3
"""Free memory that one more build side by side is given."""


def default_jobs() -> int:
    """How many images are built at once: one more than there are cores, since a build waits for
    the network and the disk as well, and no more than there is memory for."""
    most = (os.cpu_count() or 1) + 1
    try:
        with open("/proc/meminfo", encoding="ascii") as stream:
            rows = dict(line.split(":", 1) for line in stream)
        free = int(rows["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return most
    return max(1, min(most, free // BYTES_PER_BUILD))


def build(
    plan_steps: Sequence[Step],
    *,
    world: World,
    compose: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    run_folder: Path,
    cache: Path,
    jobs: int | None,
    client: APIClient,
    digest_now: Callable[[str], str] | None = None,
    definitions: Future[Definitions] | None = None,
) -> Iterator[Event]:
    """Carry image steps out and yield what happens.

    ``compose`` is the argument list that addresses the project; ``digest_now`` looks at a
    service's inputs once more, and gives their digest; ``definitions`` are Compose's of what is to
    be built, where it was asked before. Each image's whole log goes to
    ``run_folder/build-SERVICE.log``. Raises TaskFailure, code 7, when a build fails: those under
    way beside it are ended first, and what was built stays.
    """
    run = ImageSteps(
        world=world,
        compose=tuple(compose),
        cwd=cwd,
        env=dict(env),
        run_folder=run_folder,
        cache=cache,
        client=client,
        digest_now=digest_now,
    )
    builds = [step.service for step in plan_steps if isinstance(step.operation, BuildImage)]
    if builds and definitions is not None:
        run.targets.update(definitions.result())
    elif builds:
        run.look_up(builds)
    ordered = longest_first(plan_steps, _longest(cache, builds))
    yield from _Schedule(ordered, run, jobs or default_jobs()).events()


def _longest(cache: Path, services: Sequence[str]) -> dict[str, float]:
    """Seconds of the longest of the last builds of each service's image, where there was one."""
    took = {name: build_records.load_times(cache, name)[1] for name in services}
    return {name: max(one.seconds for one in builds) for name, builds in took.items() if builds}


class _Schedule:
    """Steps in the order given, each after its needs, so many at once."""

    def __init__(self, steps: Sequence[Step], run: ImageSteps, limit: int) -> None:
        self.waiting = {step.id: step for step in steps}
        self.left = set(self.waiting)
        self.run, self.limit = run, max(1, limit)
        self.queue: queue.Queue[Event | tuple[Step, float, dict[str, Any] | BaseException]]
        self.queue = queue.Queue()
        self.under_way = 0
        self.failure: BaseException | None = None

    def events(self) -> Iterator[Event]:
        """Carry all steps out; raises the first failure once everything has ended."""
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
        except BaseException as error:  # noqa: BLE001 - it is raised where the steps are waited for
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
        message = "the image is the same as before" if outcome.get("same") else ""
        return event("step-done", step, message, seconds, outcome)
