"""``clean-orphans``: removes what stands in the way of a start, and leftovers of ours."""

from __future__ import annotations

from composetasks.facts import ExitCode, Scope
from composetasks.verbs.carry_through import carry_to_end
from composetasks.verbs.session import Session


def clean_orphans(session: Session) -> ExitCode:
    """The finding of ``up`` with nothing to start; running leftovers need consent."""
    from composetasks.plan.conflicts.conflicts import plan_clean
    from composetasks.plan.start.services import needed_names

    with session.changing():
        world = session.observe(scope=Scope(leftovers=True))
        names = needed_names(world, world.model.services)
        plan = plan_clean(world, names, force=session.options.force)
        return carry_to_end(session, plan, world, "nothing to remove")
