"""Six services built from many files: nothing changed, one file changed, a branch switched and
back."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

from benchmarks.breakdown import by_room
from benchmarks.framework import RUNS, Case, Figure, Target, in_turns, say, seconds
from benchmarks.scratch import GIT, Scratch, run, scratch
from tests.engine import busybox

SERVICES = 6
PER_FOLDER = 100


def fill(folder: Path, files: int) -> None:
    """Write a context of ``files`` small files, all different, and a Dockerfile that copies
    them."""
    for number in range(files):
        place = folder / "src" / f"d{number // PER_FOLDER}"
        if number % PER_FOLDER == 0:
            place.mkdir(parents=True)
        (place / f"f{number}.txt").write_text(f"{folder} {number}\n" * 8)
    (folder / "Dockerfile").write_text(f"FROM {busybox.TAG}\nCOPY src /src\n")


def context(project: Scratch, number: int) -> str:
    """The name of a context's folder. BuildKit stores what it was sent under this name: with the
    same names on both sides, each would make the other send everything again."""
    return f"{project.name}-{number}"


def six(project: Scratch, files: int) -> None:
    """Write a project of six services with ``files`` files each."""
    services = {}
    for number in range(SERVICES):
        fill(project.folder / context(project, number), files)
        services[f"s{number}"] = {
            "image": f"{project.name}-s{number}",
            "build": {"context": context(project, number)},
            "command": ["tail", "-f", "/dev/null"],
            "init": True,
            "stop_grace_period": "0s",
        }
    project.write(services)


@contextlib.contextmanager
def both(word: str, files: int) -> Iterator[tuple[Scratch, Scratch]]:
    """Our copy and the peer's copy of the same project, both up."""
    with scratch(f"{word}-inv") as ours, scratch(f"{word}-compose") as peer:
        six(ours, files)
        six(peer, files)
        say(f"  first builds, {2 * SERVICES} images of {files} files")
        ours.inv("up")
        peer.compose("up", "-d", "--build")
        yield ours, peer


def nothing_changed(files: int, factor: float) -> Iterator[Figure]:
    with both("same", files) as (ours, peer):
        ours.inv("up")  # Fresh files of the first start are read once more: see RACY_NS.
        took = in_turns(
            {
                "inv": lambda _: ours.timed_inv("up"),
                "compose": lambda _: peer.timed_compose("up", "-d", "--build"),
            }
        )
        yield Figure(
            f"nothing changed, 6 services of {files:,} files",
            "`docker compose up -d --build`",
            took["inv"],
            took["compose"],
            Target(factor),
        ).explained(lambda: by_room(ours, "up"))


def one_file() -> Iterator[Figure]:
    def edit(project: Scratch, number: int) -> None:
        path = f"{context(project, 3)}/src/d7/f{PER_FOLDER * 7}.txt"
        project.file(path, f"edit {number} of {project.name}\n")

    with both("edit", 2000) as (ours, peer):

        def inv(number: int) -> float:
            edit(ours, number)
            return ours.timed_inv("up")

        def compose(number: int) -> float:
            edit(peer, number)
            return peer.timed_compose("build", "s3") + peer.timed_compose("up", "-d", "--wait")

        took = in_turns({"inv": inv, "compose": compose})
        edit(ours, RUNS)
        yield Figure(
            "one file changed in one of six services of 2,000 files",
            "`docker compose build SERVICE && docker compose up -d --wait`",
            took["inv"],
            took["compose"],
            Target(1.2),
            note="both wait until it runs; `inv up` finds out which service",
        ).explained(lambda: by_room(ours, "up", deep=True))


def branch() -> Iterator[Figure]:
    def commit(project: Scratch) -> None:
        git = (*GIT, "-C", str(project.folder))
        run(*git, "init", "-q", "-b", "main")
        project.file(".gitignore", ".composetasks/\n__pycache__/\n")
        run(*git, "add", ".")
        run(*git, "commit", "-qm", "main")
        run(*git, "switch", "-qc", "other")
        for number in (1, 4):
            project.file(f"{context(project, number)}/src/d3/f{PER_FOLDER * 3}.txt", "other\n")
        run(*git, "commit", "-qam", "other")

    def switch(project: Scratch, name: str) -> None:
        run("git", "-C", str(project.folder), "switch", "-q", name)

    with both("branch", 2000) as (ours, peer):
        commit(ours)
        commit(peer)
        ours.inv("up")
        peer.compose("up", "-d", "--build")

        def inv(number: int) -> float:
            switch(ours, ("main", "other")[number % 2])
            said: list[str] = []
            took = seconds(lambda: said.append(ours.inv("up", "--json")))
            actions = [step["action"] for step in json.loads(said[0].splitlines()[0])["steps"]]
            if "build-image" in actions or actions.count("retag-image") != 2:
                raise AssertionError(f"a switch back is two retags and no build, not {actions}")
            return took

        def compose(number: int) -> float:
            switch(peer, ("main", "other")[number % 2])
            return peer.timed_compose("up", "-d", "--build", "--wait")

        took = in_turns({"inv": inv, "compose": compose})
        switch(ours, ("main", "other")[RUNS % 2])
        yield Figure(
            "branch switched and back, two of six services differ",
            "`docker compose up -d --build --wait`",
            took["inv"],
            took["compose"],
            Target(0.8),
            note="no build: two images retagged, two containers recreated; both wait for them",
        ).explained(lambda: by_room(ours, "up", deep=True))


CASES = (
    Case("same-2000", "nothing changed", 1, lambda: nothing_changed(2000, 0.35)),
    Case("same-20000", "nothing changed, many files", 5, lambda: nothing_changed(20000, 0.25)),
    Case("one-file", "one file changed", 1, one_file),
    Case("branch", "branch switched and back", 2, branch),
)
