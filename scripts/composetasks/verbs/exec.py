"""``exec``: runs a command in a service's running container, at the terminal it was typed at.

Compose runs it (``docker compose exec``). The verb reads only the model and the containers, and
neither plans nor locks: it changes nothing that other tasks work on.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from composetasks.facts import ExitCode, Model
from composetasks.facts.engine import replicas_of
from composetasks.facts.frozen import frozen
from composetasks.facts.program import task
from composetasks.facts.units import whole_number
from composetasks.run import process
from composetasks.run.failure import TaskFailure
from composetasks.verbs.session import Session


@frozen
class ExecOptions:
    """The flags of ``docker compose exec``; "" is Compose's own default."""

    user: str = ""
    workdir: str = ""
    env: tuple[str, ...] = ()
    index: str = ""
    no_tty: bool = False

    def arguments(self) -> Iterator[str]:
        """The arguments for Compose. A terminal is requested only if stdin and stdout are one:
        Compose refuses it for a command whose input is a pipe."""
        if self.no_tty or not (sys.stdin.isatty() and sys.stdout.isatty()):
            yield "-T"
        for flag, value in (("user", self.user), ("workdir", self.workdir), ("index", self.index)):
            if value:
                yield f"--{flag}={value}"
        for variable in self.env:
            yield f"--env={variable}"


def execute(session: Session, name: str, command: Sequence[str], options: ExecOptions) -> int:
    """Run ``command`` in a container of service ``name``; returns its exit code.

    Raises TaskFailure: code 2 if a word is missing or not a service, 1 if no container runs.
    """
    if not name or not command:
        raise TaskFailure(
            f"which command should run in {name}?" if name else "which service, and which command?",
            code=ExitCode.USAGE,
            hint=f"for example {task('exec ' + (name or 'SERVICE') + ' sh')}",
        )
    if options.index and not whole_number(options.index):
        raise TaskFailure(
            f"--index takes the number of a container, not {options.index!r}",
            code=ExitCode.USAGE,
            hint="for example `--index 2`",
        )
    _check_runs(session, session.model([name]), name, int(options.index or 0))
    # Stop watching the engine: the command may take any time.
    session.engine.close()
    compose = session.compose
    argv = compose.argv("exec", *options.arguments(), name, *command)
    return process.hand_over(argv, cwd=compose.folder, env=compose.environment)


def _check_runs(session: Session, model: Model, name: str, number: int) -> None:
    """Raise TaskFailure, code 1, if the service has no running container (with that number)."""
    from composetasks.observe.engine.inventory import read_containers

    containers = replicas_of(read_containers(session.client), model.project, name)
    meant = [one for one in containers if number in (0, one.number)]
    if any(one.state == "running" for one in meant):
        return
    start = f"{task(f'up {name}')} starts it"
    if model.services[name].provided:
        why, start = "a provider creates it", f"run the command where its provider {name} runs"
    elif meant:
        why = ", ".join(f"container {one.name} {one.exited or f'is {one.state}'}" for one in meant)
        start = f"{start}, {task(f'logs {name}')} shows what it printed"
    elif containers:
        why = f"it has no container with number {number}"
        start = f"it has {', '.join(str(one.number) for one in containers)}"
    else:
        why = "it has no container"
    raise TaskFailure(f"service {name} is not running: {why}", hint=start)
