"""``restore``: restores the state that a snapshot holds."""

from __future__ import annotations

from pathlib import Path

from composetasks.facts import ExitCode
from composetasks.facts.program import task
from composetasks.run.failure import TaskFailure, did_you_mean
from composetasks.verbs.carry_through import carry_to_end
from composetasks.verbs.session import Session
from composetasks.verbs.state import observe_with_state


def restore(session: Session, name: str, *, snapshot: bool = True) -> ExitCode:
    """Verify a snapshot, save the state it replaces, and restore its content, all or nothing."""
    from concurrent.futures import ThreadPoolExecutor

    from composetasks.plan.state.plans import plan_restore

    with session.changing():
        place = _place_of(session, name)
        with ThreadPoolExecutor(1) as aside:
            # Reading the snapshot takes as long as observing the engine and the state.
            verified = aside.submit(_verified, place, name)
            world = observe_with_state(session)
            verified.result()
        wanted = next(one for one in world.snapshots if one.name == name)
        plan = plan_restore(world, wanted, snapshot=snapshot)
        return carry_to_end(session, plan, world, f"the state is restored from snapshot {name}")


def _place_of(session: Session, name: str) -> Path:
    """The folder of snapshots, after checking that it has one of that name.

    Raises TaskFailure, code 2, if it has not.
    """
    from composetasks.store import snapshot_folder

    place = session.own_folder.root / snapshot_folder.SNAPSHOTS
    names = [one.name for one in snapshot_folder.load_all(place)]
    if name not in names:
        there = (
            f"there are {', '.join(names)}"
            if names
            else f"there are none yet: {task('snapshot')} takes one"
        )
        raise TaskFailure(
            f"no snapshot is called {name!r}" if name else "which snapshot?",
            code=ExitCode.USAGE,
            hint=did_you_mean(name, names, there),
        )
    return place


def _verified(place: Path, name: str) -> None:
    """Check every byte of a snapshot against its digests. Raises TaskFailure."""
    from composetasks.store import snapshot_folder

    try:
        snapshot_folder.verify(place, name)
    except snapshot_folder.Damaged as error:
        raise TaskFailure(
            f"snapshot {name} is damaged: {error}",
            hint=f"nothing was changed; {task('snapshots')} lists the others",
        ) from error
