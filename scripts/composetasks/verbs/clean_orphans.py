"""``clean-orphans``: removes conflicts that block a start, and this project's leftovers."""

from __future__ import annotations

from composetasks.facts import ExitCode, Scope
from composetasks.verbs.carry_through import carry_to_end
from composetasks.verbs.session import Session


def clean_orphans(session: Session) -> ExitCode:
    """Do what ``up`` would do about conflicts, without a start; running leftovers need consent."""
    from composetasks.plan.conflicts.conflicts import plan_clean
    from composetasks.plan.start.services import needed_names

    with session.changing():
        world = session.observe(scope=Scope(leftovers=True))
        names = needed_names(world, world.model.services)
        plan = plan_clean(world, names, force=session.options.force)
        return carry_to_end(session, plan, world, "nothing is left to remove")
