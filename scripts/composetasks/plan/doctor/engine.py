"""Checks of the engine and its programs: versions, clock, memory, disk, and leftover builders."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from composetasks.facts import OLDEST_COMPOSE, Builder, Check, Daemon, Disk, Plugin
from composetasks.facts.doctor import BUILDKIT
from composetasks.facts.program import task
from composetasks.facts.units import size
from composetasks.plan.doctor.verdict import at_least, dotted, failed, ok, skipped, warning

OLDEST_ENGINE = (25, 0)
"""Older engines do not support ``start_interval``."""
OLDEST_BUILDX = (0, 17)
"""The oldest version with which Compose 5 can build."""

SKEW_SECONDS = 2.0
"""From this difference on, files written by one side have times in the other side's future."""
SKEW_BREAKS_SECONDS = 60.0
"""From this difference on, signatures (TLS, apt's lists) may be not yet valid or expired."""
LITTLE_MEMORY, NO_MEMORY = 1_000_000_000, 200_000_000
LITTLE_DISK, NO_DISK = 5_000_000_000, 500_000_000
"""A build of a few large packages takes some GB; below the lower limit, even a start may fail."""
NO_IPVS = (
    "this kernel has no IPVS: virtual addresses of services and ports of the ingress network do "
    "not answer"
)
LITTLE_INODES, NO_INODES = 0.05, 0.005
"""Shares of all inodes."""


def engine(daemon: Daemon) -> Check:
    """Whether the engine is new enough. (A Podman that is too old was refused before.)"""
    name = "Podman" if daemon.podman else "Docker"
    if not daemon.podman and not at_least(daemon.version, OLDEST_ENGINE):
        return failed(
            "engine",
            f"Docker {daemon.version or '(no version)'} at {daemon.where} is too old",
            f"upgrade it to {dotted(OLDEST_ENGINE)} or newer: older ones don't support "
            "`start_interval` in health checks",
        )
    far = f", on another host; an answer takes {daemon.latency * 1000:.0f} ms"
    return ok("engine", f"{name} {daemon.version} at {daemon.where}{'' if daemon.local else far}")


def swarm(daemon: Daemon, endpoint: str, *, lacks_ipvs: bool) -> Check:
    """Whether the kernel supports what Swarm needs; ``endpoint`` is the configured mode."""
    if not daemon.swarm:
        return ok("swarm", "the engine is not part of a swarm")
    if daemon.local and lacks_ipvs and endpoint != "dnsrr":
        return warning("swarm", NO_IPVS, "set stack.deploy.endpoint: dnsrr")
    return ok("swarm", "the engine is a node of a swarm")


def compose(plugins: Collection[Plugin]) -> Check:
    """The Compose that the tasks use, and older ones that a user's command would run."""
    return _plugin("compose", "Compose", "docker compose", plugins, OLDEST_COMPOSE, falls_back=True)


def buildx(plugins: Collection[Plugin]) -> Check:
    """The Buildx that builds: the first one that the docker client finds, even an old one."""
    return _plugin("buildx", "Buildx", "docker buildx", plugins, OLDEST_BUILDX, falls_back=False)


def _plugin(
    name: str,
    word: str,
    command: str,
    plugins: Collection[Plugin],
    oldest: tuple[int, int],
    *,
    falls_back: bool,
) -> Check:
    searched = [one for one in plugins if one.searched]
    usable = [one for one in searched if at_least(one.version, oldest)]
    old = [one for one in plugins if not at_least(one.version, oldest)]
    named = "; ".join(f"{one.path} is {one.version or 'of an unknown version'}" for one in old)
    needed = f"{dotted(oldest)} or newer"
    if not usable:
        return failed(
            name,
            f"no usable {word}: {named or 'none is installed'}",
            f"install {word} {needed}",
        )
    used = usable[0]
    if old and old[0] is searched[0] and not falls_back:
        return failed(
            name,
            f"`{command}` is too old: {named}",
            f"remove {old[0].path}; {used.path} ({used.version}) is used then",
        )
    if old:
        what = f"`{command}`" if old[0] is searched[0] else f"an old {word}"
        return warning(
            name,
            f"{word} {used.version} is used ({used.path}), but {what} is a different one: {named}",
            f"remove or upgrade {old[0].path} (needed: {needed})",
        )
    return ok(name, f"{word} {used.version} ({used.path})")


def clock(daemon: Daemon) -> Check:
    """Whether the clocks of this host and the engine agree."""
    skew = abs(daemon.clock_ahead)
    side = "ahead of" if daemon.clock_ahead > 0 else "behind"
    if skew < SKEW_SECONDS:
        return ok("clock", "the engine's clock agrees with this host's to the second")
    words = f"the engine's clock is {skew:.0f} s {side} this host's"
    hint = (
        "synchronize both by NTP; a virtual machine may need a restart after its host was suspended"
    )
    if skew < SKEW_BREAKS_SECONDS:
        return warning("clock", f"{words}: new edits may look old", hint)
    return failed("clock", f"{words}: certificates and package lists may be rejected", hint)


def memory(daemon: Daemon, available: int | None, limits: int) -> Check:
    """The total and free memory. ``limits`` is the sum of the memory limits of the model's
    services."""
    words = size(daemon.memory)
    if available is not None:
        words += f", {size(available)} of it free"
    free = daemon.memory if available is None else available
    if free < NO_MEMORY:
        return failed("memory", f"too little memory: {words}", "stop what uses it")
    if free < LITTLE_MEMORY:
        return warning(
            "memory", f"little memory: {words}", "stop what uses it, or give the engine more"
        )
    if limits > daemon.memory:
        return warning(
            "memory",
            f"the services may use {size(limits)} together, but the engine has {words}",
            "lower the limits, or give the engine more: a container that uses too much is "
            "OOM-killed (137)",
        )
    return ok("memory", words)


def disk(disks: Iterable[Disk | None], root: str) -> Check:
    """The free space where the engine stores images; the smallest value found counts."""
    measured = [one for one in disks if one is not None]
    if not measured:
        return skipped("disk", f"{root} can't be inspected from here, nor from a container")
    least = min(measured, key=lambda one: one.free)
    words = f"{size(least.free)} of {size(least.bytes)} free where images are stored ({root})"
    hint = (
        f"`docker system df` shows what uses the space; {task('clean-orphans')} removes "
        "this project's leftovers"
    )
    if least.free < NO_DISK:
        return failed("disk", f"only {words}", hint)
    if least.free < LITTLE_DISK:
        return warning("disk", f"only {words}: a build may not fit", hint)
    return ok("disk", words)


def inodes(disks: Iterable[Disk | None], root: str) -> Check:
    """The free inodes where the engine stores images."""
    measured = [one for one in disks if one is not None]
    if not measured:
        return skipped("inodes", f"{root} can't be inspected from here, nor from a container")
    counted = [one for one in measured if one.inodes]
    if not counted:
        return ok("inodes", "as many as fit")
    least = min(counted, key=lambda one: one.inodes_free / one.inodes)
    share = least.inodes_free / least.inodes
    words = f"{least.inodes_free:,} inodes free ({share:.1%}) in {root}"
    hint = (
        "images with many small files use them up: remove images and build cache that "
        "are no longer needed"
    )
    if share < NO_INODES:
        return failed("inodes", f"only {words}", hint)
    if share < LITTLE_INODES:
        return warning("inodes", f"only {words}", hint)
    return ok("inodes", words)


def builders(parts: Iterable[Builder], installed: Collection[str]) -> Check:
    """Builders that have containers or volumes, but that Buildx does not know."""
    own = {name: f"{BUILDKIT}{name}" for name in installed}
    left = [one for one in parts if not any(one.name.startswith(own[name]) for name in own)]
    if not left:
        return ok("builders", "no leftover builder")
    named = ", ".join(f"{one.kind} {one.name}" for one in left)
    first = left[0]
    way = "docker rm -fv" if first.kind == "container" else "docker volume rm"
    return warning(
        "builders",
        f"left over from builders that this user's Buildx does not know: {named}",
        f"if no one else uses it: `{way} {first.name}`",
    )
