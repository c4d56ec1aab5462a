"""Writing the picture that ``--svg`` of ``timeline``, ``layers`` and ``graph`` names."""

from __future__ import annotations

from pathlib import Path

from composetasks.facts import ExitCode
from composetasks.run.external_failures import FULL
from composetasks.run.failure import TaskFailure


def write_picture(place: Path, text: str) -> None:
    """Write the picture. Raises TaskFailure if the file can't be written; a full disk is told as
    everywhere."""
    try:
        place.write_text(text, "utf-8")
    except OSError as error:
        if error.errno in FULL:
            raise
        raise TaskFailure(
            f"the picture can't be written to {place}: {error.strerror}",
            code=ExitCode.USAGE,
            hint="name a file in a folder that exists and is writable",
        ) from error
