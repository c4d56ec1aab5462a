"""Plans: steps with reasons and evidence, and what blocks them."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, NamedTuple

from composetasks.facts.codes import ExitCode
from composetasks.facts.frozen import frozen
from composetasks.facts.operations import Action, Operation

if TYPE_CHECKING:
    from composetasks.facts.watch import WatchRule


class Consent(str, enum.Enum):
    """What a step needs before it may run: nothing, ``--yes``, or ``--force``."""

    NONE = "none"
    YES = "yes"
    FORCE = "force"


MADE_BY_PLAN = "made by this plan"
"""What evidence names in place of an id that does not exist yet."""


NO_SUBNET = "no-subnet"
"""The cause of a failed start where the engine's address pools are used up."""


@frozen
class Evidence:
    """Why a step is there, as data. Fields that do not belong to ``kind`` stay None and are
    left out of JSON; secret values are masked before they get here."""

    kind: str
    path: str | None = None
    change: str | None = None
    field: str | None = None
    old: str | None = None
    new: str | None = None
    name: str | None = None
    detail: str | None = None


@frozen
class Step:
    """One thing a plan does: ``operation`` to ``target``, which is the engine's name for what it
    acts on (a container's name, an image's tag ...). ``id`` is unique in the plan and says both.
    ``key`` is the id of the very container, network or image meant ("" when there is none yet).
    ``reason`` and ``because`` are for people: nothing is done or left for their sake."""

    operation: Operation
    target: str
    reason: str
    service: str = ""
    services: tuple[str, ...] = ()
    because: tuple[Evidence, ...] = ()
    needs: tuple[str, ...] = ()
    destroys: tuple[str, ...] = ()
    consent: Consent = Consent.NONE
    key: str = ""

    @property
    def action(self) -> Action:
        return self.operation.action

    @property
    def id(self) -> str:
        return f"{self.action.value}:{self.target}"


@frozen
class Blocker:
    """What makes a plan impossible. ``message`` says what and why, ``hint`` what to do;
    ``because`` is what stands in the way, as data."""

    kind: str
    target: str
    message: str
    hint: str
    code: ExitCode
    service: str = ""
    because: tuple[Evidence, ...] = ()


@frozen
class Plan:
    """What a verb will do, in order, and nothing else; ``watch`` are the rules by which it then
    goes on."""

    command: str
    project: str
    steps: tuple[Step, ...] = ()
    unchanged: tuple[str, ...] = ()
    blockers: tuple[Blocker, ...] = ()
    warnings: tuple[str, ...] = ()
    instance: str | None = None
    watch: tuple[WatchRule, ...] = ()


@frozen
class Event:
    """Something that happened while a plan was carried out.

    ``kind`` is step-started, step-done, step-skipped, step-failed, progress, service-state,
    log, warning, result or error. ``step`` is the id of a
    step, ``action`` what that does; ``seconds`` is how long the step or service took.
    """

    kind: str
    time: str
    message: str = ""
    step: str = ""
    service: str = ""
    target: str = ""
    seconds: float | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    action: Action | None = None


class LogLine(NamedTuple):
    """A line that a container's program wrote. A tuple that begins with its time, so that lines
    sort by it; ``time`` is the engine's, with nine digits of a second, ``number`` the replica's.
    Bytes of ``line`` that are no UTF-8 are kept as surrogates."""

    time: str
    service: str
    number: int
    container: str
    stream: str
    line: str
