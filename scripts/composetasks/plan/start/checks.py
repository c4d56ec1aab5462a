"""The plan of ``verify``: the stack's own end-to-end checks, each in its service's container."""

from __future__ import annotations

from collections.abc import Iterable

from composetasks.facts import Evidence, Plan, RunCheck, StackCheck, Step, World
from composetasks.plan.start.start import finished


def plan_checks(world: World, checks: Iterable[StackCheck]) -> Plan:
    """Run ``checks``, one after the other."""
    steps = tuple(
        Step(
            operation=RunCheck(check.command),
            target=check.name,
            reason=f"the settings declare it, run in {check.service}",
            service=check.service,
            services=(check.service,),
            because=(Evidence(kind="command", detail=" ".join(check.command)),),
        )
        for check in checks
    )
    return finished(Plan("verify", world.model.project, steps), world.model)
