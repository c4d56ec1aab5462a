"""Writes what init proposes: new files, and lines appended to others. Nothing is overwritten."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from composetasks.facts import Proposal, ProposedFile
from composetasks.run.failure import TaskFailure


def write(folder: Path, files: Iterable[ProposedFile]) -> Iterator[str]:
    """Write files and yield the path of each. Raises TaskFailure for a file that was created or
    changed since it was read, and if the project's folder is not writable."""
    for file in files:
        path = folder / file.path
        try:
            if file.proposal is Proposal.CREATE:
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("x", encoding="utf-8") as stream:
                    stream.write(file.new)
            else:
                _append(path, file)
        except FileExistsError as error:
            raise _changed(file.path) from error
        except OSError as error:
            raise TaskFailure(
                f"{file.path} can't be written: {error.strerror}",
                hint="check who may write to the project's folder, and run the task again",
            ) from error
        yield file.path


def _append(path: Path, file: ProposedFile) -> None:
    with path.open("r+", encoding="utf-8", newline="") as stream:
        if stream.read() != file.old:
            raise _changed(file.path)
        stream.write(file.new.removeprefix(file.old or ""))


def _changed(path: str) -> TaskFailure:
    return TaskFailure(
        f"{path} was changed in the meantime", hint="run the task again to see what is left"
    )
