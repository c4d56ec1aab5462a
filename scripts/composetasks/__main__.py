"""The console script. What a shell completes is answered without Invoke, where that is possible."""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    """Run the program ``composetasks``."""
    if sys.argv[1:3] != ["--complete", "--"] or not _completed(sys.argv[4:]):
        from composetasks.tasks.program import main as program

        program()


def _completed(tokens: list[str]) -> bool:
    """Print what may follow, where that is kept."""
    from composetasks.run.failure import TaskFailure
    from composetasks.verbs import completion

    try:
        stands = Path.cwd()
    except FileNotFoundError:
        return True  # in a folder that was removed nothing may follow
    try:
        completed = completion.load(stands)
    except (OSError, TaskFailure):
        return False
    if completed is None:
        return False
    print(*completion.candidates(tokens, *completed), sep="\n")
    return True


if __name__ == "__main__":
    main()
