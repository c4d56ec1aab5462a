"""A Compose project on the real engine whose plans a test looks at, and carries out, itself."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from composetasks.apply.carry_out import carry_out
from composetasks.apply.tools import Tools
from composetasks.facts import Container, Event, ExitCode, Plan, Scope, World
from composetasks.observe.compose.binary import find
from composetasks.observe.compose.model import load_model
from composetasks.observe.world import observe_world
from composetasks.plan.conflicts.claims import Findings
from composetasks.plan.conflicts.conflicts import leftovers
from composetasks.plan.start.services import needed_names
from composetasks.plan.start.start import StartOptions, plan_start
from composetasks.run.compose import Compose
from composetasks.run.settings import Limits
from composetasks.store.folder import OwnFolder
from tests.engine.busybox import TAG
from tests.project import TASKS, Project, Ran, own_environment

if TYPE_CHECKING:
    from docker import APIClient

SLEEP = ["sleep", "3600"]
SERVE = ["httpd", "-f", "-p", "80"]


@dataclass
class Planned:
    """A project whose name, and the names of all that a test makes for it, begin with ``name``."""

    folder: Path
    client: APIClient
    name: str = field(default_factory=lambda: f"ctc-{uuid.uuid4().hex[:8]}")

    # --- the project's files ----------------------------------------------------------------

    def write(self, services: dict[str, Any], **more: Any) -> None:
        """Write compose.yaml; each service sleeps in busybox, or serves where it publishes a port,
        and ends at once when it is told."""
        usual = {"image": TAG, "init": True, "stop_grace_period": "1s"}
        whole = {
            key: {**usual, "command": SERVE if "ports" in one else SLEEP, **one}
            for key, one in services.items()
        }
        document = {"name": self.name, "services": whole, **more}
        self.folder.mkdir(exist_ok=True)
        (self.folder / "compose.yaml").write_text(json.dumps(document))
        (self.folder / "tasks.py").write_text(TASKS)

    def copy(self, folder: Path) -> Planned:
        """The same project, by name, in another folder."""
        other = Planned(folder, self.client, self.name)
        folder.mkdir()
        for path in self.folder.glob("*.*"):
            if path.is_file():
                (folder / path.name).write_text(path.read_text())
        return other

    # --- what it is looked at with ----------------------------------------------------------

    @property
    def kept(self) -> OwnFolder:
        root = self.folder / ".composetasks"
        kept = OwnFolder(root, root / "cache")
        kept.make()
        return kept

    @property
    def compose(self) -> Compose:
        return find(self.folder)

    def world(self, *, rebuild: bool = False) -> World:
        model, cache = load_model(self.compose, self.kept.cache), self.kept.cache
        return observe_world(model, self.client, self.compose, cache, Scope(rebuild=rebuild))

    def plan(self, *names: str, force: bool = False, wait: bool = False) -> Plan:
        return plan_start(self.world(), names, StartOptions(force=force, wait=wait))

    def leftovers(self, *, force: bool = False) -> Findings:
        return self._leftovers(self.world(), force=force)

    def _leftovers(self, world: World, *, force: bool) -> Findings:
        return leftovers(world, needed_names(world, world.model.services), force)

    def find(self, name: str) -> Container | None:
        """A container of the engine by its whole name."""
        containers = self.world().engine.containers
        return next((one for one in containers if one.name == name), None)

    # --- what it is changed with ------------------------------------------------------------

    def up(self, *names: str, force: bool = False) -> list[Event]:
        """Carry out the plan of a start; nothing is waited for but what others depend on."""
        return self.do(self.plan(*names, force=force))

    def clean(self, *, force: bool = False) -> list[Event]:
        """Carry out what ``clean-orphans`` would."""
        world = self.world()
        result = self._leftovers(world, force=force)
        return self.do(Plan("clean-orphans", self.name, result.steps, (), result.blockers))

    def do(self, plan: Plan, seen: World | None = None) -> list[Event]:
        """Carry a plan out; ``seen`` is the world it was made from, where that is long ago."""
        assert plan.blockers == ()
        run_folder = self.kept.new_run(plan.command)
        tools = Tools(self.compose, self.client, run_folder, self.kept.cache, Limits(False, 60))
        return list(carry_out(plan, seen or self.world(), tools))

    def by_compose(self, *arguments: str, check: bool = True) -> str:
        """Run Compose itself, and return what it printed."""
        done = self.compose.run(*arguments, check=check)
        return done.stdout + done.stderr

    def docker(self, *arguments: str) -> str:
        argv = ["docker", *arguments]
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def by_hand(self, name: str, *options: str, command: Sequence[str] = SLEEP) -> str:
        """Run a container by hand, on a network of its own kind, and return its id."""
        if "--network" not in options:
            options = ("--network", self._hand_network(), *options)
        return self.docker("run", "-d", "--init", "--name", name, *options, TAG, *command)

    def _hand_network(self) -> str:
        name = f"{self.name}-by-hand"
        if not self.client.networks(names=[name]):
            self.docker("network", "create", name)
        return name

    def inv(self, *arguments: str) -> Ran:
        """Run ``inv`` in the project's folder, as a user would."""
        return Project(self.folder, own_environment(), self.name).inv(*arguments)

    # --- the end ----------------------------------------------------------------------------

    def remove_everything(self) -> None:
        """Remove all whose name begins with the project's, and its anonymous volumes. (Those that
        a recreated container inherited are not anonymous to the engine any more.)"""
        client = self.client
        volumes = set()
        for container in client.containers(all=True):
            project = (container.get("Labels") or {}).get("com.docker.compose.project", "")
            if self._ours(project, *(name.lstrip("/") for name in container["Names"])):
                volumes |= {
                    mount["Name"] for mount in container["Mounts"] if mount["Type"] == "volume"
                }
                client.remove_container(container["Id"], force=True)
        for network in client.networks():
            if self._ours(network["Name"]):
                client.remove_network(network["Id"])
        for volume in client.volumes()["Volumes"] or ():
            if volume["Name"] in volumes or self._ours(volume["Name"]):
                client.remove_volume(volume["Name"])

    def _ours(self, *names: str) -> bool:
        return any(self.name in name for name in names)


def steps(plan: Plan) -> list[tuple[str, str]]:
    return [(step.action.value, step.target) for step in plan.steps]


def codes(plan: Plan) -> list[ExitCode]:
    return [blocker.code for blocker in plan.blockers]
