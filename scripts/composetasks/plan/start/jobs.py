"""Jobs: which containers completed their work, and when that work is due again.

A job is done if others wait for its completion, or if its own start saw it exit on its own; exit
code 0 alone, which a stopped worker has too, is not enough. The work is due again if a dependency
was created or started since, or if a mount changed; Compose runs it at every start.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from composetasks.facts import Container, Evidence, Model, Service, World
from composetasks.facts.jobs import Ended, rests_on

UNKNOWN = "what it mounted at its last run is not recorded"


def looks_like_job(model: Model, service: Service) -> bool:
    """Whether a service, by its model, need not stay up: others wait for its completion, or it has
    no health check, no ports and no restart policy."""
    return model.awaits_end_of(service.name) or (
        not service.has_healthcheck
        and not service.ports
        and not service.config.get("expose")
        and service.restart in ("no", "")
    )


def ended(world: World, container: Container) -> Ended | None:
    """How the last run of a container ended, None if its start did not see that."""
    end, run = world.ended.get(container.id), world.runs.get(container.id)
    return end if end and run and end.started == run.started else None


def is_done(world: World, service: Service, container: Container) -> bool:
    """Whether a container belongs to a job and completed its work."""
    if container.state != "exited" or container.exit_code != 0:
        return False
    end = ended(world, container)
    return end.by_itself if end else world.model.awaits_end_of(service.name)


def due(
    world: World, service: Service, container: Container, launched: Collection[str]
) -> Iterator[Evidence]:
    """Yield why a job that is done has to run again; ``launched`` are the services that this plan
    creates or starts."""
    end, run = ended(world, container), world.runs.get(container.id)
    since = max(run.finished if run else "", end.until if end else "")
    for name in rests_on(world.model, service.name):
        if name in launched:
            yield Evidence(kind="dependency", name=name, detail="created or started by this plan")
        elif run and any(started > since for started in _started(world, name)):
            yield Evidence(kind="dependency", name=name, detail="created or started since it ended")
    mounted = world.mounted.get(service.name, {})
    if mounted and end is None:
        yield Evidence(kind="mount", name=_shown(world, *mounted), detail=UNKNOWN)
    elif end is not None:
        for source, digest in mounted.items():
            if end.mounted.get(source) == digest:
                continue
            if source in service.inline:
                yield Evidence(kind="content", name=source)
            else:
                yield Evidence(kind="mount", name=_shown(world, source))


def mounted_at_start(
    service: Service, before: Mapping[str, str], now: Mapping[str, str]
) -> dict[str, str]:
    """The digests of a job's mounts at its start, from those taken ``before`` the start and those
    taken ``now``, after its end. For a source that the job may write to, the later one counts."""
    written = {one.source for one in service.mounts if not one.read_only}
    return {
        source: digest if source in written else before.get(source, digest)
        for source, digest in now.items()
    }


def _started(world: World, name: str) -> Iterator[str]:
    for container in world.replicas(name):
        if container.id in world.runs:
            yield world.runs[container.id].started


def _shown(world: World, *sources: str) -> str:
    """The sources as a compose file names them."""
    home = f"{world.model.directory}/"
    return ", ".join(
        f"./{source.removeprefix(home)}" if source.startswith(home) else source
        for source in sources
    )


def reason(because: tuple[Evidence, ...]) -> str:
    """Why a job runs again, in a sentence."""
    return ", ".join(
        f"{evidence.name}, which it mounts, "
        + ("may have changed" if evidence.detail == UNKNOWN else "has changed")
        if evidence.kind == "mount"
        else f"it depends on {evidence.name}, {evidence.detail}"
        for evidence in because
    )
