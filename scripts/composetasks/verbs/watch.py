"""``watch``: brings the services up, then applies each edit to them, until it is interrupted."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from composetasks.apply.tools import service_event
from composetasks.facts import (
    BuildImage,
    Edit,
    ExitCode,
    Model,
    PullImage,
    Rebuild,
    Restart,
    RetagImage,
    RunHook,
    Scope,
    Sync,
    WatchAction,
    WatchOperation,
)
from composetasks.facts.program import task
from composetasks.plan.watch.batch import (
    after_initial,
    described,
    initially,
    operations,
    rebuilt_alone,
)
from composetasks.plan.watch.rules import Rules, watch_rules
from composetasks.run.external_failures import as_failure, engine_lost, engine_silent
from composetasks.run.failure import TaskFailure
from composetasks.run.settings import Limits
from composetasks.run.signals import Terminated, exit_code, ignore_signals
from composetasks.store import folder
from composetasks.verbs.carry_through import carry_through
from composetasks.verbs.environment import check_environment
from composetasks.verbs.services import service_documents
from composetasks.verbs.session import Session
from composetasks.verbs.state import recover_state

if TYPE_CHECKING:
    from composetasks.observe.watch.changes import Changes
    from composetasks.observe.watch.edits import WatchedRules

ANOTHER_RUN_SECONDS = 86_400.0
"""How long an edit waits for another run to end; the wait is announced."""


def watch(session: Session, services: Sequence[str], *, timeout: float | None = None) -> ExitCode:
    """Bring the services, or all, up, and watch the paths of their rules. A failure while an edit
    is applied is reported and the watch continues; the services keep running after its end."""
    from composetasks.observe.watch.changes import Changes

    limits = Limits(timeout=timeout, jobs=session.settings.jobs)
    model = session.model(services)
    rules = watch_rules(model, services)
    if session.options.plan or rules.blockers:
        return _start(session, services, rules, limits) or ExitCode.OK
    failed: dict[str, tuple[str, ...]] = {}
    # Edits during the start, or during any other work, are handled afterwards.
    with Changes(_paths(model, rules, failed), model.directory) as changes:
        _start(session, services, rules, limits)
        while True:
            paths = _paths(model, rules, failed)
            try:
                moved = _follow(session, model, rules, limits, changes, failed)
            except _WatchEnded as end:
                ignore_signals()
                session.reporter.interrupted(session.verb, end.code)
                return end.code
            model, rules = _reread(session, services, (model, rules))
            if moved or _paths(model, rules, failed) != paths:
                changes.move(_paths(model, rules, failed))


class _WatchEnded(Exception):
    """The watch was ended while it was idle."""

    def __init__(self, code: ExitCode) -> None:
        self.code = code


def _paths(model: Model, rules: Rules, failed: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The paths to watch; the rules may change with an edit of a compose file. Dockerfiles are
    always watched, since they may have to be corrected, and so is what ``failed`` rebuilds
    lacked."""
    from composetasks.observe.watch.edits import dockerfiles

    rebuilt = [rule.service for rule in rules.rules if rule.action is WatchAction.REBUILD]
    recipes = [path for service in rebuilt for path in dockerfiles(model, service)]
    lacked = [path for paths in failed.values() for path in paths]
    return (*(rule.path for rule in rules.rules), *recipes, *map(str, model.files), *lacked)


def _start(
    session: Session, services: Sequence[str], rules: Rules, limits: Limits
) -> ExitCode | None:
    """Start the services as ``up`` does, before the watch; edits will then wait for other runs to
    end. Returns the exit code if the run ends with the plan."""
    from composetasks.plan.start.start import StartOptions, plan_start

    with session.changing():
        check_environment(session)
        recover_state(session)
        world = session.observe(services, Scope(registry=session.settings.registry, starting=True))
        plan = plan_start(world, services, StartOptions(force=session.options.force))
        plan = replace(
            plan,
            command=session.verb,
            watch=rules.rules,
            blockers=(*rules.blockers, *plan.blockers),
            warnings=(*plan.warnings, *rules.warnings),
        )
        ended = carry_through(session, plan, world, limits)
        if ended is not None:
            return ended
        session.reporter.close()
        names = world.model.with_dependencies(services)
        documents = service_documents(session, world.model)
        mine = [
            {**document, "seconds": session.seconds.get(document["name"])}
            for document in documents
            if document["name"] in names
        ]
        session.reporter.started(f"{world.model.project} is up", mine)
    wait_lock = max(session.options.wait_lock, ANOTHER_RUN_SECONDS)
    session.options = replace(session.options, wait_lock=wait_lock)
    return None


def _follow(
    session: Session,
    model: Model,
    rules: Rules,
    limits: Limits,
    changes: Changes,
    failed: dict[str, tuple[str, ...]],
) -> bool:
    """Apply edits until the rules have to be read again. Returns whether a watched folder was
    created or removed, so that it has to be watched again. ``failed`` is kept up to date with the
    services whose last rebuild failed, and the paths that it lacked."""
    from composetasks.observe.watch.edits import WatchedRules

    watched, files = WatchedRules(model, rules.rules, failed), {*map(str, model.files)}
    session.reporter.watching(rules.rules, folder.now())

    def await_lacking() -> None:
        changes.move(_paths(model, rules, failed))
        # Nothing reports what was created between the failed build and now.
        lacked = [path for paths in failed.values() for path in paths]
        if created := {path: True for path in lacked if os.path.lexists(path)}:
            changes.report(created)

    does = _Effects(session, limits, watched, failed, await_lacking)
    does.initial({rule.service for rule in rules.rules if rule.initial_sync})
    batches = iter(changes)
    while True:
        batch = _next(batches)
        does.batch(batch)
        if edited := sorted(files.intersection(batch)):
            names = ", ".join(os.path.relpath(path, model.directory) for path in edited)
            message = f"{names} was modified: {task('up')} applies it to the services"
            session.reporter.happened(service_event("warning", "", message))
        outdated = watched.outdated(batch)
        if edited or outdated:
            return outdated


def _next(batches: Iterator[Mapping[str, bool]]) -> Mapping[str, bool]:
    try:
        return next(batches)
    except (KeyboardInterrupt, Terminated) as end:
        raise _WatchEnded(exit_code(end)) from end


def _reread(
    session: Session, services: Sequence[str], before: tuple[Model, Rules]
) -> tuple[Model, Rules]:
    """The current model and rules; the previous ones if they can't be read now."""
    try:
        model = session.model(services)
        rules = watch_rules(model, services)
        for blocker in rules.blockers:
            raise TaskFailure(blocker.message, code=blocker.code, hint=blocker.hint)
    except TaskFailure as failure:
        session.reporter.went_wrong(failure)
        return before
    return model, rules


class _Effects:
    """Applies edits."""

    def __init__(
        self,
        session: Session,
        limits: Limits,
        watched: WatchedRules,
        failed: dict[str, tuple[str, ...]],
        await_lacking: Callable[[], None],
    ) -> None:
        """``await_lacking`` is called if a rebuild lacked paths; from then on they are watched."""
        self._session, self._limits, self._watched = session, limits, watched
        self._failed, self._await_lacking = failed, await_lacking
        self._recreated: Collection[str] = ()

    def batch(self, batch: Mapping[str, bool]) -> None:
        """Apply a batch, one operation after another; an operation that fails ends the batch."""
        self._recreated = ()
        for operation in operations(self._watched.edits(batch)):
            if not self._did(operation):
                return

    def initial(self, names: Collection[str]) -> None:
        """Copy the files of the initial syncs of services."""
        self._recreated = names
        for operation in operations(self._watched.initial(names)):
            if isinstance(operation, Sync):
                self._did(replace(operation, initial=True))

    def _did(self, operation: WatchOperation) -> bool:
        """Carry out one operation; return whether it succeeded."""
        try:
            self._do(operation)
        except TaskFailure as failure:
            self._session.reporter.went_wrong(failure)
            return False
        except engine_silent():
            raise
        except engine_lost() as error:
            external = as_failure(error)
            if external is None:
                raise
            self._session.reporter.went_wrong(external)
            return False
        return True

    def _do(self, operation: WatchOperation) -> None:
        from composetasks.apply.watch import sync

        client, project = self._session.client, self._watched.model.project
        match operation:
            case Rebuild():
                self._failed.update(dict.fromkeys(operation.services, ()))
                try:
                    self._rebuild(operation)
                except TaskFailure:
                    if any(map(self._failed.get, operation.services)):
                        self._await_lacking()
                    raise
                for name in operation.services:
                    del self._failed[name]
            case Restart():
                self._restart(operation)
            case Sync(service=service):
                if service in self._recreated and not operation.initial:
                    operation = after_initial(operation)
                    if not operation.edits:
                        return
                what = initially(operation.edits) if operation.initial else ""
                began = self._tell("sync", (service,), operation.edits, what)
                done = sync.sync(client, project, operation)
                self._tell_done("sync", service, done, began)
            case RunHook(service=service, hook=hook):
                began = self._tell("exec", (service,), operation.edits)
                for line in sync.run_hook(client, project, service, hook):
                    self._session.reporter.happened(service_event("log", service, line))
                self._tell_done("exec", service, "the command exited with code 0", began)

    def _rebuild(self, operation: Rebuild) -> None:
        """Build and recreate by the plan of a start, if an edit changes an image."""
        from composetasks.plan.start.start import StartOptions, plan_start

        session = self._session
        with session.changing():
            registry = session.settings.registry
            world = session.observe(operation.services, Scope(registry=registry, starting=True))
            for name in operation.services:
                self._failed[name] = world.inputs[name].absent if name in world.inputs else ()
            world, names = rebuilt_alone(world, operation.services)
            plan = plan_start(world, names, StartOptions(force=session.options.force))
            making = (BuildImage, RetagImage, PullImage)
            built = [step for step in plan.steps if isinstance(step.operation, making)]
            if not built and not plan.blockers:
                self._tell("none", operation.services, operation.edits)
                return
            began = self._tell("rebuild", operation.services, operation.edits)
            carry_through(session, replace(plan, command=session.verb), world, self._limits)
            session.reporter.close()
        recreated = dict.fromkeys(step.service for step in plan.steps)
        self._tell_done("rebuild", ", ".join(operation.services), "up", began)
        self.initial(recreated)

    def _restart(self, operation: Restart) -> None:
        from composetasks.plan.start.restart import plan_restart, restarted_alone

        session = self._session
        with session.changing():
            world = session.observe(operation.services, Scope(inputs=False))
            plan = plan_restart(world, operation.services)
            began = self._tell("restart", operation.services, operation.edits)
            world = restarted_alone(world, plan)
            carry_through(session, replace(plan, command=session.verb), world, self._limits)
            session.reporter.close()
        self._tell_done("restart", ", ".join(operation.services), "up", began)

    def _tell(
        self, action: str, services: Sequence[str], edits: Sequence[Edit], what: str = ""
    ) -> float:
        names = ", ".join(services)
        does = {
            "none": f"no image of {names} changes: nothing to do",
            "exec": f"its command runs in {names}",
        }.get(action, f"{action} {names}")
        files = [edit.document for edit in edits]
        message = f"{what or described(edits)}: {does}"
        data = {"action": action, "services": list(services), "files": files}
        self._session.reporter.happened(service_event("files-changed", "", message, data=data))
        return time.monotonic()

    def _tell_done(self, action: str, service: str, message: str, began: float) -> None:
        seconds = time.monotonic() - began
        data = {"action": action}
        done = service_event("watch-done", service, message, seconds=seconds, data=data)
        self._session.reporter.happened(done)
