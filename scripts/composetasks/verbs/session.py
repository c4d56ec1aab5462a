"""What every verb starts from: the project's folder, its settings, Compose, the engine."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from composetasks.apply.tools import Tools
from composetasks.facts import (
    NO_SUBNET,
    Action,
    Consent,
    Ended,
    Environment,
    ExitCode,
    InCommon,
    Link,
    Model,
    Plan,
    World,
)
from composetasks.observe.compose.binary import find
from composetasks.report.documents import schema
from composetasks.report.reporter import Reporter
from composetasks.run import masking, signals
from composetasks.run.compose import Compose, surroundings
from composetasks.run.failure import NotUp, TaskFailure, did_you_mean
from composetasks.run.settings import Settings
from composetasks.store import container_configs, instance_folder, lock
from composetasks.store.folder import Folder
from composetasks.store.run_record import RunRecord

if TYPE_CHECKING:
    from concurrent.futures import Future

    from composetasks.apply.images.bake import Definitions
    from composetasks.observe.engine.inventory import APIClient
    from composetasks.observe.engine.liveness import Pulse
    from composetasks.run.owner import Owner


LONG_SECONDS = 5.0
"""A start that took longer says what its time was spent on."""


@dataclass(frozen=True)
class Options:
    """The flags that changing tasks share."""

    plan: bool = False
    yes: bool = False
    force: bool = False
    exit_code: bool = False
    wait_lock: float = 0.0
    instance: str = ""


@dataclass
class Session:
    """One run of one verb. ``folder`` is that of ``tasks.py``."""

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
    pulse: Pulse | None = None

    def __post_init__(self) -> None:
        # First of all, so that nothing shown or kept later can hold one.
        masking.hide(masking.secrets(self.environment))

    @cached_property
    def kept(self) -> Folder:
        """``.composetasks/``, made where it is missing. What reads goes on without it."""
        root = self.folder / ".composetasks"
        if not self.instance:
            kept = Folder(root, root / "cache")
            try:
                kept.make()
            except TaskFailure as failure:
                if self.changes and not self.options.plan:
                    raise
                self.reporter.note(f"nothing is remembered: {failure.message} ({failure.hint})")
            return kept
        from composetasks.verbs.instance import check_name

        check_name(self.instance)
        kept = Folder(root / "instances" / self.instance, root / "cache")
        kept.make()
        self._watch_over(kept.root)
        return kept

    @cached_property
    def _owner(self) -> Owner | None:
        """The process that the settings name for the instance."""
        return instance_folder.given(self.settings.owner) if self.instance else None

    def _watch_over(self, place: Path) -> None:
        """See that an instance that lives for a process ends with it, whatever ends us."""
        from composetasks.verbs.watcher import COMMAND

        if self._owner is not None:
            instance_folder.claim_new(place, self._owner.text)
        if instance_folder.lives_here(instance_folder.recorded(place)):
            instance_folder.ensure_watched(place, COMMAND)

    def _claim(self) -> None:
        """Make sure, under the lock, that the instance is ours to change."""
        place, mine = self.kept.root, self._owner.text if self._owner else instance_folder.BY_HAND
        text = instance_folder.recorded(place)
        if text is None or instance_folder.ended(text):
            instance_folder.take_over(place, mine)
        else:
            instance_folder.refuse_other(self.instance, text, self._owner)
        self._watch_over(place)

    @property
    def instance(self) -> str:
        """The name of the copy this run is about; "" for the stack itself."""
        return self.options.instance or self.settings.instance

    @cached_property
    def compose(self) -> Compose:
        """Compose addressing this project, or the instance of it that was asked for."""
        if not self.instance:
            return self._base_compose
        from composetasks.verbs.instance import instance_compose

        place = self.kept.root
        owner = instance_folder.recorded(place)
        if owner is None or instance_folder.ended(owner):
            owner = self._owner.text if self._owner else instance_folder.BY_HAND
        return instance_compose(
            *(self._base_compose, self._base_model, self.instance, place),
            state=self._state_folders,
            shared=self._shared,
            owner=owner,
        )

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
        return find(self.folder, self.files)

    @property
    def files(self) -> tuple[str, ...]:
        """The compose files of the settings, where no COMPOSE_FILE is set."""
        from composetasks.observe.compose.sources import variable

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

    def _load(self, *, all_profiles: bool = False) -> Model:
        from composetasks.observe.compose.model import load_model

        model = load_model(self.compose, self.kept.cache, all_profiles=all_profiles)
        if model.secret_files or model.secret_variables:
            from composetasks.observe.compose.secret_contents import secret_contents

            masking.hide(secret_contents(model, self.environment))
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
    ) -> World:
        """Everything a plan is made from, build inputs only where they are asked for; what is in
        ``registry`` where one is named, with ``push`` of what is here too; with ``rebuild`` for a
        plan that may build what has not changed."""
        from composetasks.observe.images.listed_ahead import listed_ahead
        from composetasks.observe.instances.orphans import with_orphans
        from composetasks.observe.world import observe_world

        model, cache = self.model(names), self.kept.cache
        what: dict[str, Any] = {"inputs": inputs, "registry": registry, "push": push}
        what["rebuild"] = rebuild
        with listed_ahead(model, cache) if inputs else contextlib.nullcontext() as ahead:
            world = observe_world(model, self.client, self.compose, cache, **what, ahead=ahead)
        if self.instance and inputs:
            world = replace(world, in_common=self._in_common())
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
                    held = lock.hold(self.kept.lock, f"inv {self.verb}", self.options.wait_lock)
                    stack.enter_context(held)
                    break
                self.kept.make()
            if self.instance:
                self.kept.make()
                self._claim()
            yield

    def tools(self, world: World, **limits: Any) -> Tools:
        from composetasks.observe.start.listening import Listening

        assert self.run_folder is not None
        return Tools(
            compose=self.compose,
            client=self.client,
            run_folder=self.run_folder,
            cache=self.kept.cache,
            timeouts=self.settings.timeouts,
            ready=self.settings.ready,
            sockets=Listening(self.client),
            remember_ends=partial(self._remember_ends, world),
            live=self.settings.live,
            digest_now=partial(self._digest_now, world),
            taken_since=partial(self._taken_since, world),
            **limits,
        )

    def _remember_ends(self, world: World, ends: Sequence[tuple[str, Ended]]) -> None:
        """Keep how jobs ended, with what they had mounted."""
        from composetasks.observe.conflicts.host import is_here
        from composetasks.observe.start.job_inputs import mounted_digests
        from composetasks.plan.start.jobs import mounted_at_start
        from composetasks.store import jobs

        if not ends:
            return
        model, cache = world.model, self.kept.cache
        names = dict(ends) if is_here(self.client.base_url) else {}
        now = mounted_digests(model, names, cache)
        whole = [
            replace(
                end,
                mounted=mounted_at_start(
                    model.services[name], world.mounted.get(name, {}), now.get(name, {})
                ),
            )
            for name, end in ends
        ]
        jobs.save(cache, model.project, whole, {one.id for one in world.engine.containers})

    def _taken_since(self, world: World, services: Sequence[str]) -> tuple[str, ...]:
        """Who has come to a port of ``services`` since ``world`` was observed."""
        from composetasks.observe.world import look_again
        from composetasks.plan.conflicts.ports import taken_since

        return tuple(taken_since(world, look_again(world, self.client), services))

    def _digest_now(self, world: World, service: str) -> str:
        """The digest of a service's build inputs as they are at this moment."""
        from composetasks.observe.images.build_inputs import digest_of

        return digest_of(service, world.model, world.engine, self.kept.cache, self.client)

    def carry_through(self, plan: Plan, world: World, **limits: Any) -> ExitCode | None:
        """Show the plan, ask, and do it: the part that is the same for every changing verb.

        Returns the exit code where the run ends with the plan, None where it was carried out.
        Raises TaskFailure for blockers, missing consent and failed steps.
        """
        from composetasks.plan.conflicts.lookalikes import without_lookalikes
        from composetasks.plan.instances.orphans import with_ends

        plan = without_lookalikes(with_ends(plan, world), world, self.options.force)
        if self.options.plan:
            self.reporter.plan(plan, announced=False)
            if plan.blockers:
                return plan.blockers[0].code
            return ExitCode.CHANGES if plan.steps and self.options.exit_code else ExitCode.OK
        if plan.steps and not plan.blockers:
            self.hide_literals(world.model)
        definitions = self._definitions(plan)
        if plan.steps or plan.blockers or plan.warnings:
            self.reporter.plan(plan, announced=True)
        if plan.blockers:
            first = plan.blockers[0]
            raise TaskFailure(
                first.message,
                code=first.code,
                hint=first.hint,
                data={"blockers": [blocker.target for blocker in plan.blockers]},
            )
        if not plan.steps:
            return None
        self._consent(plan)
        self.run_folder = self.kept.new_run(self.verb)
        self.reporter.record_in(RunRecord(self.run_folder), plan)
        made_now = self._remember_configurations(plan, world)
        from composetasks.apply.carry_out import carry_out

        try:
            tools = self.tools(world, definitions=definitions, **limits)
            for event in carry_out(plan, world, tools):
                if event.kind == "service-state" and event.seconds is not None:
                    self.seconds[event.service] = event.seconds
                self.reporter.event(event)
        except NotUp as failure:
            if failure.cause == NO_SUBNET:
                raise _no_subnet(failure, world) from failure
            raise
        if made_now:
            self._learn_labels(made_now, world.model)
        return None

    def _definitions(self, plan: Plan) -> Future[Definitions] | None:
        """How Compose would build what is to be built: it is asked while the plan is shown."""
        built = [step.service for step in plan.steps if step.action is Action.BUILD_IMAGE]
        if not built or plan.blockers:
            return None
        from concurrent.futures import ThreadPoolExecutor

        pool = ThreadPoolExecutor(1)
        asked = pool.submit(self._definition, built)
        pool.shutdown(wait=False)
        return asked

    def _definition(self, services: Sequence[str]) -> Definitions:
        """Compose's definition of these builds; remembered, unless it holds a secret."""
        from composetasks.apply.images.bake import definition
        from composetasks.observe.compose.remembered import recall, remember

        compose, cache = self.compose, self.kept.cache

        def understood(kept: Mapping[str, Any]) -> Definitions:
            return {name: dict(kept[name]) for name in services}

        asked = ["bake", *services]
        found = recall(compose, cache, asked, understood)
        if found is None:
            found = definition(compose.argv(), services, compose.folder, compose.environment)
            if container_configs.mask(found, container_configs.digest_key(cache)) == found:
                remember(compose, cache, asked, found)
        return found

    def report_services(self, services: Sequence[Mapping[str, Any]], plan: Plan) -> None:
        """End a start: the services with their URLs, how long the steps took, and what a long
        one's time was spent on."""
        timed = [{**one, "seconds": self.seconds.get(one["name"])} for one in services]
        path = self._long_path()
        document = {
            "schema": schema("result"),
            "command": plan.command,
            "services": timed,
            **({"critical_path": [link.service for link in path]} if path else {}),
        }
        self.reporter.result(document, [])
        took = f" after {time.monotonic() - self.began:.1f} s" if plan.steps else ", nothing to do"
        self.reporter.started(f"{plan.project} is up{took}", timed, path)

    def _long_path(self) -> tuple[Link, ...]:
        """The critical path of this run's start, where that took long."""
        if self.run_folder is None:
            return ()
        from composetasks.observe.start.timeline import read_start
        from composetasks.plan.start.timeline import critical_path

        found = read_start(self.run_folder)
        return critical_path(found) if found and found.seconds > LONG_SECONDS else ()

    def report_done(self, plan: Plan, sentence: str) -> None:
        """End a verb whose result is that it is done."""
        count = len(plan.steps)
        did = f"{count} step{'s' if count > 1 else ''}" if count else "nothing to do"
        done = f"{sentence} ({did})"
        document = {"schema": schema("result"), "command": plan.command, "message": done}
        self.reporter.result(document, [done])

    def _remember_configurations(self, plan: Plan, world: World) -> frozenset[str]:
        """Keep what containers are about to be made from; the services that are."""
        from composetasks.plan.start.services import comparable

        making = (Action.CREATE_CONTAINER, Action.RECREATE_CONTAINER)
        names = frozenset(step.service for step in plan.steps if step.action in making)
        for name in names:
            service = world.model.services[name]
            container_configs.save(self.kept.cache, service.config_hash, comparable(service.config))
        return names

    def _learn_labels(self, services: frozenset[str], model: Model) -> None:
        """Remember what Compose has labelled the containers with that it just made."""
        from composetasks.observe.compose.bound_hashes import with_resolved_hashes
        from composetasks.observe.compose.hash_labels import learn
        from composetasks.observe.engine.inventory import read_containers

        containers, cache = read_containers(self.client), self.kept.cache
        resolved = with_resolved_hashes(model, containers, self.compose, cache)
        learn(resolved, [one for one in containers if one.service in services], cache)

    def _consent(self, plan: Plan) -> None:
        """Raise TaskFailure, code 4, where a step needs consent that was not given."""
        given = {Consent.NONE}
        if self.options.yes or self.options.force:
            given.add(Consent.YES)
        if self.options.force:
            given.add(Consent.FORCE)
        asked = [step for step in plan.steps if step.consent not in given]
        if not asked:
            return
        flag = "--force" if any(s.consent is Consent.FORCE for s in asked) else "--yes"
        if flag == "--yes" and sys.stdin.isatty() and sys.stderr.isatty():
            question, yes = f"{len(asked)} of these steps need your consent. Go on? [y/N]", "y"
            if any(step.action in (Action.EMPTY_STATE, Action.RESTORE_STATE) for step in asked):
                yes = plan.project
                question = f"This replaces state. Type the project's name ({yes}) to go on:"
            print(question, end=" ", file=sys.stderr, flush=True)
            said = sys.stdin.readline().strip()
            if said == yes or (yes == "y" and said.lower() in ("y", "yes")):
                return
        raise TaskFailure(
            "refused: "
            + "; ".join(f"{step.action.value} {step.target} ({step.reason})" for step in asked),
            code=ExitCode.REFUSED,
            hint=f"nothing was changed; give {flag} to consent",
        )


def _no_subnet(failure: TaskFailure, world: World) -> TaskFailure:
    """The failure with the networks that hold the subnets, beside the engine's one line."""
    from composetasks.plan.conflicts.networks import pool_report

    return TaskFailure(
        failure.message,
        code=failure.code,
        detail=pool_report(world),
        hint="nothing of others is removed here: free a network, then run it again",
        data=failure.data,
    )


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
