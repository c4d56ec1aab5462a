"""Everything that the doctor examines, each in its own thread and within a time limit, and the
checks that are computed from it.

If something that a check requires is not available, the check is skipped with that reason. Failures
are confined to their check: an unexpected error becomes that check's failure, with its traceback
saved, because the page with all other checks is what the user needs then. Therefore this module,
like ``tasks/run_verb.py``, may catch every Exception.
"""

from __future__ import annotations

import contextlib
import os
import traceback
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from composetasks.apply.doctor.container import (
    Containers,
    in_container,
    remove_left_over,
    usable_here,
)
from composetasks.facts import BuildInputs, Check, Daemon, Engine, Reach, Status, World
from composetasks.observe.doctor import machine, stack
from composetasks.plan.doctor import engine as of_engine
from composetasks.plan.doctor import network as of_network
from composetasks.plan.doctor import stack as of_stack
from composetasks.plan.doctor.verdict import skipped
from composetasks.plan.start.health_programs import programs
from composetasks.run import process
from composetasks.run.bounded import Bounded, Late, Unavailable
from composetasks.run.failure import TaskFailure
from composetasks.run.masking import safe
from composetasks.verbs.session import Session

if TYPE_CHECKING:
    from composetasks.observe.engine.inventory import APIClient

PROGRAM_SECONDS = 12.0
ENGINE_SECONDS = 15.0
CONTAINER_SECONDS = 30.0
BUILD_SECONDS = 45.0
END_SECONDS = 15.0
"""The time limit for removing what the checks created."""


class Examination:
    """The values that the checks need; all are requested when it is created."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._environment = dict(os.environ)
        self._containers = Containers()
        index = machine.package_index(self._environment)
        self.compose = Bounded(lambda: machine.compose_plugins(self._environment), PROGRAM_SECONDS)
        self.buildx = Bounded(lambda: machine.buildx_plugins(self._environment), PROGRAM_SECONDS)
        self.host = Bounded(lambda: _on_host(index), PROGRAM_SECONDS)
        self.model = Bounded(session.model, PROGRAM_SECONDS, "a valid model")
        self.engine: Bounded[tuple[APIClient, Daemon]] = Bounded(
            _daemon, PROGRAM_SECONDS, "the engine"
        )
        self.held = Bounded(self._held, ENGINE_SECONDS, "the engine")
        self.world = Bounded(self._world, ENGINE_SECONDS, "the engine and a valid model")
        self.inputs = Bounded(self._inputs, ENGINE_SECONDS)
        self.roots = Bounded(self._roots, ENGINE_SECONDS)
        self.cleared = Bounded(self._clear, ENGINE_SECONDS)
        self.refusal = Bounded(self._refusal, ENGINE_SECONDS)
        self.health_programs = Bounded(self._health_programs, CONTAINER_SECONDS)
        self.container = Bounded(
            lambda: self._in_container(index), CONTAINER_SECONDS, "a running container"
        )
        self.build = Bounded(lambda: self._in_step(index), BUILD_SECONDS)

    def end(self) -> None:
        """Remove what remains of the container and the build."""
        self._containers.end()
        process.end_all()
        for under_way in (self.container, self.build):
            under_way.join(END_SECONDS)

    # --- values -----------------------------------------------------------------------------

    def daemon(self) -> Daemon:
        return self.engine.or_unavailable()[1]

    def _held(self) -> Engine:
        from composetasks.observe.engine.inventory import read_engine

        return read_engine(self.engine.or_unavailable()[0])

    def _world(self) -> World:
        """The model and the engine, with the processes that hold the model's ports."""
        from composetasks.observe.conflicts.host import port_holders, real_paths, unheld

        model, held = self.model.or_unavailable(), self.held.or_unavailable()
        local = self.daemon().local
        ports = port_holders(unheld(model.published(), held.containers)) if local else ()
        paths = real_paths(model, held.containers, local=local)
        return World(model, held, ports=ports, paths=paths)

    def _inputs(self) -> Mapping[str, BuildInputs]:
        """The build inputs of each service that builds."""
        from composetasks.observe.images.build_inputs import build_inputs

        world, cache = self.world.or_unavailable(), self.session.own_folder.cache
        client = self.engine.or_unavailable()[0]
        return build_inputs(world.model, world.engine, cache, client=client)

    def _roots(self) -> dict[str, bool | None]:
        world = self.world.or_unavailable()
        client = self.engine.or_unavailable()[0]
        return stack.root_services(client, world.model, world.engine.containers)

    def _clear(self) -> str:
        """Remove what killed doctors left; return the project's name for the labels of
        containers."""
        model = self.model.or_none()
        project = model.project if model else "composetasks"
        remove_left_over(self.engine.or_unavailable()[0], project)
        return project

    def _refusal(self) -> str:
        """Why the shared registry can't be used; "" if it can."""
        from composetasks.observe.engine.inventory import connect
        from composetasks.observe.images.registry import refusal

        name = self.session.settings.registry
        if not name:
            return ""
        self.daemon()
        # A separate client, with its own timeout for this request.
        with contextlib.closing(connect()) as client:
            return refusal(name, client)

    def _health_programs(self) -> tuple[dict[str, str], dict[str, str]]:
        """The services whose health check is their image's own, and the programs that checks
        lack."""
        from composetasks.apply.doctor.programs import lacking
        from composetasks.observe.images.health_checks import image_checks

        world = self.world.or_unavailable()
        client = self.engine.or_unavailable()[0]
        services = world.model.services.items()
        wanted = {name: needed for name, one in services if (needed := programs(one))}
        self.cleared.value()
        own = image_checks(client, world.model, world.engine, self.session.own_folder.cache)
        return own, lacking(client, world, wanted, self._containers)

    def _in_container(self, index: str) -> Reach:
        client, daemon = self.engine.or_unavailable()
        usable_here(daemon)
        model, project = self.model.or_none(), self.cleared.value()
        image = of_stack.probed_image(model, self.held.or_unavailable())
        return in_container(client, project, image, index, self._containers)

    def _in_step(self, index: str) -> Reach:
        from composetasks.apply.doctor.step import base_of, in_step

        client, daemon = self.engine.or_unavailable()
        usable_here(daemon)
        held = self.held.or_unavailable()
        base = base_of(client, of_stack.base_image(held, self.inputs.or_none() or {}))
        return in_step(base, index, self._environment)

    # --- checks -----------------------------------------------------------------------------

    def checks(self) -> list[Check]:
        """Every check, in the order of the page."""
        return [self._judged(name, judge) for name, judge in CHECKS.items()]

    def _judged(self, name: str, judge: Callable[[Examination], Check]) -> Check:
        try:
            return judge(self)
        except Unavailable as lacking:
            return skipped(name, str(lacking))
        except Late as late:
            hint = "what it asks does not answer; see the other checks, and run it again"
            return Check(name, Status.FAILED, str(late), hint)
        except TaskFailure as failure:
            first = failure.detail.strip().splitlines()[-1:]
            message = ": ".join([failure.message, *first])
            return Check(name, Status.FAILED, message, failure.hint)
        except Exception as error:
            return self._bug(name, error)

    def _bug(self, name: str, error: Exception) -> Check:
        path = self.session.own_folder.new_run(f"doctor-{name}") / "traceback.txt"
        path.write_text(
            safe("".join(traceback.format_exception(error))), "utf-8", "backslashreplace"
        )
        words = f"a bug in this check: {type(error).__name__}: {error}"
        return Check(name, Status.FAILED, words, f"please report it with {path}")

    def reaches(self) -> tuple[list[Reach], list[str]]:
        """The results of the places that could be examined, and the names of the others."""
        answers, missing = [], []
        for name in ("host", "container", "build"):
            question: Bounded[Reach] = getattr(self, name)
            if (reach := question.or_none()) is not None:
                answers.append(reach)
            else:
                missing.append("builder" if name == "build" else name)
        return answers, missing


def _model(examination: Examination) -> Check:
    try:
        return of_stack.model(examination.model.value())
    except TaskFailure as refusal:
        return of_stack.refused(refusal.message, refusal.detail, refusal.hint)


def _daemon() -> Any:
    from composetasks.observe.doctor.daemon import daemon

    return daemon()


def _on_host(index: str) -> Reach:
    from composetasks.apply.doctor.container import on_host

    return on_host(index)


def _disks(examination: Examination) -> tuple[list[Any], str]:
    """The file systems that hold images: as this host sees them and as a container does."""
    daemon = examination.daemon()
    disks = [machine.disk(daemon.root) if daemon.local else None]
    if (container := examination.container.or_none()) is not None:
        disks.append(container.disk)
    return disks, daemon.root


def _memory(examination: Examination) -> Check:
    daemon, model = examination.daemon(), examination.model.or_none()
    available = machine.available_memory() if daemon.local else None
    return of_engine.memory(daemon, available, of_stack.memory_limits(model) if model else 0)


def _dns(examination: Examination) -> Check:
    container = examination.container.or_unavailable()
    hosts = [one for one in examination.reaches()[0] if one.place == "host"]
    return of_network.dns(container, hosts[0] if hosts else None)


def _ports(examination: Examination) -> Check:
    world, local = examination.world.or_unavailable(), examination.daemon().local
    return of_stack.ports(
        world, machine.local_ports(), machine.reserved_ports(), on_this_host=local
    )


def _mounts(examination: Examination) -> Check:
    from composetasks.observe.conflicts.mount_sources import missing_away

    daemon = examination.daemon()
    if daemon.local:
        return of_stack.mounts(daemon)
    model, held = examination.model.or_unavailable(), examination.held.or_unavailable()
    only_here = missing_away(model, held, examination.engine.value()[0])[1]
    project = examination.session.project
    not_sent = project.not_sent(model, only_here)
    return of_stack.mounts(daemon, only_here, not_sent, sends=project.settings.remote.send)


def _watching(examination: Examination) -> Check:
    """The check of the kernel that the containers run on: this host's, if they run here."""
    if examination.daemon().local:
        own = machine.watching()
        if own is not None:
            return of_stack.watching(own)
    return of_stack.watching(examination.container.or_unavailable().watching)


def _builders(examination: Examination) -> Check:
    held = examination.held.or_unavailable()
    return of_engine.builders(stack.builders(held), stack.known_builders(os.environ))


def _images(examination: Examination) -> Check:
    world = examination.world.or_unavailable()
    return of_stack.images(world, examination.inputs.value())


def _open_ports(examination: Examination) -> Check:
    model, held = examination.model.or_unavailable(), examination.held.or_none()
    return of_stack.open_ports(model, held.containers if held else ())


def _health(examination: Examination) -> Check:
    """The check of the model's health checks, and of the images' if there is an engine with
    them."""
    model = examination.model.or_unavailable()
    # Without an engine, any image may have its own check.
    unknown = dict.fromkeys(model.services, "")
    own, lacking = (
        (unknown, {})
        if examination.engine.or_none() is None
        else examination.health_programs.value()
    )
    return of_stack.health(World(model, Engine(), image_checks=own), lacking)


CHECKS: dict[str, Callable[[Examination], Check]] = {
    "engine": lambda examination: of_engine.engine(examination.engine.value()[1]),
    "swarm": lambda examination: of_engine.swarm(
        examination.daemon(),
        examination.session.settings.deploy.endpoint,
        lacks_ipvs=machine.lacks_ipvs(),
    ),
    "compose": lambda examination: of_engine.compose(examination.compose.value()),
    "buildx": lambda examination: of_engine.buildx(examination.buildx.value()),
    "container": lambda examination: of_network.ran("container", examination.container.value()),
    "build": lambda examination: of_network.ran("build", examination.build.value()),
    "dns": _dns,
    "package-index": lambda examination: of_network.package_index(*examination.reaches()),
    "proxy": lambda examination: of_network.proxy(
        examination.reaches()[0], examination.daemon().proxies
    ),
    "certificates": lambda examination: of_network.certificates(examination.reaches()[0]),
    "registry": lambda examination: of_network.registry(
        examination.session.settings.registry, examination.refusal.value()
    ),
    "disk": lambda examination: of_engine.disk(*_disks(examination)),
    "inodes": lambda examination: of_engine.inodes(*_disks(examination)),
    "memory": _memory,
    "clock": lambda examination: of_engine.clock(examination.daemon()),
    "file-watching": _watching,
    "builders": _builders,
    "model": _model,
    "env": lambda examination: of_stack.env(examination.session.environment),
    "images": _images,
    "ports": _ports,
    "open-ports": _open_ports,
    "mounts": _mounts,
    "root": lambda examination: of_stack.root(examination.roots.value(), examination.daemon()),
    "health-checks": _health,
}
"""Every check by its name, in the order of the page."""
