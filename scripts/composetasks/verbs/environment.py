"""The check of ``.env`` and the process environment that stands before every start."""

from __future__ import annotations

from composetasks.facts import ExitCode
from composetasks.run.failure import TaskFailure
from composetasks.verbs.session import Session


def check_environment(session: Session) -> None:
    """Raise TaskFailure, code 6, naming every fatal problem at once. Names that nothing knows are
    among the plan's warnings; `inv env --check` tells all others."""
    from composetasks.plan.env.check import correction, fatal, lines, problems

    faults = problems(session.environment)
    wrong = fatal(faults)
    if wrong:
        raise TaskFailure(
            f"the environment is invalid: {len(wrong)} thing{'s' * (len(wrong) > 1)} to correct",
            code=ExitCode.INVALID,
            detail="\n".join(lines(wrong)),
            hint="; ".join(filter(None, ["correct these", correction(session.environment)])),
        )
    session.warnings += lines(one for one in faults if one.unknown)
