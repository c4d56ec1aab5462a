"""``up``: resolves conflicts, builds changed images, starts containers, and waits for them."""

from __future__ import annotations

from collections.abc import Sequence

from composetasks.facts import ExitCode, Scope
from composetasks.run.settings import Limits
from composetasks.verbs.carry_through import carry_through, report_services
from composetasks.verbs.environment import check_environment
from composetasks.verbs.services import service_documents, unchanged_documents
from composetasks.verbs.session import Session
from composetasks.verbs.state import recover_state


def up(
    session: Session,
    services: Sequence[str],
    *,
    build: bool = True,
    wait: bool = True,
    timeout: float | None = None,
    jobs: int | None = None,
    pull: bool = False,
    rerun: Sequence[str] = (),
) -> ExitCode:
    """Bring the services, or all, up, wait for them, and show their URLs and times."""
    from composetasks.plan.start.start import StartOptions, plan_start

    with session.changing():
        check_environment(session)
        recover_state(session)
        registry = session.settings.registry if build else ""
        scope = Scope(registry=registry, rebuild=pull, starting=True)
        world = session.observe([*services, *rerun], scope)
        options = StartOptions(
            build=build, wait=wait, force=session.options.force, rerun=tuple(rerun), pull=pull
        )
        plan = plan_start(world, services, options)
        ended = carry_through(
            session, plan, world, Limits(wait, timeout, jobs or session.settings.jobs)
        )
        if ended is not None:
            return ended
        model = world.model
        subject = f"{', '.join(services)} of {model.project}" if services else model.project
        sentence = f"{subject} {'are' if len(services) > 1 else 'is'} {'up' if wait else 'started'}"
        documents = (
            service_documents(session, model) if plan.steps else unchanged_documents(session, world)
        )
        names = model.with_dependencies(services)
        report_services(session, documents, plan, names, sentence)
    return ExitCode.OK
