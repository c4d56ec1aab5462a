"""The console script. It answers shell completion from a cache entry, without Invoke, if it can."""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    """Run the program ``composetasks``."""
    if sys.argv[1:3] != ["--complete", "--"] or not _completed(sys.argv[4:]):
        from composetasks.tasks.program import main as program

        program()


def _completed(tokens: list[str]) -> bool:
    """Print the completions if a cache entry holds them; return whether nothing more is needed."""
    from composetasks.run.failure import TaskFailure
    from composetasks.verbs import completion

    try:
        stands = Path.cwd()
    except FileNotFoundError:
        return True  # a removed folder has no completions
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
