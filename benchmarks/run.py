"""The benchmarks: every figure that the project states, each beside its peer in the same run.

    nox -s bench                      all but the long cases
    nox -s bench -- --all             the long ones too
    nox -s bench -- CASE...           only these; the others keep their earlier results
    nox -s bench -- --list
    nox -s bench -- --page            write the page and the picture of the results, no more
    nox -s bench -- --rounds 1 CASE...  try a case: its figures are shown, not kept

The figures of each case are saved in benchmarks/results.json as soon as it has ended, and
benchmarks/RESULTS.md and benchmarks/results.svg are written from them: to continue an interrupted
run, name the remaining cases. The exit code is 1 if a case failed, or if a ratio is more than 25%
worse than in the results.json of the last commit.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
import traceback

from benchmarks import builds, command, far, foreign, images, logs, stack, state, stream, watch
from benchmarks.framework import ROUNDS, Case, say
from benchmarks.results import Results, committed, missed, row, worsened
from benchmarks.scratch import Failed
from composetasks.run.failure import TaskFailure
from tests.engine.registry import RegistryMissing

CASES: tuple[Case, ...] = (
    *command.CASES,
    *builds.CASES,
    *images.CASES,
    *foreign.CASES,
    *far.CASES,
    *logs.CASES,
    *state.CASES,
    *stack.CASES,
    *stream.CASES,
    *watch.CASES,
)

FAILURES = (
    *(Failed, AssertionError, LookupError, OSError, ValueError, RegistryMissing, TaskFailure),
    subprocess.SubprocessError,
)
"""The exceptions of a failed case; the SDK's errors are OSErrors."""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="nox -s bench --",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--all", action="store_true", help="the long cases too")
    parser.add_argument("--list", action="store_true", help="the cases, and the minutes they take")
    parser.add_argument("--page", action="store_true", help="write page and picture, no more")
    parser.add_argument("--rounds", type=int, help="so many at most, and nothing is kept")
    asked = parser.parse_args()
    if asked.list:
        for case in CASES:
            about = "long" if case.long else ""
            print(f"{case.name:14} {case.minutes:3} min  {about:5} {case.title}")
        for about, cases in (("all", CASES), ("short ones", [c for c in CASES if not c.long])):
            print(f"{about:14} {sum(case.minutes for case in cases):3} min")
        return 0
    if asked.page:
        Results.kept().write([case.name for case in CASES])
        return 0
    unknown = set(asked.cases) - {case.name for case in CASES}
    if unknown:
        parser.error(f"no case is called {', '.join(sorted(unknown))}; --list shows them")
    if asked.cases:
        chosen = [case for case in CASES if case.name in asked.cases]
    else:
        chosen = [case for case in CASES if asked.all or not case.long]
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # Cases remove what they created.
    if asked.rounds:
        ROUNDS.most = asked.rounds
    failed = measure(chosen)
    if asked.rounds:
        return 1 if failed else 0
    left_out = [case.name for case in CASES if case not in chosen]
    if left_out:
        say(f"left out: {', '.join(left_out)}")
    worse = worsened(Results.kept(), committed(), [case.name for case in chosen])
    for line in worse:
        say(f"worse than the last commit's: {line}")
    for name in failed:
        say(f"failed: {name}")
    return 1 if failed or worse else 0


def measure(chosen: list[Case]) -> list[str]:
    """Measure the cases one after another and keep the results; return the names of those that
    failed. After a failure, the next cases are measured all the same."""
    failed = []
    for number, case in enumerate(chosen):
        say(f"{case.name} ({number + 1} of {len(chosen)}, about {case.minutes} min): {case.title}")
        began = time.monotonic()
        try:
            figures = list(case.measure())
        except FAILURES:
            traceback.print_exc()
            failed.append(case.name)
            continue
        if ROUNDS.most:
            for figure in figures:
                print(row(figure, ""))
            print(*missed(figures), sep="\n", flush=True)
        else:
            results = Results.kept()
            results.put(case.name, figures)
            results.write([one.name for one in CASES])
        say(f"{case.name} took {time.monotonic() - began:.0f} s")
    return failed


if __name__ == "__main__":
    sys.exit(main())
