"""The check of ``.env`` and the process environment that precedes every start."""

from __future__ import annotations

from composetasks.facts import ExitCode
from composetasks.run.failure import TaskFailure
from composetasks.verbs.session import Session


def check_environment(session: Session) -> None:
    """Raise TaskFailure, code 6, with all fatal problems. Unknown names become warnings of the
    plan; `inv env --check` shows all other problems."""
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
