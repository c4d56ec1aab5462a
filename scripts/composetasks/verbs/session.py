"""The basis of every verb: one run, on a project and an engine.

``tasks/run_verb.py`` makes a session and passes it to the verb. A verb that changes something asks
it for the world, has ``plan`` compute a plan from that, and passes the plan to
:mod:`composetasks.verbs.carry_through`. The parts (project, engine, lock) are made when they are
first used: a verb that needs no engine never connects to one.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

from composetasks.facts import Environment, ExitCode, Model, Scope, World
from composetasks.facts.frozen import frozen
from composetasks.facts.program import program
from composetasks.report.reporter import Reporter
from composetasks.run import masking
from composetasks.run.compose import Compose
from composetasks.run.settings import Settings
from composetasks.run.signals import Terminated, exit_code, ignore_signals
from composetasks.store.folder import OwnFolder
from composetasks.verbs.connection import EngineConnection
from composetasks.verbs.project import Project
from composetasks.verbs.project_lock import ProjectLock

if TYPE_CHECKING:
    from composetasks.observe.engine.inventory import APIClient


@frozen
class Options:
    """The flags that changing tasks share."""

    plan: bool = False
    yes: bool = False
    force: bool = False
    exit_code: bool = False
    wait_lock: float = 0.0
    instance: str = ""


KEEPING = ("snapshot", "restore", "reset-state", "deploy")
"""The verbs that can't work without the data in the project's folder."""


@dataclass
class Session:
    """One run of one verb. ``folder`` is the folder of ``tasks.py``; ``seconds`` is how long the
    started services took."""

    verb: str
    folder: Path
    settings: Settings
    reporter: Reporter
    options: Options = field(default_factory=Options)
    tasks: frozenset[str] = frozenset()
    changes: bool = False
    run_folder: Path | None = None
    warnings: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        # First of all, so that nothing shown or stored later contains a secret.
        masking.hide(masking.secrets(self.environment))

    # --- parts ------------------------------------------------------------------------------

    @cached_property
    def project(self) -> Project:
        """The project, or the selected instance of it."""
        return Project(
            folder=self.folder,
            settings=self.settings,
            instance=self.options.instance or self.settings.instance,
            tasks=self.tasks,
            changing=self.changes and not self.options.plan,
            keeping=self.verb in KEEPING,
            note=self.reporter.note,
            sends=self.settings.remote.send and self.verb != "deploy",
        )

    @cached_property
    def engine(self) -> EngineConnection:
        return EngineConnection(self.settings)

    @cached_property
    def lock(self) -> ProjectLock:
        who = f"{program()} {self.verb}"
        return ProjectLock(self.project, self.engine, who, self.options.wait_lock)

    def changing(self) -> contextlib.AbstractContextManager[None, None]:
        """Hold the project's lock for the block, unless only the plan is requested."""
        held = contextlib.nullcontext() if self.options.plan else self.lock.locked()
        return cast("contextlib.AbstractContextManager[None, None]", held)  # suppresses nothing

    # --- what most verbs use ----------------------------------------------------------------

    @property
    def own_folder(self) -> OwnFolder:
        return self.project.own_folder

    @property
    def compose(self) -> Compose:
        return self.project.compose

    @property
    def environment(self) -> Environment:
        return self.project.environment

    @property
    def client(self) -> APIClient:
        return self.engine.client

    def interrupted(self, end: KeyboardInterrupt | Terminated) -> ExitCode:
        """Report that the user ended a verb that runs until then; return its exit code."""
        ignore_signals()
        code = exit_code(end)
        self.reporter.interrupted(self.verb, code)
        return code

    def model(self, names: Sequence[str] = ()) -> Model:
        return self.project.model(names)

    def observe(self, names: Sequence[str] = (), scope: Scope | None = None) -> World:
        """Observe everything that a plan is computed from, within ``scope``."""
        from composetasks.observe.instances.abandoned import with_abandoned
        from composetasks.observe.world import observe_world

        scope = scope or Scope()
        model, cache = self.model(names), self.own_folder.cache
        world = observe_world(model, self.client, self.compose, cache, scope)
        if self.project.instance and scope.inputs:
            world = replace(world, in_common=self.project.in_common())
        if self.engine.remote:
            if not self.lock.seen_alone(world):
                return self.observe(names, scope)
            world = self.engine.of_another_host(world)
            if self.project.sends and scope.starting:
                if self.project.send(world, self.client):
                    return self.observe(names, scope)
                world = self.project.sent.observed(world, self.client, cache)
            world = replace(world, not_sent=self.project.not_sent(world.model, world.only_here))
        world = replace(world, warnings=(*self.warnings, *world.warnings))
        return with_abandoned(world, self.folder / ".composetasks" / "instances")
