"""The common beginning of the verbs about state."""

from __future__ import annotations

from dataclasses import replace

from composetasks.facts import ExitCode, Scope, World
from composetasks.plan.state.names import UnknownState
from composetasks.run.failure import TaskFailure, did_you_mean
from composetasks.verbs.session import Session


def observe_with_state(session: Session) -> World:
    """Observe the world with its state, measured, and its snapshots. An unfinished replacement by a
    killed run is recovered first, unless only the plan is requested."""
    from composetasks.apply.state.measure import measure
    from composetasks.apply.state.replacement import recover

    world = _observe(session)
    if not session.options.plan:
        messages = recover(world, session.client, session.own_folder.root)
        world = replace(world, warnings=(*world.warnings, *([messages] if messages else [])))
    return replace(world, state=measure(world, session.client))


def recover_state(session: Session) -> None:
    """Recover state that a killed run left partly replaced, before services are started on it."""
    from composetasks.store.folder import JOURNAL

    if session.options.plan or not (session.own_folder.root / JOURNAL).exists():
        return
    from composetasks.apply.state.replacement import recover

    messages = recover(_observe(session), session.client, session.own_folder.root)
    if messages:
        session.reporter.note(messages)


def _observe(session: Session) -> World:
    from composetasks.observe.state.places import at_the_engine, observe_state
    from composetasks.store.container_configs import digest_key
    from composetasks.store.snapshot_folder import SNAPSHOTS, load_all

    world = session.observe(scope=Scope(inputs=False, leftovers=True))
    root = session.own_folder.root
    states = observe_state(
        world.model,
        world.engine,
        session.client,
        session.folder,
        session.settings.state,
        root / "state" if session.project.instance else None,
    )
    state = states.state
    if session.engine.remote:
        state = at_the_engine(state, world.model, session.client)
    return replace(
        world,
        state=state,
        unkept=states.unkept,
        snapshots=load_all(root / SNAPSHOTS, digest_key(session.own_folder.cache)),
        warnings=(*world.warnings, *states.warnings),
    )


def unknown_state(error: UnknownState) -> TaskFailure:
    """The failure for a name that is not a piece of state, with the closest names."""
    there = f"there is {', '.join(error.existing)}" if error.existing else "the model has no state"
    return TaskFailure(
        f"no state is called {error.name!r}",
        code=ExitCode.USAGE,
        hint=did_you_mean(error.name, error.existing, there),
    )
