"""Empties and restores all state of a run together, with one helper: new content is prepared beside
the old, everything is exchanged at once when all is ready, and the old content is removed last. So
a run that ends before the exchange leaves the old state complete, and one that ends after it the
new state.

A run does not wait until a large amount of old content is removed: its helper continues, and if the
helper is killed, the next replacement removes the rest.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from composetasks.apply.state import helper, mounts, snapshot
from composetasks.apply.state.helper import Helper, HelperFailed, failure
from composetasks.apply.state.mounts import Archives, Mounted
from composetasks.apply.tools import Tools, event
from composetasks.facts import EmptyState, Event, ExitCode, RestoreState, State, Step, World
from composetasks.facts.engine import PROJECT, VOLUME, listed_name
from composetasks.facts.program import task
from composetasks.observe.engine.local import is_here
from composetasks.run.failure import TaskFailure
from composetasks.store import folder, snapshot_folder
from composetasks.store.folder import JOURNAL
from composetasks.store.snapshot_folder import SNAPSHOTS

if TYPE_CHECKING:
    from docker import APIClient


REMOVAL_SECONDS = 0.5
"""How long a run waits for the removal of the old content; then the helper continues alone."""


class HalfReplaced(TaskFailure):
    """Some state may be old and some new: nothing may use it until it is consistent again."""


class StateReplacement:
    """One replacement; :meth:`run` yields its events. Raises TaskFailure."""

    def __init__(self, steps: Sequence[Step], world: World, tools: Tools) -> None:
        self.steps, self.world, self.tools = steps, world, tools
        by_name = {one.name: one for one in world.state}
        self.state = [by_name[step.target] for step in steps]

    def run(self) -> Iterator[Event]:
        began = time.monotonic()
        manifests = self._manifests()
        for part in self.state:
            if not part.exists:
                self._make(part)
        places = [
            mounts.for_replacing(self.tools.client, part, number)
            for number, part in enumerate(self.state)
        ]
        removing = helper.still_removing(self.tools.client, self.world.model.project)
        archives = self._archives()
        with Helper(self.tools.client, self.world, places, archives=archives) as at_work:
            self._note(at_work.run)
            try:
                at_work.ask("clean", spare=removing)
                for number, step in enumerate(self.steps):
                    yield event("step-started", step)
                    self._prepare(at_work, number, step, manifests)
                self._check_unused()
            except HelperFailed as error:
                raise failure("the state could not be replaced", error) from error
            left = self._exchange(at_work)
        (self.tools.root / JOURNAL).unlink(missing_ok=True)
        for why in left:
            yield Event(
                "warning", folder.now(), f"the replaced data could not be removed completely: {why}"
            )
        for step, part in zip(self.steps, self.state, strict=True):
            emptied = isinstance(step.operation, EmptyState)
            if emptied and part.kind == "volume":
                self._fill(part)
            done = "emptied" if emptied else "restored"
            yield event("step-done", step, done, time.monotonic() - began)

    def _exchange(self, at_work: Helper) -> list[str]:
        """Exchange everything that is prepared and remove the old content; return what could not be
        removed.

        A helper that exits during the exchange may have exchanged all, some or no places: a second
        helper then completes or undoes the exchange. Raises TaskFailure if it was undone.
        """
        try:
            at_work.ask("commit")
            reply = at_work.ask("settle", seconds=REMOVAL_SECONDS)
            if reply["unfinished"]:
                at_work.leave_alone()
            return list(reply["left"])
        except HelperFailed as error:
            raise failure("the state could not be replaced", error) from error
        except TaskFailure:
            helper.end_left_over(self.tools.client, self.world.model.project)
            world, client = self.world, self.tools.client
            if not _recovered(world, client, at_work.places, at_work.run)["finished"]:
                raise
            return []

    # --- before -----------------------------------------------------------------------------

    def _manifests(self) -> dict[str, dict[str, Any]]:
        names = self._snapshots()
        place = self.tools.root / SNAPSHOTS
        try:
            return {name: snapshot_folder.manifest(place, name) for name in names}
        except snapshot_folder.Damaged as error:
            raise _damaged(str(error)) from error

    def _snapshots(self) -> set[str]:
        operations = [step.operation for step in self.steps]
        return {one.snapshot for one in operations if isinstance(one, RestoreState)}

    def _archives(self) -> Archives | None:
        """The folder of the snapshot to restore, None unless there is exactly one."""
        names = self._snapshots()
        if len(names) != 1:
            return None
        return Archives(self.tools.root / SNAPSHOTS / names.pop(), read_only=True)

    def _make(self, state: State) -> None:
        """Create state that is to be restored but does not exist: a volume is created as Compose
        would create it. (On another host, a folder's parent is created together with the
        helper.)"""
        if state.kind == "folder":
            if is_here(self.tools.client.base_url):
                Path(state.place).parent.mkdir(parents=True, exist_ok=True)
            return
        config = self.world.model.volumes[state.source].config
        labels = {
            **dict(config.get("labels") or {}),
            PROJECT: self.world.model.project,
            VOLUME: state.source,
        }
        self.tools.client.create_volume(
            state.place,
            driver=config.get("driver"),
            driver_opts=config.get("driver_opts"),
            labels=labels,
        )

    def _note(self, run: str) -> None:
        document = {"run": run, "state": [one.name for one in self.state]}
        folder.write_json(self.tools.root / JOURNAL, document)

    def _prepare(
        self, at_work: Helper, number: int, step: Step, manifests: Mapping[str, Any]
    ) -> None:
        operation = step.operation
        if not isinstance(operation, RestoreState):
            at_work.ask("prepare_empty", place=number)
            return
        name = operation.snapshot
        manifest = manifests[name]
        part = next(one for one in manifest["parts"] if one["name"] == step.target)
        path = self.tools.root / SNAPSHOTS / name / part["file"]
        limits = {"length": part.get("length"), "special": operation.special}
        try:
            same = snapshot.send(at_work, number, path, **limits) == part["sha256"]
        except OSError as error:
            raise _damaged(f"{path.name} can't be read ({error.strerror})") from error
        if not same:
            raise _damaged(f"{path.name} was changed after it was written")

    def _check_unused(self) -> None:
        """Raise TaskFailure, code 9, if a container began to use the state meanwhile."""
        users = {key for one in self.state for key in one.containers}
        for container in self.tools.client.containers():
            places = {mount.get("Name") or mount.get("Source") for mount in container["Mounts"]}
            used = [state.name for state in self.state if state.place in places]
            if (container["Id"] in users or used) and helper.LABEL not in container["Labels"]:
                name = listed_name(container)
                raise TaskFailure(
                    f"container {name} was started in the meantime, and uses the state",
                    code=ExitCode.CONFLICT,
                    hint="the state is unchanged; stop it, and run the task again",
                )

    # --- after ------------------------------------------------------------------------------

    def _fill(self, state: State) -> None:
        """Let the engine fill an empty volume from the images of the services that use it, as it
        does when Compose creates their containers, dependencies first: the first image with content
        at that place fills it. Owner and mode come from the image too. The command is never run,
        but the engine refuses a container without one. (The image may be removed.)"""
        from docker import errors

        services = self.world.model.services
        for container in (one for name in services for one in self.world.replicas(name)):
            for target, name in container.volumes.items():
                if name == state.place and not self._nocopy(container.service, target):
                    mount = {"Type": "volume", "Source": name, "Target": target}
                    config = {
                        "Image": container.image_id,
                        "Cmd": ["none"],
                        "HostConfig": {"Mounts": [mount]},
                    }
                    with contextlib.suppress(errors.ImageNotFound):
                        created = helper.create(self.tools.client, config)
                        self.tools.client.remove_container(created, v=True)

    def _nocopy(self, name: str, target: str) -> bool:
        service = self.world.model.services.get(name)
        return any(
            entry.get("target") == target and (entry.get("volume") or {}).get("nocopy")
            for entry in (service.config.get("volumes") or () if service else ())
        )


def _damaged(why: str) -> TaskFailure:
    return TaskFailure(
        f"the snapshot is damaged: {why}",
        hint=f"the state is unchanged; {task('snapshots')} lists the others",
    )


def recover(world: World, client: APIClient, root: Path) -> str:
    """After a run was killed while it replaced state: put the old state back or, if everything was
    exchanged, complete the replacement. Returns a warning, "" for none."""
    place = root / JOURNAL
    journal = folder.read_json(place)
    if journal is None:
        helper.remove_never_started(client, world.model.project)
        return ""
    helper.end_left_over(client, world.model.project)
    # Between the two renames of a file system without atomic exchange, a folder does not exist.
    by_name = {one.name: one for one in world.state if one.exists or one.kind == "folder"}
    places = [
        mounts.for_replacing(client, by_name[name], number)
        for number, name in enumerate(journal["state"])
        if name in by_name
    ]
    running = {one.id for one in world.engine.containers if one.running}
    in_use = any(running & set(one.state.containers) for one in places)
    undone = _recovered(world, client, places, journal["run"], in_use=in_use)["undone"]
    place.unlink(missing_ok=True)
    names = ", ".join(journal["state"])
    return (
        f"a run was killed while it replaced {names}: the earlier data was put back"
        if undone
        else ""
    )


def _recovered(
    world: World, client: APIClient, places: Sequence[Mounted], run: str, *, in_use: bool = False
) -> dict[str, Any]:
    """Let a helper put back the state from before ``run`` or, if everything was exchanged, complete
    the replacement. Its answer says which: ``undone``, ``finished``, or neither if nothing was
    exchanged. Raises HalfReplaced."""
    try:
        with Helper(client, world, places, run=run) as at_work:
            return at_work.ask("recover", in_use=in_use)
    except HelperFailed as error:
        names = ", ".join(one.state.name for one in places)
        raise HalfReplaced(
            f"{names} was partly replaced when a run was killed, and can't be completed or "
            f"undone: {error.why}",
            detail=error.path,
            hint=f"stop what uses it with {task('down')}, and run the task again",
        ) from error
