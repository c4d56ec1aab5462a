"""Runs of `inv` that something happens to, and what has to hold after each."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.project import Project, Ran

BOUND_SECONDS = 90.0
"""By when a run has to have ended, whatever happened to it. Far beyond what any takes on a slow
machine: it tells one that hangs from one that does not."""


@dataclass
class UnderWay:
    """A run under way; :attr:`ran` is there once the block around it has ended."""

    child: subprocess.Popen[str]
    seconds: float = 0.0
    _ran: list[Ran] = field(default_factory=list)

    @property
    def ran(self) -> Ran:
        return self._ran[0]

    def finish(self) -> Ran:
        began = time.monotonic()
        out, err = self.child.communicate(timeout=BOUND_SECONDS)
        self.seconds = time.monotonic() - began
        assert "Traceback" not in err + out, err
        self._ran.append(Ran(self.child.returncode, out, err))
        return self.ran


@contextmanager
def under_way(project: Project, *arguments: str, **environment: str) -> Iterator[UnderWay]:
    """Start ``inv``; it is waited for at the end of the block."""
    child = project.start(*arguments, **environment)
    run = UnderWay(child)
    try:
        yield run
        run.finish()
    finally:
        if child.poll() is None:
            child.kill()
            child.communicate()


def said(ran: Ran) -> list[str]:
    """The lines of the failure on stderr: one ``error:``, its details, one ``next:``."""
    lines = ran.err.splitlines()
    first = max(number for number, line in enumerate(lines) if line.startswith("error: "))
    return lines[first:]


def failed(ran: Ran, code: int, *words: str) -> None:
    """The run ended with this code, and says why and what to do next."""
    assert ran.code == code, f"{ran.code}: {ran.err}"
    told = said(ran)
    assert sum(line.startswith("error: ") for line in told) == 1, ran.err
    assert any(line.startswith("next: ") for line in told), ran.err
    for word in words:
        assert word in "\n".join(told), f"{word!r} is not in {ran.err}"


def heals(project: Project, **environment: str) -> None:
    """The next start ends well, and leaves nothing to do."""
    ran = project.inv("up", **environment)
    assert ran.code == 0, ran.err
    assert project.plan("up", **environment) == []
