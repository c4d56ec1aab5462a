"""The cost of the commands themselves: the list of tasks, an empty start room by room, digests of
many files, memory, and the `make` alias."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from statistics import median

from benchmarks.breakdown import by_room
from benchmarks.framework import PART, ROOT, ROUNDS, Case, Figure, Target, in_turns, seconds
from benchmarks.scratch import GIT, Scratch, peak_memory, run, scratch
from tests.engine import busybox

FILES = 100_000
PER_FOLDER = 100
PLAIN = "from invoke import task\n\n\n@task\ndef hello(c):\n    'Say it.'\n    print('hello')\n"
"""A tasks.py that uses only Invoke."""
IDLE = {
    "image": busybox.TAG,
    "command": ["tail", "-f", "/dev/null"],
    "init": True,
    "stop_grace_period": "0s",
}
RUNS = 15
"""Each of these runs takes a tenth of a second."""


def task_list() -> Iterator[Figure]:
    with scratch("list") as ours, scratch("plain") as plain:
        ours.write({"app": IDLE})
        plain.file("tasks.py", PLAIN)
        took = in_turns(
            {
                "inv": lambda _: ours.timed_inv("--list"),
                "plain": lambda _: plain.timed_inv("--list"),
            },
            RUNS,
        )
        figure = Figure(
            "`inv --list`",
            "`inv --list` of one plain Invoke task",
            took["inv"],
            took["plain"],
            Target(1, 0.08),
        )
        yield figure.explained(lambda: by_room(ours, "--list"))


def idle(project: Scratch) -> None:
    """Write six services without a build, and start them."""
    project.write({f"s{number}": IDLE for number in range(6)})
    project.inv("up")
    project.inv("up")


def empty_up() -> Iterator[Figure]:
    with scratch("empty") as ours:
        idle(ours)
        floor = (sys.executable, str(ROOT / "benchmarks" / "floor.py"))

        def ask(_: int) -> float:
            return seconds(lambda: run(*floor, environment=ours.environment))

        took = in_turns(
            {
                "inv": lambda _: ours.timed_inv("up"),
                "floor": ask,
                "compose": lambda _: ours.timed_compose("up", "-d"),
            },
            RUNS,
        )
        name = "empty `inv up`, 6 services"
        yield Figure(
            name, "interpreter + Invoke + one engine round trip", took["inv"], took["floor"]
        )
        yield Figure(name, "`docker compose up -d`", took["inv"], took["compose"])
        yield from rooms(ours)
        peak = in_turns(
            {
                "inv": lambda _: peak_memory(*INV, "up", folder=ours.folder),
                "compose": lambda _: peak_memory(*COMPOSE, "up", "-d", folder=ours.folder),
            },
            3,
        )
    yield Figure(
        "peak memory of an empty `inv up`",
        "`docker compose up -d`",
        peak["inv"],
        peak["compose"],
        unit="B",
    )


INV = (sys.executable, "-m", "invoke")
COMPOSE = ("docker", "compose")


def rooms(project: Scratch) -> Iterator[Figure]:
    """The time of an empty `inv up` by room."""
    took: dict[str, list[float]] = {}
    for _ in range(ROUNDS.of(RUNS)):
        for room, spent in by_room(project, "up").items():
            took.setdefault(room, []).append(spent)
    for room, seconds_ in sorted(took.items(), key=lambda item: -median(item[1])):
        yield Figure(f"{PART}{room}", "", tuple(seconds_))


def digests() -> Iterator[Figure]:
    with scratch("digest") as ours:
        folder, memory = ours.folder / "tree", ours.folder / "memory"
        for number in range(FILES):
            place = folder / "src" / f"d{number // PER_FOLDER}"
            if number % PER_FOLDER == 0:
                place.mkdir(parents=True)
            (place / f"f{number}.txt").write_text(f"file number {number}\n" * 20)
        git = (*GIT, "-C", str(folder))
        run(*git, "init", "-q")
        run(*git, "add", ".")
        run(*git, "commit", "-qm", "all of it")
        program = (sys.executable, str(ROOT / "benchmarks" / "digest.py"))
        digest = (*program, str(folder), str(memory))
        status = (*git, "status", "--porcelain")

        def measured(argv: tuple[str, ...]) -> float:
            return seconds(lambda: run(*argv, environment=ours.environment))

        def forget() -> None:
            for kept in (memory, *memory.parent.glob("marks-*")):
                kept.unlink(missing_ok=True)
            # An index without the files' times and inodes makes git read every file again.
            (folder / ".git" / "index").unlink()
            run(*git, "read-tree", "HEAD")

        def cold(argv: tuple[str, ...]) -> float:
            forget()
            return measured(argv)

        yield from digested("cold", cold, digest, status)
        measured(digest)  # Restores what was forgotten for git's last run.
        yield from digested("warm", measured, digest, status)
        peak = in_turns(
            {
                "digest": lambda _: peak_memory(*digest, folder=ours.folder),
                "git": lambda _: peak_memory(*status, folder=ours.folder),
            },
            3,
        )
    yield Figure(
        f"peak memory of digesting {FILES:,} files, warm",
        "`git status`",
        peak["digest"],
        peak["git"],
        unit="B",
    )


def digested(
    word: str,
    measured: Callable[[tuple[str, ...]], float],
    digest: tuple[str, ...],
    status: tuple[str, ...],
) -> Iterator[Figure]:
    took = in_turns({"digest": lambda _: measured(digest), "git": lambda _: measured(status)})
    yield Figure(f"digesting {FILES:,} files, {word}", "`git status`", took["digest"], took["git"])


def alias() -> Iterator[Figure]:
    """`make up` in a copy of the files it needs, with this environment."""
    with scratch("make") as ours:
        for path in ("Makefile", "scripts/bootstrap", "requirements"):
            source, target = ROOT / path, ours.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target)
            else:
                shutil.copy(source, target)
        (ours.folder / ".venv").symlink_to(sys.prefix)
        ours.file(".env", "")
        ours.file(".composetasks/ready", "")
        idle(ours)
        inv = str(ours.folder / ".venv" / "bin" / "inv")

        def timed(*argv: str) -> float:
            return seconds(lambda: run(*argv, folder=ours.folder, environment=ours.environment))

        took = in_turns(
            {"make": lambda _: timed("make", "up"), "inv": lambda _: timed(inv, "up")}, RUNS
        )
    yield Figure("second `make up`", "`inv up`", took["make"], took["inv"], Target(1, 0.05))


CASES = (
    Case("list", "the list of tasks", 1, task_list),
    Case("empty-up", "an empty start, room by room", 1, empty_up),
    Case("digest", "digests of 100,000 files, cold and warm", 2, digests),
    Case("make", "`make up` when nothing is to be done", 1, alias),
)
