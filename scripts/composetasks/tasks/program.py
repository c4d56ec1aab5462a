"""The program `composetasks`: the tasks in any folder with a compose file, with or without
``tasks.py``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke import Collection, Program, Task
from invoke.exceptions import Exit
from invoke.loader import FilesystemLoader

from composetasks.facts import ExitCode
from composetasks.facts.program import COMPOSETASKS, started_as
from composetasks.run.signals import discard_output
from composetasks.tasks import adapter, collection
from composetasks.tasks.verb_task import verb_task

if TYPE_CHECKING:
    from composetasks.verbs.session import Session


@verb_task(changing=True)
def init(session: Session) -> ExitCode:
    """Write the files a project lacks (tasks.py, CI ...), and show what replaces its scripts."""
    from composetasks.verbs.init import init as verb

    return verb(session)


OWN: tuple[Task[Any], ...] = (init,)
"""The tasks that only this program has; a project with a `tasks.py` no longer needs them."""


class ComposeTasks(Program):
    """Invoke's program with the tasks of the project in the current folder: its own ``tasks.py``,
    or all of this library's tasks if it has none."""

    def parse_collection(self) -> None:
        """Load the project's tasks, and set its folder as the folder of ``tasks.py``."""
        from composetasks.verbs.find_project import find_project

        try:
            stands = Path.cwd()
        except FileNotFoundError:
            raise Exit(
                "error: the current folder was removed\nnext: change to the project's folder",
                code=int(ExitCode.FAILED),
            ) from None
        folder, has_tasks = find_project(stands)
        self.config.set_project_location(str(folder))
        self.config.load_project()
        tasks = self._of_project(folder) if has_tasks else collection()
        tasks.loaded_from = str(folder)
        for task in OWN:
            if task.name not in tasks.task_names:
                tasks.add_task(task)
        self.namespace = tasks
        adapter.write_bytecode()
        super().parse_collection()

    def parse_cleanup(self) -> None:
        """Show the list or the help that was requested."""
        with _until_read_enough():
            super().parse_cleanup()

    def _of_project(self, folder: Path) -> Collection:
        loader = FilesystemLoader(config=self.config, start=str(folder))
        try:
            module, _ = loader.load("tasks")
        except ImportError as error:
            raise Exit(
                f"error: the project's tasks in {folder} can't be imported: {error}\nnext: "
                f"install {COMPOSETASKS} in the environment that has what they import, and run "
                "it from there",
                code=int(ExitCode.FAILED),
            ) from error
        except SyntaxError as error:
            place = f"{error.filename}:{error.lineno}"
            raise Exit(
                f"error: the project's tasks can't be read: {place}: {error.msg}\n"
                "next: correct it, and run it again",
                code=int(ExitCode.FAILED),
            ) from error
        tasks: Collection = Collection.from_module(
            module,
            loaded_from=str(folder),
            auto_dash_names=self.config.tasks.auto_dash_names,
        )
        return tasks

    def print_version(self) -> None:
        """Print the version of this program and of everything it needs, one per line."""
        from composetasks.run.versions import versions

        with _until_read_enough():
            print(*versions(), sep="\n", flush=True)

    def no_tasks_given(self) -> None:
        """Print the list of tasks; Invoke would show its own options first."""
        self.list_tasks()
        raise Exit

    def task_list_opener(self, extra: str = "") -> str:
        """Invoke's own heading for the list of tasks in a ``tasks.py``."""
        return f"Available tasks{f' ({extra})' if extra else ''}"


@contextlib.contextmanager
def _until_read_enough() -> Iterator[None]:
    """Exit quietly if the reader of the output closes it early, as `head` does."""
    try:
        yield
    except BrokenPipeError:
        discard_output()
        raise Exit from None


def main() -> None:
    """The console script."""
    started_as(COMPOSETASKS)
    ComposeTasks(
        namespace=collection(), name=COMPOSETASKS, binary=COMPOSETASKS, binary_names=[COMPOSETASKS]
    ).run()
