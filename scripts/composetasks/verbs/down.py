"""``down``: stops and removes this project's containers and networks; state is kept."""

from __future__ import annotations

from composetasks.facts import ExitCode, Scope
from composetasks.verbs.carry_through import carry_through, report_done
from composetasks.verbs.session import Session


def down(session: Session) -> ExitCode:
    """Remove the project from the engine, dependents first; volumes and folders are not changed."""
    from composetasks.plan.start.stop import plan_stop

    with session.changing():
        world = session.observe(scope=Scope(inputs=False))
        plan = plan_stop(world)
        ended = carry_through(session, plan, world)
        if ended is not None:
            return ended
        if session.engine.remote and world.maker is None:
            from composetasks.apply.engine.maker import unsign

            unsign(session.client, world.model.project)
        report_done(session, plan, f"{world.model.project} is down")
    return ExitCode.OK
