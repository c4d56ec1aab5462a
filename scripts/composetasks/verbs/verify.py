"""``verify``: runs the stack's own end-to-end checks."""

from __future__ import annotations

from composetasks.facts import ExitCode, Scope
from composetasks.run.failure import TaskFailure
from composetasks.verbs.carry_through import carry_to_end
from composetasks.verbs.session import Session


def verify(session: Session) -> ExitCode:
    """Run every check that ``stack.checks`` declares, each in its service's container."""
    from composetasks.plan.start.start import plan_checks

    checks = session.settings.checks
    if not checks:
        raise TaskFailure(
            "the settings declare no checks",
            hint="add stack.checks to the settings: [{name, service, command}]",
        )
    with session.changing():
        world = session.observe([check.service for check in checks], Scope(inputs=False))
        plan = plan_checks(world, checks)
        return carry_to_end(session, plan, world, "every check passed")
