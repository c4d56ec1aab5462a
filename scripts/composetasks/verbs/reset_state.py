"""``reset-state``: empties state, after a snapshot."""

from __future__ import annotations

from collections.abc import Sequence

from composetasks.facts import Action, ExitCode
from composetasks.facts.program import task
from composetasks.run.failure import TaskFailure
from composetasks.verbs.carry_through import carry_through, report_done
from composetasks.verbs.session import Session
from composetasks.verbs.state import observe_with_state, unknown_state


def reset_state(
    session: Session, names: Sequence[str], *, snapshot: bool = True, keep: Sequence[str] = ()
) -> ExitCode:
    """Empty the named state, or all but caches; the services that use it are stopped meanwhile."""
    from composetasks.plan.state.names import SplitGroup, UnknownState, select
    from composetasks.plan.state.plans import plan_reset

    with session.changing():
        world = observe_with_state(session)
        try:
            chosen = select(world.state, names, keep)
        except UnknownState as error:
            raise unknown_state(error) from error
        except SplitGroup as error:
            raise TaskFailure(
                str(error), code=ExitCode.USAGE, hint="reset both, or keep both"
            ) from error
        plan = plan_reset(world, chosen, snapshot=snapshot)
        ended = carry_through(session, plan, world)
        if ended is not None:
            return ended
        emptied = [step.target for step in plan.steps if step.action is Action.EMPTY_STATE]
        snapshots = [step.target for step in plan.steps if step.action is Action.SNAPSHOT]
        message = f"emptied: {', '.join(emptied)}" if emptied else "the state is empty"
        back = f"; {task(f'restore {snapshots[0]}')} restores it" if snapshots else ""
        report_done(session, plan, f"{message}{back}")
    return ExitCode.OK
