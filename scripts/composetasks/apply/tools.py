"""What carrying a plan out needs in its hands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from composetasks.run.compose import Compose
from composetasks.run.settings import Check

if TYPE_CHECKING:
    from concurrent.futures import Future

    from docker import APIClient

    from composetasks.apply.bake import Definitions

DEFAULT_TIMEOUT = 300.0
"""Seconds a service may take from its start until it is up, unless told otherwise."""


@dataclass(frozen=True)
class Tools:
    """The programs, folders and limits of one run.

    ``timeout`` and ``timeouts`` (by service) are seconds; ``jobs`` is how many images are built
    at once, None to decide by cores and memory; ``digest_now`` looks at a service's build inputs
    once more, and gives their digest; ``definitions`` is what Compose says of the builds, where
    it was asked before; ``taken_since`` says who has come to a port that some services publish
    since the plan was made.
    """

    compose: Compose
    client: APIClient
    run_folder: Path
    cache: Path
    jobs: int | None = None
    timeout: float | None = None
    timeouts: Mapping[str, float] = field(default_factory=dict)
    live: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    wait: bool = True
    no_cache: bool = False
    pull: bool = False
    checks: tuple[Check, ...] = ()
    digest_now: Callable[[str], str] | None = None
    definitions: Future[Definitions] | None = None
    taken_since: Callable[[Sequence[str]], Sequence[str]] | None = None

    @property
    def root(self) -> Path:
        """The library's own folder of the project or instance."""
        return self.run_folder.parents[1]

    def timeout_of(self, service: str) -> float:
        """Seconds ``service`` may take: the run's own limit, the settings', or the default."""
        if self.timeout is not None:
            return self.timeout
        return self.timeouts.get(service, DEFAULT_TIMEOUT)
