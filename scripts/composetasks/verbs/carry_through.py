"""Carries a plan through: show it, ask for consent, apply it, report; the same for every changing
verb. The plan decides what is done, and :mod:`composetasks.apply.carry_out` does it."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from composetasks.facts import (
    NO_SUBNET,
    Action,
    Consent,
    ContainerStart,
    Event,
    ExitCode,
    Plan,
    World,
)
from composetasks.facts.units import counted
from composetasks.report.documents import result_document
from composetasks.report.text import after
from composetasks.run.external_failures import FULL
from composetasks.run.failure import NotUp, TaskFailure
from composetasks.run.settings import Limits
from composetasks.run.signals import Terminated
from composetasks.verbs import remember
from composetasks.verbs.session import Session

if TYPE_CHECKING:
    from concurrent.futures import Future

    from composetasks.apply.deploy.stack import Stack
    from composetasks.apply.images.bake import Definitions
    from composetasks.apply.tools import Tools
    from composetasks.facts import Link


LONG_SECONDS = 5.0
"""After a start that took longer, its critical path is shown."""


def carry_through(
    session: Session,
    plan: Plan,
    world: World,
    limits: Limits | None = None,
    stack: Stack | None = None,
) -> ExitCode | None:
    """Show the plan, ask for consent, and apply it; ``stack`` is set for services of a swarm.

    Returns the exit code if the run ends with the plan, None if the plan was carried out. Raises
    TaskFailure for blockers, missing consent and failed steps.
    """
    from composetasks.plan.conflicts.conflicts import without_lookalikes
    from composetasks.plan.instances.abandoned import with_ends

    options, reporter = session.options, session.reporter
    plan = without_lookalikes(with_ends(plan, world), world, options.force)
    if options.plan:
        reporter.plan(plan, announced=False)
        if plan.blockers:
            return plan.blockers[0].code
        return ExitCode.CHANGES if plan.steps and options.exit_code else ExitCode.OK
    if plan.steps and not plan.blockers:
        session.project.hide_literals(world.model)
    definitions = _definitions(session, plan)
    if plan.steps or plan.blockers or plan.warnings:
        reporter.plan(plan, announced=True)
    if plan.blockers:
        first = plan.blockers[0]
        raise TaskFailure(
            first.message,
            code=first.code,
            hint=first.hint,
            data={"blockers": [blocker.target for blocker in plan.blockers]},
        )
    if not plan.steps:
        return None
    _consent(session, plan)
    limits = limits or Limits()
    if stack is None:
        session.lock.lease(world.model)
    _apply(session, plan, world, lambda: _tools(session, world, limits, definitions, stack))
    return None


def carry_to_end(
    session: Session,
    plan: Plan,
    world: World,
    sentence: str,
    limits: Limits | None = None,
) -> ExitCode:
    """Call :func:`carry_through` for a verb whose only result is the ``sentence`` that it is
    done."""
    ended = carry_through(session, plan, world, limits)
    if ended is None:
        report_done(session, plan, sentence)
    return ended or ExitCode.OK


def _definitions(session: Session, plan: Plan) -> Future[Definitions] | None:
    """Compose's definitions of the images to build, computed while the plan is shown."""
    built = [step.service for step in plan.steps if step.action is Action.BUILD_IMAGE]
    if not built or plan.blockers:
        return None
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(1)
    try:
        return pool.submit(remember.build_definitions, session, built)
    finally:
        # An interrupt may arrive while the thread starts: at its exit, Python would wait for the
        # thread, and the thread for more work.
        pool.shutdown(wait=False)


def _consent(session: Session, plan: Plan) -> None:
    """Raise TaskFailure, code 4, if a step needs consent that was not given."""
    given = {Consent.NONE}
    if session.options.yes or session.options.force:
        given.add(Consent.YES)
    if session.options.force:
        given.add(Consent.FORCE)
    steps = [step for step in plan.steps if step.consent not in given]
    if not steps:
        return
    flag = "--force" if any(s.consent is Consent.FORCE for s in steps) else "--yes"
    if flag == "--yes" and somebody_is_there():
        question, yes = f"{len(steps)} of these steps need your consent. Continue? [y/N]", "y"
        if any(step.action in (Action.EMPTY_STATE, Action.RESTORE_STATE) for step in steps):
            yes = plan.project
            question = f"This replaces state. Type the project's name ({yes}) to continue:"
        if agreed(question, yes):
            return
    raise TaskFailure(
        "refused: "
        + "; ".join(f"{step.action.value} {step.target} ({step.reason})" for step in steps),
        code=ExitCode.REFUSED,
        hint=f"nothing was changed; give {flag} to consent",
    )


def _apply(session: Session, plan: Plan, world: World, tools: Callable[[], Tools]) -> None:
    from composetasks.store.run_record import RunRecord

    session.run_folder = _run_folder(session)
    session.reporter.record_in(RunRecord(session.run_folder), plan)
    made_now = remember.remember_configurations(session, plan, world)
    starts = any(isinstance(step.operation, ContainerStart) for step in plan.steps)
    if session.engine.remote and starts:
        _sign(session, world)
    from composetasks.apply.carry_out import carry_out

    def tell(event: Event) -> None:
        if event.kind == "service-state" and event.seconds is not None:
            session.seconds[event.service] = event.seconds
        session.reporter.event(event)

    try:
        _tell_each(carry_out(plan, world, tools()), tell)
    except NotUp as failure:
        if failure.cause == NO_SUBNET:
            raise _no_subnet(failure, world) from failure
        raise
    if made_now:
        remember.learn_labels(session, made_now, world.model)


def _tell_each(events: Generator[Event, None, None], tell: Callable[[Event], None]) -> None:
    """Pass each event to ``tell``. An interruption in ``tell`` is thrown into the generator, where
    the current step knows what to end and report."""
    following = partial(next, events)
    with contextlib.suppress(StopIteration):
        while True:
            event = following()
            try:
                tell(event)
                following = partial(next, events)
            except (KeyboardInterrupt, Terminated) as interruption:
                following = partial(events.throw, interruption)


def _run_folder(session: Session) -> Path:
    """Create the run folder. A run that changes only the engine needs no space beside the project:
    if the disk is full, its run folder is created elsewhere."""
    try:
        return session.own_folder.new_run(session.verb)
    except OSError as error:
        full = error.errno in FULL
        other = session.project.folder_elsewhere(session.own_folder.root) if full else None
        if other is None:
            raise
        place = other.new_run(session.verb)
        session.reporter.note(
            f"the disk is full: {session.own_folder.root}; this run is kept in {place}"
        )
        return place


def _sign(session: Session, world: World) -> None:
    from composetasks.apply.engine.maker import sign
    from composetasks.observe.instances.maker import myself

    sign(session.client, world, myself(world.model.directory))


def _tools(
    session: Session,
    world: World,
    limits: Limits,
    definitions: Future[Definitions] | None,
    stack: Stack | None,
) -> Tools:
    from composetasks.apply.tools import Tools

    assert session.run_folder is not None
    return Tools(
        compose=session.compose,
        client=session.client,
        run_folder=session.run_folder,
        cache=session.own_folder.cache,
        limits=limits,
        settings=session.settings,
        definitions=definitions,
        remember_ends=partial(remember.remember_ends, session, world),
        taken_since=partial(_taken_since, session, world),
        stack=stack,
        ports=session.engine.ports(world.model),
    )


def _taken_since(session: Session, world: World, services: Sequence[str]) -> tuple[str, ...]:
    """The processes and containers that took a port of ``services`` since ``world`` was
    observed."""
    from composetasks.observe.world import look_again
    from composetasks.plan.conflicts.ports import taken_since

    return tuple(taken_since(world, look_again(world, session.client), services))


def _no_subnet(failure: TaskFailure, world: World) -> TaskFailure:
    """Add the networks that hold the subnets to the engine's one-line failure."""
    from composetasks.plan.conflicts.networks import pool_report

    return failure.altered(
        detail=pool_report(world),
        hint="composetasks removes no networks of others: free one, then run the task again",
    )


def report_services(
    session: Session,
    services: Sequence[Mapping[str, Any]],
    plan: Plan,
    names: Collection[str],
    sentence: str,
) -> None:
    """Report the end of a start: the services with their URLs, the duration of the steps, and the
    critical path of a long start. The page shows the services in ``names``."""
    timed = [{**one, "seconds": session.seconds.get(one["name"])} for one in services]
    path = _long_path(session)
    critical = {"critical_path": [link.service for link in path]} if path else {}
    session.reporter.result(result_document(plan.command, services=timed, **critical), [])
    took = after(time.monotonic() - session.began, done=bool(plan.steps))
    shown = [one for one in timed if one["name"] in names]
    session.reporter.started(f"{sentence}{took}", shown, path)


def _long_path(session: Session) -> tuple[Link, ...]:
    """The critical path of this run's start, if the start took long."""
    if session.run_folder is None:
        return ()
    from composetasks.observe.start.timeline import read_start
    from composetasks.plan.start.timeline import critical_path

    timeline = read_start(session.run_folder)
    return critical_path(timeline) if timeline and timeline.seconds > LONG_SECONDS else ()


def report_done(session: Session, plan: Plan, sentence: str) -> None:
    """Report the end of a verb that has no other result."""
    did = counted(len(plan.steps), "step") if plan.steps else "nothing to do"
    done = f"{sentence} ({did})"
    session.reporter.result(result_document(plan.command, message=done), [done])


def somebody_is_there() -> bool:
    """Whether stdin and stderr are a terminal, so that a question can be seen and answered."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def agreed(question: str, yes: str = "y") -> bool:
    """Ask a question and return whether the answer is ``yes``; for "y", "yes" is accepted too."""
    print(question, end=" ", file=sys.stderr, flush=True)
    answer = sys.stdin.readline().strip()
    return answer == yes or (yes == "y" and answer.lower() in ("y", "yes"))
