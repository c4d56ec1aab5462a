"""``verify``: runs the stack's own end-to-end checks."""

from __future__ import annotations

from composetasks.facts import Action, Evidence, ExitCode, Plan, Step
from composetasks.run.failure import TaskFailure
from composetasks.verbs.session import Session


def verify(session: Session) -> ExitCode:
    """Run every check that ``stack.checks`` declares, each in its service's container."""
    from composetasks.plan.start import finished

    if not session.settings.checks:
        raise TaskFailure(
            "the settings declare no check",
            hint="add stack.checks to the settings: [{name, service, command}]",
        )
    with session.changing():
        world = session.observe([check.service for check in session.settings.checks], inputs=False)
        steps = tuple(
            Step(
                action=Action.RUN_CHECK,
                target=check.name,
                reason=f"the settings declare it, run in {check.service}",
                service=check.service,
                services=(check.service,),
                because=(Evidence(kind="command", detail=" ".join(check.command)),),
            )
            for check in session.settings.checks
        )
        plan = finished(Plan("verify", world.model.project, steps), world.model)
        ended = session.carry_through(plan, world, checks=session.settings.checks)
        if ended is not None:
            return ended
        session.report_done(plan, "every check passed")
    return ExitCode.OK
