"""A world is a value, and a plan is made of it alone: on a real engine every plan is made with the
network, files, programs and the clock forbidden to it."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from pathlib import PurePath
from typing import Any

from composetasks.apply.state.measure import measure
from composetasks.facts import Snapshot, SnapshotPart, StackCheck, World
from composetasks.observe.state.places import observe_state
from composetasks.plan.conflicts.conflicts import plan_clean, without_lookalikes
from composetasks.plan.images.decisions import plan_build
from composetasks.plan.instances import abandoned
from composetasks.plan.start.services import needed_names
from composetasks.plan.start.start import StartOptions, plan_checks, plan_start
from composetasks.plan.start.stop import plan_stop
from composetasks.plan.state.plans import plan_reset, plan_restore, plan_snapshot
from tests.engine.built import Built
from tests.engine.planned import Planned
from tests.pure import pure

PLAIN = (str, int, float, bool, type(None), enum.Enum, PurePath)


def lazy(value: Any, place: str = "world") -> list[str]:
    """Where a world holds something that is more than a value."""
    if isinstance(value, PLAIN):
        return []
    if type(value) in (tuple, list, frozenset, set):
        return [found for one in value for found in lazy(one, place)]
    if type(value) is dict:
        return [found for key, one in value.items() for found in lazy(one, f"{place}[{key}]")]
    if is_dataclass(value):
        names = [field.name for field in fields(value)]
        return [one for name in names for one in lazy(getattr(value, name), f"{place}.{name}")]
    return [f"{place}: {type(value).__name__}"]


def plans(world: World) -> dict[str, Callable[[], Any]]:
    """Each plan that a verb makes, with every option that changes it."""
    held = SnapshotPart("data", "volume", 1, 1)
    kept = Snapshot("kept", "2026-01-01T00:00:00Z", 1, state=(held,))
    checks = [StackCheck("check", "db", ("true",))]
    return {
        "up": lambda: plan_start(world, (), StartOptions()),
        "up, forced": lambda: plan_start(
            world, (), StartOptions(force=True, pull=True, rerun=("job",), wait=False)
        ),
        "up --no-build": lambda: plan_start(world, ("web",), StartOptions(build=False)),
        "build": lambda: plan_build(world, (), no_cache=False),
        "build, uncached": lambda: plan_build(world, (), no_cache=True, pull=True, push=True),
        "down": lambda: plan_stop(world),
        "clean-orphans": lambda: plan_clean(
            world, needed_names(world, world.model.services), force=True
        ),
        "reset-state": lambda: plan_reset(world, world.state, snapshot=True),
        "snapshot": lambda: plan_snapshot(world, "name", {"db": ("true",)}),
        "restore": lambda: plan_restore(world, kept, snapshot=True),
        "verify": lambda: plan_checks(world, checks),
        "status": lambda: tuple(abandoned.warnings(world)),
    }


def observed(planned: Planned) -> World:
    world = planned.world(rebuild=True)
    result = observe_state(world.model, world.engine, planned.client, planned.folder, {})
    world = replace(world, state=result.state, unkept=result.unkept)
    return replace(world, state=measure(world, planned.client))


def a_mess(planned: Planned) -> None:
    """A project that was started, and then had something happen to it of each kind."""
    built = Built(planned.folder, planned.client, planned.name)
    whole: dict[str, Any] = {
        "db": {"volumes": ["data:/data"]},
        "job": {"command": ["true"]},
        "web": {"image": built.image("web"), "build": "./web", "networks": ["changing"]},
        "by-hand": {"image": built.image("by-hand"), "build": "./by-hand"},
        "bare": {"depends_on": ["db"]},
    }
    networks: dict[str, Any] = {"changing": {"labels": {"edition": "1"}}}
    for name in ("web", "by-hand"):
        built.dockerfile(name, f"COPY file /\nLABEL of={planned.name}-{name}\n")
        built.file(f"{name}/file", "one")
    built.write(whole, networks=networks, volumes={"data": {}})
    built.up()
    built.file("web/file", "two")
    built.docker("stop", "-t", "0", f"{planned.name}-bare-1")
    built.docker("pause", f"{planned.name}-db-1")
    key = built.docker("create", whole["web"]["image"], "true")
    built.docker("commit", key, whole["by-hand"]["image"])
    built.docker("rm", key)
    networks["changing"]["labels"]["edition"] = "2"
    whole["new"] = {}
    built.write(whole, networks=networks, volumes={"data": {}})
    built.by_hand(f"{planned.name}-new-1")


def test_every_plan_of_an_observed_world_is_made_of_values_alone(planned: Planned) -> None:
    a_mess(planned)
    world = observed(planned)
    assert lazy(world) == []
    for make in plans(world).values():
        make()  # What a plan imports when it is first made is not its doing.
    with pure():
        made = {name: make() for name, make in plans(world).items()}
    up = without_lookalikes(made["up"], world, force=False)
    assert {"build-image", "remove-network", "recreate-container", "start-container"} <= {
        step.action.value for step in up.steps
    }
    assert [blocker.target for blocker in up.blockers] == [f"{planned.name}-new-1"]
    changed = {one.path for step in up.steps for one in step.because if one.kind == "file"}
    assert changed == {"web/file"}
