"""The project of a run: its folder, the library's data in it, its variables, Compose, and the
model."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from composetasks.facts import Environment, ExitCode, InCommon, Model, NotSent, World
from composetasks.facts.references import repository
from composetasks.observe.compose.binary import find
from composetasks.observe.compose.sources import compose_files, no_compose_file, variable
from composetasks.run import file_systems, masking
from composetasks.run.compose import Compose, surroundings
from composetasks.run.failure import TaskFailure, did_you_mean
from composetasks.run.settings import Settings
from composetasks.store import instance_folder
from composetasks.store.folder import JOURNAL, OwnFolder, elsewhere, read_only
from composetasks.store.names import keep as keep_names

if TYPE_CHECKING:
    from composetasks.observe.engine.inventory import APIClient
    from composetasks.verbs.instance import Instance
    from composetasks.verbs.sent import SentMounts


@dataclass
class Project:
    """``folder`` is the folder of ``tasks.py``; ``instance`` is the name of the selected copy, ""
    for the stack itself; ``tasks`` are the names of all tasks. ``changing``: the run will change
    the project; ``keeping``: the verb can't work without the data in the project's folder; ``note``
    prints a line beside the result. ``overrides`` are compose files in addition to the project's
    own; ``sends``: mount sources that exist only on this machine are sent."""

    folder: Path
    settings: Settings
    instance: str
    tasks: frozenset[str]
    changing: bool
    keeping: bool
    note: Callable[[str], None]
    overrides: tuple[str, ...] = ()
    sends: bool = False

    @cached_property
    def own_folder(self) -> OwnFolder:
        """``.composetasks/``, created if it is missing. Verbs that only read continue without
        it."""
        root = self.folder / ".composetasks"
        if not root.exists() and not compose_files(self.folder, self.files, self.process):
            # Not a project's folder: leave nothing in it.
            if self.changing:
                raise no_compose_file(self.folder)
            return OwnFolder(root, root / "cache")
        if not self.instance:
            return self._made_folder(root)
        from composetasks.verbs.instance import check_name

        check_name(self.instance)
        folder = OwnFolder(root / "instances" / self.instance, root / "cache")
        folder.make()
        self.copy(folder.root).watch_over()
        return folder

    def _made_folder(self, root: Path) -> OwnFolder:
        """``root``, the library's own folder in the project, or its replacement for this run."""
        folder = OwnFolder(root, root / "cache")
        try:
            folder.make()
            if self.changing:
                folder.make_lock()
        except TaskFailure as failure:
            needed = self.changing or not root.exists()
            if needed and read_only(root) and (other := self.folder_elsewhere(root)):
                self.note(f"{failure.message}: this run is kept in {other.root}")
                return other
            if self.changing:
                raise
            self.note(f"nothing is cached: {failure.message} ({failure.hint})")
        except OSError:  # the disk is full: all other problems are a TaskFailure
            if not self.changing:
                return folder
            other = self.folder_elsewhere(root)
            if other is None:
                raise
            self.note(f"the disk is full: {root}; this run is kept in {other.root}")
            return other
        return folder

    def folder_elsewhere(self, root: Path) -> OwnFolder | None:
        """The replacement for ``root``, an own folder that can't be used by this run; None if its
        content is needed, or if there is no other place."""
        if self.keeping or (root / JOURNAL).exists():
            return None
        return elsewhere(self.folder)

    def copy(self, place: Path) -> Instance:
        from composetasks.verbs.instance import Instance

        return Instance(self.instance, place, instance_folder.given(self.settings.owner))

    @cached_property
    def compose(self) -> Compose:
        """Compose for this project, or for the selected instance of it."""
        if not self.sends:
            return self._own_compose
        own = self._own_compose
        return self.sent.compose(
            own, lambda: self._loaded(own, all_profiles=True), self.own_folder.cache
        )

    @cached_property
    def sent(self) -> SentMounts:
        """The mount sources of this machine that the current engine mounts from a volume."""
        from composetasks.observe.engine.endpoint import chosen
        from composetasks.verbs.sent import SentMounts

        return SentMounts.of(self.folder, self.own_folder.root, chosen().address)

    def send(self, world: World, client: APIClient) -> bool:
        """Mount the sources that only this machine has from a volume from now on, except state and
        what a volume can't replace; return whether there are more of them than before."""
        from composetasks.observe.start.sent import check_subpaths, sent_before

        wanted = set(world.only_here)
        if not self.sent.named.exists():
            wanted |= set(sent_before(world, client))
        sources = wanted.difference(self.sent.sources, self.not_sent(world.model, wanted))
        if sources:
            check_subpaths(client)
            self.sent.add(sources)
            del self.compose
        return bool(sources)

    def not_sent(self, model: Model, sources: Iterable[str]) -> dict[str, NotSent]:
        """Those of ``sources`` that a start never sends to an engine on another host, with the
        reason."""
        from composetasks.observe.start.sent import can_be_sent
        from composetasks.plan.start.sent import replaceable

        replaced, reasons = replaceable(model), {}
        for source in sources:
            path = Path(file_systems.realpath(source))
            if path in self._state_folders or self.own_folder.root in path.parents:
                reasons[source] = NotSent.STATE
            elif source not in replaced or not can_be_sent(source):
                reasons[source] = NotSent.KIND
        return reasons

    @cached_property
    def _own_compose(self) -> Compose:
        if not self.instance:
            return self._base_compose
        copy = self.copy(self.own_folder.root)
        return copy.compose(self._base_compose, self._base_model, self._state_folders, self._shared)

    @cached_property
    def _base_model(self) -> Model:
        """The model of which the instances are copies."""
        from composetasks.observe.compose.model import load_model

        return load_model(self._base_compose, self.own_folder.cache, all_profiles=True)

    @cached_property
    def _state_folders(self) -> Mapping[Path, str]:
        """The folders that hold state, with the names of an instance's own."""
        from composetasks.observe.state.places import state_folders

        return state_folders(self._base_model, self.folder, self.settings.state)

    @property
    def _shared(self) -> frozenset[str]:
        """The state that all copies share, by the settings."""
        return frozenset(name for name, one in self.settings.state.items() if one.shared)

    def in_common(self) -> tuple[InCommon, ...]:
        """The resources of which an instance can't have its own copy."""
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
            base = compose_files(self.folder, self.files, self.process)
            files = (*map(str, base), *self.overrides)
        return find(self.folder, files)

    @property
    def files(self) -> tuple[str, ...]:
        """The compose files of the settings, unless COMPOSE_FILE is set."""
        return () if variable("COMPOSE_FILE", self.folder, self.process) else self.settings.files

    @cached_property
    def process(self) -> Mapping[str, str]:
        """The process's own variables, adjusted to the project's folder."""
        return surroundings(self.folder)

    @cached_property
    def environment(self) -> Environment:
        """The variables and their sources, as of the first access."""
        from composetasks.observe.env.dotenv import read_environment

        models = compose_files(self.folder, self.files, self.process)
        return read_environment(self.folder, models, self.process, self.files)

    def model(self, names: Iterable[str] = ()) -> Model:
        """The model. A named service that only a profile would start is made active, with those of
        its dependencies that have one of its profiles.

        Raises TaskFailure, code 2, for a name that is not a service.
        """
        model = self._load()
        missing = [name for name in names if name not in model.services]
        if missing:
            every = self._load(all_profiles=True)
            for name in missing:
                if name not in every.services:
                    raise _unknown_service(name, every.services, self.tasks)
            return every.narrowed({*model.services, *_brought_in(every, names, missing)})
        return model

    def _remember_names(self, model: Model) -> None:
        """Store the names that a shell can complete."""
        services = [*model.services, *model.inactive]
        state = [*model.volumes, *self.settings.state]
        keep_names(self.own_folder.cache, services=services, state=state)

    def _load(self, *, all_profiles: bool = False) -> Model:
        model = self._loaded(self.compose, all_profiles=all_profiles)
        self._remember_names(model)
        images = {repository(one.image) for one in model.services.values()}
        masking.unhide({model.project, *model.services, *model.networks, *model.volumes, *images})
        return replace(model, instance=self.instance or None)

    def _loaded(self, compose: Compose, *, all_profiles: bool) -> Model:
        """The model as ``compose`` resolves it; the contents of its secrets are masked from now
        on."""
        from composetasks.observe.compose.model import load_model

        model = load_model(compose, self.own_folder.cache, all_profiles=all_profiles)
        if model.secret_files or model.secret_variables:
            from composetasks.observe.compose.contents import secret_contents

            masking.hide(secret_contents(model, self.environment))
        return model

    def hide_literals(self, model: Model) -> None:
        """Mask the secrets in the model's own text, before output of other programs is shown."""
        if model.literal_secrets:
            from composetasks.observe.compose.config import hide_literals

            hide_literals(self.compose)


def _brought_in(every: Model, names: Iterable[str], inactive: Iterable[str]) -> Iterator[str]:
    """The services that a start of ``names`` concerns, if some are ``inactive``: their profiles
    count as chosen (compose-go, Project.WithServicesEnabled), but for dependencies only."""
    chosen = frozenset().union(*(every.services[name].profiles for name in inactive))
    yield from names
    for name in every.with_dependencies(names):
        if not chosen.isdisjoint(every.services[name].profiles):
            yield name


def _unknown_service(name: str, services: Iterable[str], tasks: Collection[str]) -> TaskFailure:
    """The failure for a word that is not a service (or task), with the closest names."""
    names = sorted({*services, *tasks})
    kind = "service or task" if tasks else "service"
    return TaskFailure(
        f"no {kind} is called {name!r}",
        code=ExitCode.USAGE,
        hint=did_you_mean(name, names, f"there are {', '.join(names)}"),
    )
