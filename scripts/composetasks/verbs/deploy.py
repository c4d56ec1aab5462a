"""``deploy``: deploys the stack on Docker Swarm, waits for it, and rolls all of it back on
failure."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace

from composetasks.apply.deploy.stack import Stack
from composetasks.facts import Content, ExitCode, Plan, Revision, Scope, StackFile, Swarm, World
from composetasks.facts.frozen import frozen
from composetasks.run.failure import TaskFailure
from composetasks.run.settings import Limits
from composetasks.verbs.carry_through import carry_through
from composetasks.verbs.environment import check_environment
from composetasks.verbs.session import Session


@frozen
class Target:
    """The target of a deployment: ``raw`` is the stack file with the values of secrets."""

    world: World
    file: StackFile
    raw: StackFile
    contents: Sequence[Content] = ()


def deploy(
    session: Session,
    services: Sequence[str],
    *,
    timeout: float | None = None,
    verify: bool = True,
    rollback: str | bool = False,
    remove: bool = False,
) -> ExitCode:
    """Deploy the model's services, or the named ones, to a swarm, and check that they work;
    ``rollback`` deploys an earlier revision (True: the one before the last), and ``remove`` removes
    the stack."""
    from composetasks.apply.deploy.claim import claimed
    from composetasks.observe.deploy.swarm import nodes_of, observe_swarm
    from composetasks.plan.deploy.deploy import plan_deploy, plan_removal
    from composetasks.store.container_configs import digest_key

    if remove and (services or rollback):
        raise TaskFailure(
            "--remove removes the whole stack",
            code=ExitCode.USAGE,
            hint="omit the services and --rollback",
        )
    settings, options = session.settings.deploy, session.options
    session.project.overrides = settings.files
    with session.changing(), contextlib.ExitStack() as held:
        if not (rollback or remove):
            check_environment(session)
        client = session.engine.swarm_client
        nodes_of(client)
        name = settings.name or session.model(services).project
        if not options.plan:
            held.enter_context(claimed(client, name, options.wait_lock))
        key = digest_key(session.own_folder.cache)
        swarm = observe_swarm(client, name, key, local=not settings.context)
        if remove:
            target = None
            world = session.observe(scope=Scope(inputs=False))
            plan = plan_removal(world, swarm)
        else:
            target = (
                _of_revision(session, swarm, rollback)
                if rollback
                else _of_model(session, swarm, services, key)
            )
            world = target.world
            plan = plan_deploy(
                world,
                swarm,
                target.file,
                names=services,
                contents=target.contents,
                checks=session.settings.checks if verify else (),
                build=not rollback,
            )
        stack = Stack(
            client=client,
            swarm=swarm,
            folder=session.folder,
            environment=session.project.process,
            file=target.raw.file if target else None,
            contents=target.contents if target else (),
            context=settings.context,
            keep=settings.keep,
            seconds=session.settings.timeouts,
            timeout=timeout,
        )
        ended = carry_through(session, plan, replace(world, abandoned=()), Limits(), stack)
        if ended is not None:
            return ended
        _report(session, stack, plan)
    return ExitCode.OK


def _of_model(session: Session, swarm: Swarm, services: Sequence[str], key: bytes) -> Target:
    """The target from the current model; if services are named, the others are as last deployed."""
    from composetasks.observe.deploy.wanted import observe_wanted
    from composetasks.plan.deploy.images import asked_for, references
    from composetasks.plan.deploy.stack_file import stack_file, with_services

    registry, endpoint = session.settings.registry, session.settings.deploy.endpoint
    world = session.observe(services, Scope(registry=registry, push=True))
    wanted = observe_wanted(
        session.compose, world.model, swarm.stack, key, asked_for(world), session.client
    )
    objects = {(one.kind, one.key): one.name for one in wanted.contents}
    images = references(world, swarm, wanted.digests)
    file = stack_file(wanted.config, images.images, objects, endpoint)
    raw = stack_file(wanted.raw, images.images, objects, endpoint)
    file = replace(
        file,
        blockers=(*file.blockers, *images.blockers),
        warnings=(*file.warnings, *images.warnings),
    )
    if services:
        last = swarm.last
        before, raw_before = (last.file.file, last.raw) if last else ({}, {})
        file = replace(file, file=with_services(before, file.file, services))
        raw = replace(raw, file=with_services(raw_before, raw.file, services))
    contents = [one for one in wanted.contents if one.data is not None]
    return Target(world, file, raw, contents)


def _of_revision(session: Session, swarm: Swarm, which: str | bool) -> Target:
    """The target from an earlier revision. Raises TaskFailure, code 2, if it is not kept."""
    revision = _chosen(swarm.revisions, which)
    world = session.observe(scope=Scope(inputs=False))
    return Target(world, revision.file, StackFile(revision.raw))


def _chosen(revisions: Sequence[Revision], number: str | bool) -> Revision:
    if number is True and len(revisions) > 1:
        return revisions[-2]
    for revision in revisions:
        if str(revision.number) == number:
            return revision
    there = "; ".join(f"{one.number} of {one.when} by {one.who}" for one in revisions)
    raise TaskFailure(
        "there is no revision before the last"
        if number is True
        else f"there is no revision {number}",
        code=ExitCode.USAGE,
        hint=f"there are {there}" if there else "the first deployment creates one",
    )


def _report(session: Session, stack: Stack, plan: Plan) -> None:
    """Report the end of a deployment: each service with its tasks, by node."""
    from composetasks.observe.deploy.tasks import observe_tasks
    from composetasks.report.deploy import deployed_document, deployed_lines

    document = deployed_document(observe_tasks(stack.client, stack.name), plan, session.began)
    session.reporter.result(document, deployed_lines(document))
