"""``build``: builds the images whose inputs changed."""

from __future__ import annotations

from collections.abc import Sequence

from composetasks.facts import ExitCode, Scope
from composetasks.run.failure import TaskFailure
from composetasks.run.settings import Limits
from composetasks.verbs.carry_through import carry_to_end
from composetasks.verbs.session import Session


def build(
    session: Session,
    services: Sequence[str],
    *,
    no_cache: bool = False,
    pull: bool = False,
    jobs: int | None = None,
    push: bool = False,
) -> ExitCode:
    """Build the changed images of the services, or of all; containers are not changed. With
    ``push``, also push images that the shared registry lacks."""
    from composetasks.plan.images.decisions import plan_build

    registry = session.settings.registry
    if push and not registry:
        raise TaskFailure(
            "there is no registry to push to",
            code=ExitCode.USAGE,
            hint="name one in stack.registry or INVOKE_STACK_REGISTRY, as host/path",
        )
    with session.changing():
        scope = Scope(registry=registry, push=push, rebuild=no_cache or pull)
        world = session.observe(services, scope)
        plan = plan_build(world, services, no_cache=no_cache, pull=pull, push=push)
        limits = Limits(jobs=jobs or session.settings.jobs)
        return carry_to_end(session, plan, world, "every image is up to date", limits)
