"""Checks of the model, ``.env`` and this host together: ports, users, images, health checks."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from composetasks.facts import (
    BuildInputs,
    Check,
    Container,
    Daemon,
    Engine,
    Environment,
    Model,
    NotSent,
    Watching,
    World,
)
from composetasks.facts.plain_text import first_of
from composetasks.facts.program import task
from composetasks.facts.references import plain
from composetasks.facts.units import counted
from composetasks.plan.conflicts import ports as published
from composetasks.plan.conflicts.mounts import WAYS_THERE
from composetasks.plan.doctor.verdict import failed, ok, skipped, warning
from composetasks.plan.env.check import correction, fatal, lines, problems
from composetasks.plan.start.health_lint import health_warnings

EVERY_ADDRESS = ("", "0.0.0.0", "::")
FEW_WATCHES = 65_536
"""The watches that editors and development servers of a large tree need together."""
FEW_INSTANCES = 128
NEARLY_ALL = 0.9
SHOWN = 6
UNITS = {"b": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


def model(model: Model) -> Check:
    """A model that Compose can read."""
    message = f"valid: {counted(len(model.services), 'active service')}"
    if model.warnings:
        return warning(
            "model",
            f"valid, and Compose warns: {'; '.join(model.warnings)}",
            "`docker compose config -q` shows the same; correct what it names",
        )
    return ok("model", message)


def refused(message: str, detail: str, hint: str) -> Check:
    """A model that Compose refuses: the first line is the reason, warnings follow it."""
    reason = detail.strip().partition("\n")[0]
    return failed("model", ": ".join(filter(None, (message, reason))), hint)


def env(environment: Environment) -> Check:
    """``.env`` and the process environment, checked against ``.env.example``."""
    faults = problems(environment)
    wrong = fatal(faults)
    if wrong:
        return failed(
            "env",
            f"{counted(len(wrong), 'thing')} to correct: {_some(lines(wrong))}",
            "; ".join(filter(None, [f"{task('env --check')} shows all", correction(environment)])),
        )
    if faults:
        return warning(
            "env",
            f"valid, with {counted(len(faults), 'warning')}: {_some(lines(faults))}",
            f"{task('env --check')} shows all",
        )
    if environment.specification is None:
        return ok("env", "valid (no .env.example specifies it)")
    return ok("env", f"valid: {counted(len(environment.variables), 'variable')} specified")


def ports(
    world: World, local: tuple[int, int] | None, reserved: Collection[int], *, on_this_host: bool
) -> Check:
    """Published ports that something else holds, or that outgoing connections may take."""
    names = tuple(world.model.services)
    wanted = published.demands(world.model, names)
    if not wanted:
        return ok("ports", "no fixed port is published")
    ports = [one.message for one in published.ours_against_ours(world.model, names)]
    ports += [one.message for one in published.blockers(world, names)]
    ports += [
        f"port {claim.what}, which service {claim.service} publishes, is held by container "
        f"{claim.container.name}"
        for claim in published.claims(world, names)
    ]
    if ports:
        return failed("ports", _some(ports), f"{task('up --plan')} shows how to resolve each")
    if not on_this_host:
        return ok("ports", "no container holds one; processes on the engine's host can't be seen")
    inside = sorted(
        {
            number
            for demand in wanted
            for number in demand.numbers
            if local and local[0] <= number <= local[1] and number not in reserved
        }
    )
    if inside and local:
        return warning(
            "ports",
            f"{_some(map(str, inside))} lie in the range of ports for outgoing connections "
            f"({local[0]}-{local[1]}): a connection may hold one when the stack starts",
            f"publish a port below {local[0]}, or reserve it: "
            f"sysctl net.ipv4.ip_local_reserved_ports={','.join(map(str, inside[:SHOWN]))}",
        )
    return ok("ports", f"{counted(len(wanted), 'published port')}, no conflict")


def open_ports(model: Model, containers: Iterable[Container]) -> Check:
    """Ports that all machines on the network can reach, by the model and by running containers."""
    wide = {
        f"{service.name}:{port.published[0] if port.published else port.target}"
        for service in model.services.values()
        if service.config.get("network_mode") != "host"
        for port in service.ports
        if port.host_ip in EVERY_ADDRESS
    }
    wide |= {
        f"{container.service}:{binding.published}"
        for container in containers
        if container.project == model.project and container.running
        for binding in container.bindings
        if binding.host_ip in EVERY_ADDRESS
    }
    wide |= {
        f"{service.name} (network_mode: host)"
        for service in model.services.values()
        if service.config.get("network_mode") == "host"
    }
    if wide:
        return warning(
            "open-ports",
            f"reachable from the whole network, bypassing the firewall: {_some(sorted(wide))}",
            'publish on this host only: "127.0.0.1:PORT:PORT"',
        )
    return ok("open-ports", "none: ports are published on this host only")


def mounts(
    daemon: Daemon,
    only_here: Collection[str] = (),
    not_sent: Mapping[str, NotSent] = MappingProxyType({}),
    *,
    sends: bool = False,
) -> Check:
    """Whether the engine's host has the sources of the model's mounts, or a start sends them."""
    if daemon.local:
        return ok("mounts", "the engine is on this host, and so are its mounts")
    lacking = [one for one in sorted(only_here) if not sends or one in not_sent]
    if lacking:
        ways = dict.fromkeys(WAYS_THERE[not_sent.get(one)] for one in lacking)
        return failed(
            "mounts",
            f"on this machine, but not on the engine's host: {_some(lacking)}",
            "; ".join(ways),
        )
    if only_here:
        return ok("mounts", f"sent to the engine's host by a start: {_some(sorted(only_here))}")
    return ok("mounts", "no mount needs files that only this machine has")


def root(users: Mapping[str, bool | None], daemon: Daemon) -> Check:
    """Services that run as root; the value None means that the image is not on the engine yet."""
    services = [name for name, is_root in users.items() if is_root]
    unknown = [name for name, is_root in users.items() if is_root is None]
    if daemon.shifted:
        return ok("root", "root in a container is an ordinary user on this engine's host")
    if not services and unknown:
        return skipped("root", f"the images of {_some(unknown)} are not on this engine")
    if not services:
        return ok("root", "no service runs as root")
    return warning(
        "root",
        f"as root: {_some(services)}",
        "set another user: `USER` in the Dockerfile, or `user:` in the compose file",
    )


def images(world: World, inputs: Mapping[str, BuildInputs]) -> Check:
    """The images that a start and a build need and the engine lacks, for when no registry answers.
    BuildKit looks up the image of a ``# syntax`` line for every build; it is no reason to warn,
    since it is not known which BuildKit has cached."""
    engine, services = world.engine, world.model.services.values()
    built = world.model.builders()
    absent = [
        service.image
        for service in services
        if not (service.provided or plain(service.image) in built)
        and engine.image(service.image) is None
    ]
    unbuilt = [one for one in services if one.build and engine.image(one.image) is None]
    unseen = {
        name for one in inputs.values() for name, identity in one.bases.items() if not identity
    }
    needed = sorted({*absent, *unseen})
    if needed:
        return warning(
            "images",
            f"not on this engine, and only available from a registry: {_some(needed)}",
            f"while it can be reached, {task('up')} pulls them all, `docker pull` each of them",
        )
    frontends = sorted({name for one in inputs.values() if (name := _frontend(one))})
    away = [name for name in frontends if engine.image(name) is None]
    online = f"a build asks a registry for {_some(away)} (`# syntax`)"
    if unbuilt:
        others = f"{_some(one.name for one in unbuilt)} still to be built; the base images are here"
        return ok("images", f"{others}; {online}" if away else others)
    if away:
        return ok("images", f"everything that a start needs is here; {online}")
    return ok("images", "everything that a start and a build need is here: both work offline")


def health(world: World, lacking: Mapping[str, str] | None = None) -> Check:
    """Health checks that can't pass because of a program the image is ``lacking``, slow a start
    down, or pass too early; and services without a health check."""
    warnings = health_warnings(world, world.model.services, lacking)
    if warnings:
        return warning("health-checks", "; ".join(warnings), "see the compose file")
    return ok("health-checks", "nothing to improve")


def watching(watching: Watching | None) -> Check:
    """The limits that hot reload reaches first."""
    if watching is None or not watching.watches:
        return skipped("file-watching", "the kernel's inotify limits can't be read here")
    words = (
        f"{watching.watches:,} watches, {watching.instances} instances, "
        f"{watching.used} of them in use"
    )
    hint = (
        "sysctl fs.inotify.max_user_watches=524288 fs.inotify.max_user_instances=512, and in "
        "/etc/sysctl.d to make it permanent"
    )
    if watching.used >= NEARLY_ALL * watching.instances:
        return failed("file-watching", f"nearly all inotify instances are in use: {words}", hint)
    if watching.watches < FEW_WATCHES or watching.instances < FEW_INSTANCES:
        return warning("file-watching", f"low for hot reload: {words}", hint)
    return ok("file-watching", words)


def memory_limits(model: Model) -> int:
    """The sum of the services' memory limits in bytes."""
    return sum(one.replicas * _limit(one.config) for one in model.services.values())


def _limit(config: Mapping[str, Any]) -> int:
    limits = ((config.get("deploy") or {}).get("resources") or {}).get("limits") or {}
    text = str(config.get("mem_limit") or limits.get("memory") or "0").lower().rstrip("ib")
    unit = UNITS.get(text[-1:], 1)
    number = text.rstrip("kmg")
    return int(float(number) * unit) if re.fullmatch(r"[0-9]+(\.[0-9]*)?", number) else 0


def probed_image(model: Model | None, engine: Engine) -> str:
    """The image to test a container with: one of the project's, preferably one that is built here;
    else the engine's smallest, "" if it has none."""
    services = sorted(model.services.values(), key=lambda one: one.build is None) if model else []
    for service in services:
        if engine.image(service.image) is not None:
            return service.image
    smallest = min(engine.images, key=lambda one: (one.size, one.id), default=None)
    return smallest.id if smallest else ""


def _frontend(inputs: BuildInputs) -> str:
    """The image that the Dockerfile's ``# syntax`` line names; "" if it has none."""
    directive, _, name = inputs.options.get("dockerfile", "").partition("\n")[0].partition("=")
    return name.split()[0] if directive == "# syntax" and name.strip() else ""


def base_image(engine: Engine, inputs: Mapping[str, BuildInputs]) -> str:
    """The base image to test a build with: one of the project's base images that the engine has by
    name, "" if there is none."""
    named = sorted({name for one in inputs.values() for name in one.bases})
    return next((name for name in named if engine.image(name) is not None), "")


def _some(words: Iterable[str]) -> str:
    every = list(words)
    return first_of(every, SHOWN, "; " if any(" " in one for one in every) else ", ")
