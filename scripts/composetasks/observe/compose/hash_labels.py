"""What Compose's label of a container stands for, where ``config --hash`` says something else.

Compose fills in a model as it makes a container (``use_api_socket``, ``models``, what a provider
says), and labels it with the hash of that. So it is remembered which label was made from which
model; of one that is not known, Compose itself is asked whether it would recreate the container.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from composetasks.facts import Container, Engine, Model
from composetasks.run.compose import Compose
from composetasks.run.process import ProgramError
from composetasks.store import container_configs, memory

DRY = ("--dry-run", "--ansi=never", "--progress=plain")
ANSWER_SECONDS = 20.0
RECREATED = re.compile(r"Container (\S+)\s+Recreate\b")


def with_asked_hashes(model: Model, engine: Engine, compose: Compose, cache: Path) -> Engine:
    """``engine`` with this project's containers bearing the hash that was asked for when they were
    made, in the place of the label's."""
    others = list(_others(model, engine.containers))
    if not others:
        return engine
    known = _known(cache)
    recorded = container_configs.load(cache, (one.config_hash for one in others))
    unknown = [one for one in others if one.config_hash not in {*known, *recorded}]
    if unknown:
        known = learn(model, _unchanged(model, unknown, compose), cache)
    return replace(
        engine,
        containers=tuple(
            replace(one, asked_hash=known.get(one.config_hash, ""))
            if one.project == model.project
            else one
            for one in engine.containers
        ),
    )


def learn(model: Model, containers: Iterable[Container], cache: Path) -> dict[str, str]:
    """Remember that ``containers`` were made from the model as it is; what is known then, by
    label."""
    found = {one.config_hash: model.services[one.service] for one in _others(model, containers)}
    known = _known(cache)
    if found:
        known |= {label: service.config_hash for label, service in found.items()}
        memory.keep(_place(cache), known)
        for service in found.values():
            container_configs.save(cache, service.config_hash, service.config)
    return known


def _others(model: Model, containers: Iterable[Container]) -> Iterator[Container]:
    """The containers whose label is not the hash that their service has now."""
    for one in containers:
        ours = one.project == model.project and one.replica and one.service in model.services
        if ours and one.config_hash != model.services[one.service].config_hash:
            yield one


def _unchanged(
    model: Model, containers: Iterable[Container], compose: Compose
) -> Iterator[Container]:
    """Those that Compose would not recreate. Providers, which it runs even to tell that, are not
    asked about, nor what cannot be started."""
    asked = [
        one
        for one in containers
        if one.service not in model.faults and not model.providers_of(one.service)
    ]
    if not asked:
        return
    # Not started, not even dry: a dry run waits for ever for the end of a hook (5.6.1).
    options = ("--no-start", "--no-build", "--no-deps", "--pull=never", "--remove-orphans=false")
    services = sorted({one.service for one in asked})
    try:
        done = compose.run(*DRY, "up", *options, *services, timeout=ANSWER_SECONDS)
    except ProgramError:
        return
    # With COMPOSE_STATUS_STDOUT what becomes of each container is on the other stream.
    recreated = set(RECREATED.findall(done.stdout + done.stderr))
    yield from (one for one in asked if one.name not in recreated)


def _known(cache: Path) -> dict[str, str]:
    return memory.recall(_place(cache), memory.as_texts) or {}


def _place(cache: Path) -> Path:
    return cache / "labels.json"
