"""An edit of a file under a watch, until its effect is visible: both sides watch at the same time,
each its own copy of a project, and take turns."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.framework import Case, Figure, Target, in_turns
from benchmarks.scratch import Failed, Scratch, scratch
from tests.engine import busybox

LONGEST_SECONDS = 120
LOOK_SECONDS = 0.002
"""How often the effect is checked, which is the only thing that both sides have in common."""


def write(project: Scratch) -> None:
    """Write a service that copies what it was built from, and what is synced into it, to a mounted
    folder, where the effect is visible from outside."""
    for name in ("src/copied", "app/built"):
        project.file(f"{project.name}/{name}", "first")
    (project.folder / "out" / "src").mkdir(parents=True)
    project.file(f"{project.name}/Dockerfile", f"FROM {busybox.TAG}\nCOPY app /app\n")
    rules = [
        {"path": f"./{project.name}/src", "action": "sync", "target": "/out/src"},
        {"path": f"./{project.name}/app", "action": "rebuild"},
    ]
    web = {
        "image": f"{project.name}-web",
        # BuildKit stores a context under its folder's name: each side has its own.
        "build": {"context": f"./{project.name}"},
        "command": ["sh", "-c", "cp /app/built /out/built; exec tail -f /dev/null"],
        "init": True,
        "stop_grace_period": "0s",
        "volumes": ["./out:/out"],
        "develop": {"watch": rules},
    }
    project.write({"web": web})


@contextlib.contextmanager
def watching(project: Scratch, begun: str, *argv: str) -> Iterator[None]:
    """Run a watch during the block."""
    child = subprocess.Popen(
        argv,
        cwd=project.folder,
        env=project.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert child.stdout is not None
    said = []
    try:
        for line in child.stdout:
            said.append(line)
            if begun in line:
                break
        else:
            raise Failed("".join(said))
        drain = subprocess.Popen(["cat"], stdin=child.stdout, stdout=subprocess.DEVNULL)
        yield
    finally:
        child.terminate()
        child.wait()
    drain.wait()


def effect(project: Scratch, edited: str, shown: str, text: str) -> float:
    """The seconds from an edit to its effect."""
    place: Path = project.folder / "out" / shown
    began = time.monotonic()
    project.file(f"{project.name}/{edited}", text)
    while not (place.exists() and place.read_text() == text):
        if time.monotonic() - began > LONGEST_SECONDS:
            raise Failed(f"{project.name}: an edit of {edited} had no effect")
        time.sleep(LOOK_SECONDS)
    return time.monotonic() - began


def edits() -> Iterator[Figure]:
    inv = (sys.executable, "-m", "invoke", "watch")
    compose = ("docker", "compose", "--progress", "plain", "watch")
    with scratch("watch-inv") as ours, scratch("watch-compose") as peer:
        write(ours)
        write(peer)
        with watching(ours, "watching", *inv), watching(peer, "Watch enabled", *compose):
            yield compared("synced", ours, peer, "src/copied", "src/copied", 0.5)
            yield compared("built in", ours, peer, "app/built", "built", 0.8)


def compared(
    how: str, ours: Scratch, peer: Scratch, edited: str, shown: str, factor: float
) -> Figure:
    def run(side: Scratch, number: int) -> float:
        return effect(side, edited, shown, f"{side.name} {number}")

    took = in_turns({"inv": lambda at: run(ours, at), "compose": lambda at: run(peer, at)})
    return Figure(
        f"an edit that is {how}, until it is there",
        "`docker compose watch`",
        took["inv"],
        took["compose"],
        Target(factor),
        reason="Compose is started once more to recreate what was built, and what the image was "
        "made from is looked at before and after the build",
    )


CASES = (Case("watch", "an edit under a watch, until its effect is there", 1, edits),)
