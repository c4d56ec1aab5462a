"""``restart``: stops containers, starts them again unchanged, and waits until they are up."""

from __future__ import annotations

from collections.abc import Sequence

from composetasks.facts import ExitCode, Scope
from composetasks.run.settings import Limits
from composetasks.verbs.carry_through import carry_through, report_services
from composetasks.verbs.services import service_documents
from composetasks.verbs.session import Session


def restart(session: Session, services: Sequence[str], *, timeout: float | None = None) -> ExitCode:
    """Restart the services, or all, and those that have to be restarted with them; wait for
    them."""
    from composetasks.plan.start.restart import plan_restart, restarted_alone

    with session.changing():
        world = session.observe(services, Scope(inputs=False))
        plan = plan_restart(world, services)
        alone = restarted_alone(world, plan)
        ended = carry_through(session, plan, alone, Limits(timeout=timeout))
        if ended is not None:
            return ended
        restarted = {step.service for step in plan.steps}
        documents = service_documents(session, world.model)
        mine = [one for one in documents if one["name"] in restarted]
        report_services(session, mine, plan, restarted, f"{plan.project} is restarted")
    return ExitCode.OK
