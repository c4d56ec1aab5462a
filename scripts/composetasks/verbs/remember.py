"""Records what a run did: the configurations of containers, the ends of jobs, and Compose's
definitions of builds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from composetasks.facts import Action, Ended, Model, Plan, World
from composetasks.store import container_configs
from composetasks.verbs.session import Session

if TYPE_CHECKING:
    from composetasks.apply.images.bake import Definitions


def remember_ends(session: Session, world: World, ends: Sequence[tuple[str, Ended]]) -> None:
    """Record how jobs ended, given with their services, and what they had mounted."""
    from composetasks.observe.engine.local import is_here
    from composetasks.observe.start.jobs import mounted_digests
    from composetasks.plan.start.jobs import mounted_at_start
    from composetasks.store import jobs

    if not ends:
        return
    model, cache = world.model, session.own_folder.cache
    local = is_here(session.client.base_url)
    now = mounted_digests(model, dict(ends), cache) if local else world.mounted
    whole = [
        replace(
            end,
            mounted=mounted_at_start(
                model.services[name], world.mounted.get(name, {}), now.get(name, {})
            ),
        )
        for name, end in ends
    ]
    jobs.save(cache, model.project, whole, {one.id for one in world.engine.containers})


def remember_configurations(session: Session, plan: Plan, world: World) -> frozenset[str]:
    """Record the configurations of the containers to be created; return their services."""
    from composetasks.plan.start.differences import comparable

    making = (Action.CREATE_CONTAINER, Action.RECREATE_CONTAINER)
    names = frozenset(step.service for step in plan.steps if step.action in making)
    for name in names:
        service = world.model.services[name]
        container_configs.save(
            session.own_folder.cache, service.config_hash, comparable(service.config)
        )
    return names


def learn_labels(session: Session, services: frozenset[str], model: Model) -> None:
    """Record the labels of the containers of ``services``, which Compose just created."""
    from composetasks.observe.compose.hashes import learn, with_resolved_hashes
    from composetasks.observe.engine.inventory import read_containers

    containers, cache = read_containers(session.client), session.own_folder.cache
    resolved = with_resolved_hashes(model, containers, session.compose, cache)
    learn(resolved, [one for one in containers if one.service in services], cache)


def build_definitions(session: Session, services: Sequence[str]) -> Definitions:
    """Compose's definition of the builds of ``services``; cached, unless it holds a secret."""
    from composetasks.apply.images.bake import definition
    from composetasks.observe.compose.remembered import recall, remember

    compose, cache = session.compose, session.own_folder.cache

    def understood(entry: Mapping[str, Any]) -> Definitions:
        return {name: dict(entry[name]) for name in services}

    question = ["bake", *services]
    definitions = recall(compose, cache, question, understood)
    if definitions is None:
        definitions = definition(compose.argv(), services, compose.folder, compose.environment)
        if container_configs.mask(definitions, container_configs.digest_key(cache)) == definitions:
            remember(compose, cache, question, definitions)
    return definitions
