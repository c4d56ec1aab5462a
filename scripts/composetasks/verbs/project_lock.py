"""Lets only one run at a time change the project: by the lock in its folder and, on an engine of
another host, by a lease there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from composetasks.facts import Model, World
from composetasks.store import lock
from composetasks.verbs.connection import EngineConnection
from composetasks.verbs.project import Project


class ProjectLock:
    """``who`` is the holder's name for waiting runs; ``seconds`` is how long to wait for others."""

    def __init__(
        self, project: Project, engine: EngineConnection, who: str, seconds: float
    ) -> None:
        self._project, self._engine, self._who, self._seconds = project, engine, who, seconds
        self._held: contextlib.ExitStack | None = None
        self._leased = False

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the project's lock for the block."""
        folder = self._project.own_folder
        with contextlib.ExitStack() as stack:
            while True:
                with contextlib.suppress(FileNotFoundError):  # the instance was ended meanwhile
                    stack.enter_context(lock.hold(folder.lock, self._who, self._seconds))
                    break
                folder.make()
            if self._project.instance:
                folder.make()
                self._project.copy(folder.root).claim(self._engine)
            self._held, self._leased = stack, False
            try:
                yield
            finally:
                self._held = None

    def lease(self, model: Model) -> None:
        """Take the lease of the project on an engine of another host until the lock is released.
        Raises TaskFailure, code 75, if somebody else holds it."""
        if self._held is None or self._leased or not self._engine.remote:
            return
        from composetasks.apply.engine import lease
        from composetasks.observe.instances.maker import myself

        maker = myself(model.directory)
        held = lease.hold(self._engine.client, model.project, self._who, maker, self._seconds)
        self._held.enter_context(held)
        self._leased = True

    def seen_alone(self, world: World) -> bool:
        """Whether nobody else was changing the project when it was observed; otherwise wait until
        the other run has finished, and return False."""
        from composetasks.apply.engine import lease

        project = world.model.project
        if self._held is None or self._leased:
            return True
        if all(one.name != lease.name(project) for one in world.engine.containers):
            return True
        lease.wait_for_end(self._engine.client, project, self._seconds)
        return False
