"""The plans of ``reset-state``, ``snapshot`` and ``restore``.

Containers that use the state are stopped first, dependents before their dependencies, and those
that ran are started again afterwards; a group is handled as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from composetasks.facts import (
    Blocker,
    Consent,
    EmptyState,
    Evidence,
    ExitCode,
    Plan,
    RestoreState,
    Snapshot,
    SnapshotPart,
    StartContainer,
    State,
    Step,
    TakeSnapshot,
    World,
)
from composetasks.facts.units import counted, size
from composetasks.plan.conflicts import external
from composetasks.plan.conflicts.mounts import started
from composetasks.plan.conflicts.origin import origin
from composetasks.plan.start.faults import model_faults
from composetasks.plan.start.forwards import forward_steps
from composetasks.plan.state.names import next_name
from composetasks.plan.state.users import (
    Users,
    finished_jobs,
    forgotten_jobs,
    starts,
    stops,
    users_of,
)


def plan_reset(world: World, chosen: Sequence[State], *, snapshot: bool) -> Plan:
    """Empty ``chosen``, after a snapshot of it."""
    full = [one for one in chosen if one.exists and not _is_empty(one)]
    users = users_of(world, full)
    to_keep = full if snapshot else ()
    steps = _before(world, users, to_keep, "reset", "to be able to restore what is emptied")
    before = tuple(step.id for step in steps)
    steps += [_empty(one, before, snapshot=snapshot) for one in full]
    done = tuple(step.id for step in steps if isinstance(step.operation, EmptyState))
    steps += _again(world, full, users, done)
    return _plan(world, "reset-state", steps, users, _unkept(world, "emptied"))


def plan_snapshot(world: World, name: str, live: Mapping[str, tuple[str, ...]]) -> Plan:
    """Save all state but caches under ``name``. Services in ``live`` are paused instead of stopped,
    each after its command."""
    held = [one for one in world.state if one.exists and not one.cache]
    if not held:
        return _nothing_to_keep(world)
    users = users_of(world, held, live)
    stopped = stops(world, users)
    needs = tuple(step.id for step in stopped)
    snapshot = _snapshot(name, held, needs, "all state but caches")
    paused = tuple(
        Evidence(kind="paused", name=part.name, detail=_paused(live[part.service]))
        for part in users.live
    )
    operation = TakeSnapshot(_names(held), paused=tuple(one.name for one in users.live))
    snapshot = replace(snapshot, operation=operation, because=(*snapshot.because, *paused))
    steps = [*stopped, snapshot, *starts(world, users, (snapshot.id,))]
    return _plan(world, "snapshot", steps, users, _unkept(world, "kept"))


def _nothing_to_keep(world: World) -> Plan:
    blocker = Blocker(
        kind="nothing-to-keep",
        target=world.model.project,
        message="nothing to save: there is no state",
        hint="state is what services write to named volumes and to folders of the "
        "project that hold no code; add others to `stack.state` in the settings",
        code=ExitCode.FAILED,
    )
    plan = _plan(world, "snapshot", (), Users((), (), ()), _unkept(world, "kept"))
    return replace(plan, blockers=(blocker,))


def _unkept(world: World, word: str) -> list[str]:
    """Warnings: what services write to that is not saved or emptied, one line for each reason."""
    reasons: dict[str, list[str]] = {}
    for unkept in world.unkept:
        reasons.setdefault(unkept.reason, []).append(unkept.what)
    return [f"not {word}: {', '.join(whats)} ({reason})" for reason, whats in reasons.items()]


def _paused(command: Sequence[str]) -> str:
    after = f", after `{' '.join(command)}`" if command else ""
    return f"paused while it is read{after}"


def plan_restore(world: World, wanted: Snapshot, *, snapshot: bool) -> Plan:
    """Restore what ``wanted`` contains, after a snapshot of what it replaces."""
    parts = {part.name: part for part in wanted.state}
    chosen = [one for one in world.state if one.name in parts]
    missing = [name for name in parts if name not in {one.name for one in chosen}]
    replaced = [one for one in chosen if one.exists and not _is_empty(one)]
    users = users_of(world, chosen)
    to_keep = replaced if snapshot else ()
    steps = _before(world, users, to_keep, "restore", "to be able to restore what is replaced")
    before = tuple(step.id for step in steps)
    of = f"snapshot of {wanted.created}"
    for restored in chosen:
        part = parts[restored.name]
        held = Evidence(
            kind="content",
            name="content",
            old=_amount(restored),
            new=f"{size(part.bytes)} in {counted(part.files, 'file')}",
        )
        foreign = _foreign(wanted, part)
        lost = restored in replaced and not snapshot
        steps.append(
            Step(
                operation=RestoreState(wanted.name, special=wanted.made_here or part.special != 0),
                target=restored.name,
                reason=_what(restored),
                services=restored.services,
                because=(
                    Evidence(kind="snapshot", name=wanted.name, detail=of),
                    held,
                    *foreign,
                ),
                needs=before,
                destroys=(f"{restored.name}: {_amount(restored)}",) if lost else (),
                consent=Consent.FORCE if foreign else _consent(restored),
            )
        )
    done = tuple(step.id for step in steps if isinstance(step.operation, RestoreState))
    steps += _again(world, chosen, users, done)
    plan = _plan(world, "restore", steps, users)
    warnings = [
        f"snapshot {wanted.name} contains {name}, which is not in the model" for name in missing
    ]
    warnings += _other_images(world, wanted, chosen)
    return replace(plan, warnings=(*plan.warnings, *warnings))


def _foreign(wanted: Snapshot, part: SnapshotPart) -> tuple[Evidence, ...]:
    """Why a part needs more consent: another checkout took the snapshot, and the part may contain
    devices or set-user-ID programs."""
    if wanted.made_here or part.special == 0:
        return ()
    what = "an uncounted number of" if part.special is None else str(part.special)
    return (
        Evidence(
            kind="foreign-snapshot",
            name="taken elsewhere",
            detail=f"{what} devices or set-user-ID programs, and not taken by this checkout",
        ),
    )


def _other_images(world: World, wanted: Snapshot, chosen: Sequence[State]) -> list[str]:
    """Warnings: a service's image differs from the one that wrote the restored state."""
    return [
        f"{name} ran another image when snapshot {wanted.name} was taken"
        for name, image in world.images_of_users(chosen).items()
        if wanted.images.get(name) not in (None, image.id)
    ]


def _plan(
    world: World,
    command: str,
    steps: Sequence[Step],
    users: Users,
    warnings: Sequence[str] = (),
) -> Plan:
    blockers = [
        Blocker(
            kind="state-in-use",
            target=container.name,
            message=f"container {container.name}, {origin(world, container).value}, "
            f"uses {', '.join(names)}",
            hint=f"stop it with `docker stop {container.name}`, then run the task again",
            code=ExitCode.CONFLICT,
        )
        for container, names in users.foreign
    ]
    # Stopped services have to start again, so what would prevent that blocks the plan.
    again = started(steps)
    as_it_was = {step.service for step in steps if step.operation == StartContainer(as_it_was=True)}
    hooked = {name for name in again if world.model.services[name].config.get("post_start")}
    by_compose = [name for name in again if name not in as_it_was - hooked]
    blockers += [*model_faults(world.model, again), *external.missing(world, by_compose)]
    steps = (*steps, *forward_steps(world, again, steps))
    warnings = (*world.warnings, *warnings)
    return world.plan(command, steps, blockers=blockers, warnings=warnings)


def _before(
    world: World, users: Users, to_keep: Sequence[State], command: str, reason: str
) -> list[Step]:
    """The steps before state is changed: its users are stopped, and ``to_keep`` is saved in a
    snapshot."""
    steps = [*stops(world, users)]
    if to_keep:
        name = next_name(world.snapshots, f"before-{command}")
        steps.append(_snapshot(name, to_keep, tuple(step.id for step in steps), reason))
    return steps


def _again(
    world: World, changed: Sequence[State], users: Users, done: tuple[str, ...]
) -> list[Step]:
    """The steps after state was ``changed``: stopped services start again, and jobs whose work was
    in it run again (a migration, for example: the schema may be older). If nothing ran, the jobs'
    containers are removed, and the next start runs them."""
    jobs = finished_jobs(world, changed)
    return starts(world, users, done, jobs) or forgotten_jobs(world, jobs, done)


def _snapshot(name: str, state: Sequence[State], needs: tuple[str, ...], reason: str) -> Step:
    services = tuple(dict.fromkeys(name for one in state for name in one.services))
    return Step(
        operation=TakeSnapshot(_names(state)),
        target=name,
        reason=reason,
        services=services,
        because=tuple(
            Evidence(kind="state-kept", name=part.name, detail=_amount(part)) for part in state
        ),
        needs=needs,
    )


def _names(state: Sequence[State]) -> tuple[str, ...]:
    return tuple(one.name for one in state)


def _empty(state: State, needs: tuple[str, ...], *, snapshot: bool) -> Step:
    amount = _amount(state)
    because = [Evidence(kind="content", name="content", old=amount, new="empty")]
    if state.description:
        because.append(Evidence(kind="description", name="what it is", detail=state.description))
    if state.group:
        because.append(Evidence(kind="group", name="group", detail=state.group))
    return Step(
        operation=EmptyState(),
        target=state.name,
        reason=_what(state),
        services=state.services,
        because=tuple(because),
        needs=needs,
        destroys=() if snapshot else (f"{state.name}: {amount}",),
        consent=_consent(state),
    )


# --- amounts --------------------------------------------------------------------------------


def _consent(state: State) -> Consent:
    """Folders outside the project may also belong to someone else."""
    return Consent.FORCE if state.outside_project else Consent.YES


def _what(state: State) -> str:
    used = f"used by {', '.join(state.services)}" if state.services else "used by no active service"
    where = f", which is {state.folder}, outside the project" if state.outside_project else ""
    return f"{state.kind} {state.place}{where}, {used}"


def _is_empty(state: State) -> bool:
    return state.files == 0 and not state.folders


def _amount(state: State) -> str:
    if not state.exists or _is_empty(state):
        return "nothing"
    if state.bytes is None or state.files is None:
        return "an unknown amount"
    written = f", last written {state.modified}" if state.modified else ""
    return f"{size(state.bytes)} in {counted(state.files, 'file')}{written}"
