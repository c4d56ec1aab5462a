"""What the steps about state say where they fail."""

from __future__ import annotations

import errno

from composetasks.apply.state.helper import HelperFailed
from composetasks.run.failure import TaskFailure


def failure(what: str, error: HelperFailed) -> TaskFailure:
    """The failure for what the helper could not do."""
    hint = "the state is what it was before"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        hint += "; make room where the engine keeps it, and run the task again"
    return TaskFailure(f"{what}: {error.why}", detail=error.path, hint=hint)
