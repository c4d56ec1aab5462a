"""``clean-orphans``: removes what stands in the way of a start, and left-overs of ours."""

from __future__ import annotations

from composetasks.facts import ExitCode, Plan
from composetasks.verbs.session import Session


def clean_orphans(session: Session) -> ExitCode:
    """The finding of ``up`` with nothing to start; running left-overs need consent."""
    from composetasks.plan.conflicts.conflicts import leftovers
    from composetasks.plan.images.old_tags import old_tags
    from composetasks.plan.start.start import finished

    with session.changing():
        world = session.observe()
        found = leftovers(world, force=session.options.force)
        plan = finished(
            Plan(
                command="clean-orphans",
                project=world.model.project,
                instance=world.model.instance,
                steps=(*found.steps, *old_tags(world)),
                blockers=found.blockers,
                warnings=(*world.warnings, *found.warnings),
            ),
            world.model,
        )
        ended = session.carry_through(plan, world)
        if ended is not None:
            return ended
        session.report_done(plan, "nothing stands in the way")
    return ExitCode.OK
