"""``snapshot``: saves all state except caches under a name."""

from __future__ import annotations

from composetasks.facts import ExitCode
from composetasks.run.failure import TaskFailure
from composetasks.verbs.carry_through import carry_to_end
from composetasks.verbs.session import Session
from composetasks.verbs.state import observe_with_state


def snapshot(session: Session, name: str = "", *, live: bool = False) -> ExitCode:
    """Save the current state; services that write to it are stopped meanwhile or, with ``live``,
    paused if the settings allow it."""
    from composetasks.plan.state.names import next_name
    from composetasks.plan.state.plans import plan_snapshot
    from composetasks.store.snapshot_folder import NAME

    if name and not NAME.fullmatch(name):
        raise TaskFailure(
            f"a snapshot can't be called {name!r}",
            code=ExitCode.USAGE,
            hint="use letters, digits, dots, - and _, starting with a letter or digit, at most 100",
        )
    with session.changing():
        world = observe_with_state(session)
        if any(one.name == name for one in world.snapshots):
            raise TaskFailure(
                f"a snapshot {name} already exists",
                code=ExitCode.USAGE,
                hint="choose another name, or remove "
                f"{session.own_folder.root / 'snapshots' / name}",
            )
        paused = session.settings.live if live else {}
        plan = plan_snapshot(world, name or next_name(world.snapshots, "snapshot"), paused)
        untold = [one.what for one in world.unkept if one.untold]
        without = f", without {', '.join(untold)}" if untold else ""
        return carry_to_end(session, plan, world, f"the state is saved{without}")
