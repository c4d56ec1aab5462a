"""Plans: steps with reasons and evidence, and the blockers that stop them.

``plan`` computes them from a world, ``report`` shows them, and ``apply`` carries out the operation
of each step (:mod:`composetasks.facts.operations`).
"""

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
    """The consent that a step needs: none, ``--yes``, or ``--force``."""

    NONE = "none"
    YES = "yes"
    FORCE = "force"


MADE_BY_PLAN = "made by this plan"
"""Evidence has this text in place of an id that does not exist yet."""


NO_SUBNET = "no-subnet"
"""The cause of a failed start if the engine's address pools are exhausted."""


@frozen
class Evidence:
    """The reason for a step, as data. Fields that the ``kind`` does not use are None and left out
    of JSON; secret values are masked before they are stored here."""

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
    """One step of a plan: the ``operation`` and its ``target``, which is the engine's name of the
    object (a container's name, an image's tag ...). ``id`` combines the two and is unique in the
    plan. ``services`` are all services that it concerns, and ``service`` is one of them, the first
    unless given: one of the two is enough. ``key`` is the id of the container, network or image (""
    if it does not exist yet). ``reason`` and ``because`` are for people: the code decides nothing
    by them."""

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

    def __post_init__(self) -> None:
        if self.service and not self.services:
            object.__setattr__(self, "services", (self.service,))
        elif self.services and not self.service:
            object.__setattr__(self, "service", self.services[0])

    @property
    def action(self) -> Action:
        return self.operation.action

    @property
    def id(self) -> str:
        return f"{self.action.value}:{self.target}"


@frozen
class Blocker:
    """A problem that stops a plan. ``message`` says what and why, ``hint`` what to do; ``because``
    is the evidence, as data."""

    kind: str
    target: str
    message: str
    hint: str
    code: ExitCode
    service: str = ""
    because: tuple[Evidence, ...] = ()


@frozen
class Plan:
    """All that a verb will do, in order; ``watch`` are the rules that it then follows."""

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

    ``kind`` is step-started, step-done, step-skipped, step-failed, progress, service-state, log,
    warning, result or error. ``step`` is a step's id, ``action`` the step's action; ``seconds`` is
    how long the step or service took.
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
    """A line that a container's program wrote. The tuple starts with its time, so that lines sort
    by time; ``time`` is the engine's, with nine digits of a second; ``number`` is the replica's.
    Bytes of ``line`` that are not UTF-8 are kept as surrogates."""

    time: str
    service: str
    number: int
    container: str
    stream: str
    line: str
