"""Tables: how containers that cause a conflict or are left over are treated.

The code decides by these tables, and docs/reference/conflicts.md is generated from them.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

from composetasks.facts import Consent
from composetasks.plan.conflicts.origin import ContainerState, Origin


class Treatment(enum.Enum):
    """What is done with a container."""

    REMOVE = "removed; its record, its last log lines and its volumes are kept"
    REMOVE_WITH_YES = "stopped and removed with `--yes`; its record and its volumes are kept"
    REFUSE_UNLESS_FORCED = "refused (exit 9); `--force` stops and removes it, its volumes are kept"
    REFUSE = "refused (exit 9), even with `--force`"
    RENAME = "renamed, and otherwise unchanged"
    AWAIT = "composetasks waits until it is gone"
    SPARE = "left unchanged, with a warning"
    NOTHING = "ignored by this task"


CONSENT = {
    Treatment.REMOVE: Consent.NONE,
    Treatment.REMOVE_WITH_YES: Consent.YES,
    Treatment.REFUSE_UNLESS_FORCED: Consent.FORCE,
    Treatment.RENAME: Consent.NONE,
    Treatment.AWAIT: Consent.NONE,
}


def _row(
    stopped: Treatment, dead: Treatment, alive: Treatment, removing: Treatment
) -> Mapping[ContainerState, Treatment]:
    return {
        ContainerState.STOPPED: stopped,
        ContainerState.DEAD: dead,
        ContainerState.RUNNING: alive,
        ContainerState.PAUSED: alive,
        ContainerState.RESTARTING: alive,
        ContainerState.REMOVING: removing,
    }


_T = Treatment

IN_THE_WAY: Mapping[Origin, Mapping[ContainerState, Treatment]] = {
    Origin.BY_HAND: _row(_T.REMOVE, _T.REMOVE, _T.REFUSE_UNLESS_FORCED, _T.AWAIT),
    Origin.OTHER_PROJECT: _row(_T.REMOVE, _T.REMOVE, _T.REFUSE_UNLESS_FORCED, _T.AWAIT),
    Origin.OTHER_CHECKOUT: _row(_T.REFUSE, _T.REFUSE, _T.REFUSE, _T.AWAIT),
    Origin.GONE_CHECKOUT: _row(_T.REMOVE, _T.REMOVE, _T.REMOVE_WITH_YES, _T.AWAIT),
    Origin.OTHER_FILES: _row(_T.REMOVE, _T.REMOVE, _T.REFUSE_UNLESS_FORCED, _T.AWAIT),
    Origin.ONE_OFF: _row(_T.REMOVE, _T.REMOVE, _T.REFUSE_UNLESS_FORCED, _T.AWAIT),
    Origin.HELPER: _row(_T.REMOVE, _T.REMOVE, _T.REMOVE_WITH_YES, _T.AWAIT),
    Origin.NO_SERVICE: _row(_T.REMOVE, _T.REMOVE, _T.REMOVE_WITH_YES, _T.AWAIT),
    Origin.INACTIVE: _row(_T.REMOVE, _T.REMOVE, _T.REMOVE_WITH_YES, _T.AWAIT),
    Origin.OURS: _row(_T.RENAME, _T.REMOVE, _T.RENAME, _T.AWAIT),
}
"""Containers with a name or port that this start needs, or on a network that it must replace. A
stopped container holds no port. One of our running services that has such a port or network but is
not part of the start is refused instead: starting it too resolves the conflict."""

LEFT_OVER: Mapping[Origin, Mapping[ContainerState, Treatment]] = {
    Origin.BY_HAND: _row(_T.NOTHING, _T.NOTHING, _T.NOTHING, _T.NOTHING),
    Origin.OTHER_PROJECT: _row(_T.NOTHING, _T.NOTHING, _T.NOTHING, _T.NOTHING),
    Origin.OTHER_CHECKOUT: _row(_T.REFUSE, _T.REFUSE, _T.REFUSE, _T.NOTHING),
    Origin.GONE_CHECKOUT: _row(_T.REMOVE, _T.REMOVE, _T.REMOVE_WITH_YES, _T.NOTHING),
    Origin.OTHER_FILES: _row(_T.SPARE, _T.SPARE, _T.SPARE, _T.NOTHING),
    Origin.ONE_OFF: _row(_T.REMOVE, _T.REMOVE, _T.SPARE, _T.NOTHING),
    Origin.HELPER: _row(_T.REMOVE, _T.REMOVE, _T.NOTHING, _T.NOTHING),
    Origin.NO_SERVICE: _row(_T.REMOVE, _T.REMOVE, _T.REMOVE_WITH_YES, _T.NOTHING),
    Origin.INACTIVE: _row(_T.NOTHING, _T.NOTHING, _T.NOTHING, _T.NOTHING),
    Origin.OURS: _row(_T.NOTHING, _T.NOTHING, _T.NOTHING, _T.NOTHING),
}
"""Containers that cause no conflict: `clean-orphans` removes them, `up` only names them."""
