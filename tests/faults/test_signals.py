"""Interrupted and terminated runs, by the process table: none of their programs stays."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator

import psutil
import pytest

from tests.engine.stacks import wait_until
from tests.faults.own_engine import OwnEngine
from tests.faults.runs import BOUND_SECONDS, failed, heals, under_way
from tests.faults.test_engine_lost import (
    BUILT,
    MANY,
    SLOW_BUILD,
    WAITED_FOR,
    containers,
    make_ready,
)
from tests.project import Project

MARK = "CT_FAULT_RUN"


@pytest.fixture
def mark(project: Project) -> str:
    """What every process that a run of the project starts has in its environment."""
    project.environment[MARK] = uuid.uuid4().hex
    return project.environment[MARK]


def marked(mark: str) -> list[psutil.Process]:
    """The processes of a run, wherever in the table they are."""
    results = []
    for one in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if one.environ().get(MARK) == mark and one.status() != psutil.STATUS_ZOMBIE:
                results.append(one)
    return results


def program(mark: str, name: str) -> psutil.Process | None:
    """The process of a run that is this program."""
    for one in marked(mark):
        with contextlib.suppress(psutil.Error):
            if name in os.path.basename(one.cmdline()[0]):
                return one
    return None


Moment = Callable[[Project, OwnEngine, str], None]


def building(project: Project, engine: OwnEngine, mark: str) -> None:
    wait_until(lambda: engine.works_on(project.name))
    assert program(mark, "buildx") is not None


def creating(project: Project, engine: OwnEngine, mark: str) -> None:
    wait_until(lambda: program(mark, "docker-compose") is not None and bool(containers(project)))


def waiting(project: Project, engine: OwnEngine, mark: str) -> None:
    wait_until(lambda: bool(containers(project, "--filter", "health=starting")))


STACKS: dict[Moment, str] = {building: BUILT, creating: MANY, waiting: WAITED_FOR}


@pytest.fixture(params=[building, creating, waiting], ids=["building", "creating", "waiting"])
def moment(request: pytest.FixtureRequest, project: Project) -> Moment:
    result: Moment = request.param
    project.compose(STACKS[result])
    if result is building:
        project.write("web/Dockerfile", SLOW_BUILD % project.name)
    return result


@pytest.fixture
def terminal() -> Iterator[None]:
    """As a terminal starts programs: without ignored hang-ups, which `nohup` may have given us."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [
        (signal.SIGINT, 130, "interrupted"),
        (signal.SIGTERM, 143, "terminated"),
        (signal.SIGHUP, 143, "terminated"),
    ],
    ids=["SIGINT", "SIGTERM", "SIGHUP"],
)
@pytest.mark.usefixtures("terminal")
def test_once_it_ends_its_programs_and_says_what_was_done(
    project: Project,
    engine: OwnEngine,
    mark: str,
    moment: Moment,
    number: signal.Signals,
    code: int,
    word: str,
) -> None:
    with under_way(project, "up") as run:
        moment(project, engine, mark)
        run.child.send_signal(number)
    failed(run.ran, code, f"`inv up` was {word}", "done:", "not done:")
    assert marked(mark) == []
    if moment is waiting:
        make_ready(project)
    heals(project)


def test_nohup_outlives_the_terminal(project: Project, engine: OwnEngine, mark: str) -> None:
    project.compose(WAITED_FOR)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with under_way(project, "up") as run:
            waiting(project, engine, mark)
            run.child.send_signal(signal.SIGHUP)
            make_ready(project)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert run.ran.code == 0, run.ran.err


def test_twice_it_ends_at_once(project: Project, engine: OwnEngine, mark: str) -> None:
    """The first one waits for a program that does not end; the second waits for nothing."""
    project.compose(BUILT)
    project.write("web/Dockerfile", SLOW_BUILD % project.name)
    with under_way(project, "up") as run:
        building(project, engine, mark)
        stuck = program(mark, "buildx")
        assert stuck is not None
        stuck.suspend()

        def ended() -> bool:
            run.child.send_signal(signal.SIGINT)
            return run.child.poll() is not None

        wait_until(ended)
    assert run.ran.code == 130
    assert "interrupted a second time; the current operation was cut short" in run.ran.err
    wait_until(lambda: marked(mark) == [])
    heals(project)


@contextlib.contextmanager
def through(project: Project, *argv: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program that runs ``inv``, in a process group as a terminal's job is."""
    child = subprocess.Popen(
        argv,
        cwd=project.folder,
        env={**project.environment, "PATH": f"{os.path.dirname(sys.executable)}:/usr/bin:/bin"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield child
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.communicate()


def test_through_make(project: Project, engine: OwnEngine, mark: str, moment: Moment) -> None:
    project.write("Makefile", "up: ; @inv up\n")
    with through(project, "make", "up") as child:
        moment(project, engine, mark)
        os.killpg(child.pid, signal.SIGINT)
        out, _ = child.communicate(timeout=BOUND_SECONDS)
    assert "Traceback" not in out
    assert "error: `inv up` was interrupted" in out
    # Make ends itself by the signal then, which is 130 to a shell.
    assert child.returncode == -signal.SIGINT
    assert marked(mark) == []


SESSION = """
import nox
@nox.session(venv_backend="none")
def up(session):
    session.run(*{command!r}, external=True{options})
"""


@pytest.mark.parametrize("patient", [True, False], ids=["patient", "as it comes"])
def test_through_nox(
    project: Project, engine: OwnEngine, mark: str, moment: Moment, patient: bool
) -> None:
    """Nox gives its programs 0.3 s to end, and 0.2 s more, where a session says nothing else."""
    options = ", interrupt_timeout=60, terminate_timeout=10" if patient else ""
    command = [sys.executable, "-m", "invoke", "up"]
    project.write("noxfile.py", SESSION.format(command=command, options=options))
    with through(project, sys.executable, "-m", "nox", "-s", "up") as child:
        moment(project, engine, mark)
        os.killpg(child.pid, signal.SIGINT)
        out, _ = child.communicate(timeout=BOUND_SECONDS)
    assert "Traceback" not in out
    assert child.returncode == 130
    if patient:
        assert "error: `inv up` was interrupted" in out
    wait_until(lambda: marked(mark) == [])
    if moment is waiting:
        make_ready(project)
    heals(project)
