"""What every verb starts from: the project's folder, its settings, Compose, the engine."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from composetasks.facts import (
    Container,
    Environment,
    ExitCode,
    InCommon,
    Model,
    World,
)
from composetasks.facts.program import program
from composetasks.observe.compose.binary import find
from composetasks.observe.compose.sources import compose_files, no_compose_file, variable
from composetasks.report.reporter import Reporter
from composetasks.run import masking, signals
from composetasks.run.compose import Compose, surroundings
from composetasks.run.failure import TaskFailure, did_you_mean
from composetasks.run.settings import Settings
from composetasks.store import instance_folder, lock
from composetasks.store.folder import Folder, elsewhere, read_only
from composetasks.store.names import keep as keep_names

if TYPE_CHECKING:
    from composetasks.observe.engine.inventory import APIClient
    from composetasks.observe.engine.liveness import Pulse
    from composetasks.run.ssh_ports import Ports
    from composetasks.verbs.instance import Instance


@dataclass(frozen=True)
class Options:
    """The flags that changing tasks share."""

    plan: bool = False
    yes: bool = False
    force: bool = False
    exit_code: bool = False
    wait_lock: float = 0.0
    instance: str = ""


KEEPING = ("snapshot", "restore", "reset-state", "deploy")
"""The verbs that are nothing without what they keep in the project's folder."""


@dataclass
class Session:
    """One run of one verb. ``folder`` is that of ``tasks.py``; ``overrides`` are compose files on
    top of those that the project has."""

    verb: str
    folder: Path
    settings: Settings
    reporter: Reporter
    options: Options = field(default_factory=Options)
    tasks: frozenset[str] = frozenset()
    changes: bool = False
    overrides: tuple[str, ...] = ()
    run_folder: Path | None = None
    warnings: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)
    pulse: Pulse | None = None
    _held: contextlib.ExitStack | None = None
    _leased: bool = False

    def __post_init__(self) -> None:
        # First of all, so that nothing shown or kept later can hold one.
        masking.hide(masking.secrets(self.environment))

    @cached_property
    def kept(self) -> Folder:
        """``.composetasks/``, made where it is missing. What reads goes on without it."""
        root = self.folder / ".composetasks"
        if not root.exists() and not self._has_compose_file():
            # No project's folder: nothing of ours is left in it.
            if self.changes and not self.options.plan:
                raise no_compose_file(self.folder)
            return Folder(root, root / "cache")
        if not self.instance:
            kept = Folder(root, root / "cache")
            try:
                kept.make()
            except TaskFailure as failure:
                changing = self.changes and not self.options.plan
                if (changing or not root.exists()) and self._can_do_without(root):
                    kept = elsewhere(self.folder)
                    self.reporter.note(f"{failure.message}: this run is kept in {kept.root}")
                elif changing:
                    raise
                else:
                    self.reporter.note(f"nothing is remembered: {failure.message} ({failure.hint})")
            return kept
        from composetasks.verbs.instance import check_name

        check_name(self.instance)
        kept = Folder(root / "instances" / self.instance, root / "cache")
        kept.make()
        self._copy(kept.root).watch_over()
        return kept

    def _has_compose_file(self) -> bool:
        return bool(compose_files(self.folder, self.files, self.process))

    def _can_do_without(self, root: Path) -> bool:
        """Whether this verb needs nothing of ``root``, the project's folder of ours, where that
        may only be read. What it keeps of state is nowhere else."""
        return self.verb not in KEEPING and read_only(root)

    def _copy(self, place: Path) -> Instance:
        from composetasks.verbs.instance import Instance

        return Instance(self.instance, place, instance_folder.given(self.settings.owner))

    @property
    def instance(self) -> str:
        """The name of the copy this run is about; "" for the stack itself."""
        return self.options.instance or self.settings.instance

    @cached_property
    def compose(self) -> Compose:
        """Compose addressing this project, or the instance of it that was asked for."""
        if not self.instance:
            return self._base_compose
        copy = self._copy(self.kept.root)
        return copy.compose(self._base_compose, self._base_model, self._state_folders, self._shared)

    @cached_property
    def _base_model(self) -> Model:
        """The model that the instances are copies of."""
        from composetasks.observe.compose.model import load_model

        return load_model(self._base_compose, self.kept.cache, all_profiles=True)

    @cached_property
    def _state_folders(self) -> Mapping[Path, str]:
        """The folders that hold state, with what an instance calls its own."""
        from composetasks.observe.state.places import state_folders

        return state_folders(self._base_model, self.folder, self.settings.state)

    @property
    def _shared(self) -> frozenset[str]:
        """The state that all copies use together, as the settings say."""
        return frozenset(name for name, one in self.settings.state.items() if one.shared)

    def _in_common(self) -> tuple[InCommon, ...]:
        """What an instance can have no copy of."""
        from composetasks.observe.instances.shared_folders import shared_sources
        from composetasks.plan.instances.separation import in_common

        model, moved = self._base_model, self._state_folders
        return (
            *in_common(model, self._shared),
            *shared_sources(model, self.folder, self.settings.state, moved),
        )

    @cached_property
    def _base_compose(self) -> Compose:
        files = self.files
        if self.overrides:
            found = compose_files(self.folder, self.files, self.process)
            files = (*map(str, found), *self.overrides)
        return find(self.folder, files)

    @property
    def files(self) -> tuple[str, ...]:
        """The compose files of the settings, where no COMPOSE_FILE is set."""
        return () if variable("COMPOSE_FILE", self.folder, self.process) else self.settings.files

    @cached_property
    def process(self) -> Mapping[str, str]:
        """The process's own variables, as they are meant in the project's folder."""
        return surroundings(self.folder)

    @cached_property
    def environment(self) -> Environment:
        """The variables and where they come from, as they were when first asked for."""
        from composetasks.observe.compose.sources import compose_files
        from composetasks.observe.env.dotenv import read_environment

        models = compose_files(self.folder, self.files, self.process)
        return read_environment(self.folder, models, self.process, self.files)

    @cached_property
    def client(self) -> APIClient:
        """A client for the engine, which is watched from then on: where it falls silent, the run
        ends whatever it waits for."""
        from composetasks.observe.engine.inventory import connect
        from composetasks.observe.engine.liveness import Pulse

        seconds = self.settings.engine_timeout
        client = connect(seconds)
        self.pulse = Pulse(client, seconds, signals.engine_silent)
        return client

    @cached_property
    def swarm_client(self) -> APIClient:
        """A client for a manager of the swarm that is deployed to: the engine's own, unless the
        settings name another context."""
        from composetasks.observe.engine.inventory import connect

        context = self.settings.deploy.context
        return connect(self.settings.engine_timeout, context) if context else self.client

    @property
    def away(self) -> bool:
        """Whether the engine is on another host."""
        from composetasks.observe.conflicts.host import is_here

        return not is_here(self.client.base_url)

    def lease(self, model: Model) -> None:
        """Be the only one who changes the project on an engine of another host, until
        :meth:`changing` ends. Raises TaskFailure, code 75, where somebody else is at it."""
        if self._held is None or self._leased or not self.away:
            return
        from composetasks.apply.engine import lease
        from composetasks.observe.instances.maker import myself

        verb, who = f"{program()} {self.verb}", myself(model.directory)
        held = lease.hold(self.client, model.project, verb, who, self.options.wait_lock)
        self._held.enter_context(held)
        self._leased = True

    def _seen_alone(self, world: World) -> bool:
        """Whether nobody else was changing the project when it was observed; waits for the end of
        who was."""
        from composetasks.apply.engine import lease

        project = world.model.project
        if self._held is None or self._leased:
            return True
        if all(one.name != lease.name(project) for one in world.engine.containers):
            return True
        lease.wait_for_end(self.client, project, self.options.wait_lock)
        return False

    def _of_another_host(self, world: World) -> World:
        """What there is to know of an engine that is not on this host."""
        from composetasks.observe.instances.maker import myself, other_maker

        me = myself(world.model.directory)
        world = replace(world, maker=other_maker(world.engine, world.model.project, me))
        return self._with_forwards(world)

    def ports(self, model: Model) -> Ports | None:
        """The ports of this machine that lead to the project's on an engine behind ssh; None where
        there are none of that kind."""
        if not self.settings.remote.forward:
            return None
        from composetasks.observe.engine.forwarded import ports_of

        return ports_of(model.project, self.settings.engine_timeout)

    def containers(self, model: Model) -> tuple[Container, ...]:
        """The containers as they are now, with the addresses of their ports on this machine."""
        from composetasks.observe.engine.inventory import read_containers

        found, ports = read_containers(self.client), self.ports(model)
        if ports is None:
            return found
        from composetasks.observe.engine.forwarded import seen_from_here

        return seen_from_here(found, ports.known())

    def _with_forwards(self, world: World) -> World:
        ports = self.ports(world.model)
        if ports is None:
            return world
        from composetasks.observe.engine.forwarded import forwards, seen_from_here

        found = forwards(world.model, ports)
        containers = seen_from_here(world.engine.containers, found.known)
        return replace(world, forwards=found, engine=replace(world.engine, containers=containers))

    def close(self) -> None:
        """Let go of the engine."""
        if self.pulse is not None:
            self.pulse.end()

    def model(self, names: Iterable[str] = ()) -> Model:
        """The model; a named service that only a profile would start brings all profiles in.

        Raises TaskFailure, code 2, for a name that is no service at all.
        """
        model = self._load()
        missing = [name for name in names if name not in model.services]
        if missing:
            every = self._load(all_profiles=True)
            for name in missing:
                if name not in every.services:
                    raise unknown_service(name, every.services, self.tasks)
            # Compose takes in what is named, not what else has its profiles.
            return every.narrowed({*model.services, *names})
        if not model.services:
            raise TaskFailure(
                "the model has no active service",
                code=ExitCode.INVALID,
                hint="choose a profile with COMPOSE_PROFILES, or name a service",
            )
        return model

    def _remember_names(self, model: Model) -> None:
        """Keep what a shell may complete."""
        services = [*model.services, *model.inactive]
        state = [*model.volumes, *self.settings.state]
        keep_names(self.kept.cache, services=services, state=state)

    def _load(self, *, all_profiles: bool = False) -> Model:
        from composetasks.observe.compose.model import load_model

        model = load_model(self.compose, self.kept.cache, all_profiles=all_profiles)
        if model.secret_files or model.secret_variables:
            from composetasks.observe.compose.contents import secret_contents

            masking.hide(secret_contents(model, self.environment))
        self._remember_names(model)
        masking.unhide({model.project, *model.services, *model.networks, *model.volumes})
        return replace(model, instance=self.instance or None)

    def hide_literals(self, model: Model) -> None:
        """Mask the secrets in the model's own text: before other programs' words are shown."""
        if model.literal_secrets:
            from composetasks.observe.compose.config import hide_literals

            hide_literals(self.compose)

    def observe(
        self,
        names: Sequence[str] = (),
        *,
        inputs: bool = True,
        registry: str = "",
        push: bool = False,
        rebuild: bool = False,
        starting: bool = False,
    ) -> World:
        """Everything a plan is made from, build inputs only where they are asked for; what is in
        ``registry`` where one is named, with ``push`` of what is here too; with ``rebuild`` for a
        plan that may build what has not changed, with ``starting`` for one that starts services."""
        from composetasks.observe.images.listed_ahead import listed_ahead
        from composetasks.observe.instances.orphans import with_orphans
        from composetasks.observe.world import observe_world

        model, cache = self.model(names), self.kept.cache
        with listed_ahead(model, cache) if inputs else contextlib.nullcontext() as ahead:
            world = observe_world(
                model,
                self.client,
                self.compose,
                cache,
                inputs=inputs,
                registry=registry,
                push=push,
                rebuild=rebuild,
                starting=starting,
                ahead=ahead,
            )
        if self.instance and inputs:
            world = replace(world, in_common=self._in_common())
        if self.away:
            if not self._seen_alone(world):
                return self.observe(
                    names,
                    inputs=inputs,
                    registry=registry,
                    push=push,
                    rebuild=rebuild,
                    starting=starting,
                )
            world = self._of_another_host(world)
        world = replace(world, warnings=(*self.warnings, *world.warnings))
        return with_orphans(world, self.folder / ".composetasks" / "instances")

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Hold the project's lock for the block, unless only the plan is wanted."""
        if self.options.plan:
            yield
            return
        with contextlib.ExitStack() as stack:
            while True:
                with contextlib.suppress(FileNotFoundError):  # it was ended while we waited
                    held = lock.hold(
                        self.kept.lock, f"{program()} {self.verb}", self.options.wait_lock
                    )
                    stack.enter_context(held)
                    break
                self.kept.make()
            if self.instance:
                self.kept.make()
                self._copy(self.kept.root).claim()
            self._held, self._leased = stack, False
            try:
                yield
            finally:
                self._held = None


def unknown_service(name: str, services: Iterable[str], others: Iterable[str] = ()) -> TaskFailure:
    """The failure for a word that names no service (nor task), with the closest ones."""
    known = sorted({*services, *others})
    return TaskFailure(
        f"no service is called {name!r}"
        if not others
        else f"no service or task is called {name!r}",
        code=ExitCode.USAGE,
        hint=did_you_mean(name, known, f"there are {', '.join(known)}"),
    )
