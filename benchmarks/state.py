"""State: snapshot and restore of 1 GiB in 20,000 files beside plain `tar | zstd`, and its reset.

Our time is that of the whole command, from start to end; the peer's is measured inside a container
with the same folder mounted, without the container's start. Takes 6 GiB of disk.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.breakdown import by_room
from benchmarks.disk import own_disk
from benchmarks.framework import Case, Figure, Target, in_turns, say
from benchmarks.scratch import Scratch, base_image, run, scratch
from tests.engine import busybox

FILES, BYTES = 20_000, 1 << 30
DISK_BYTES = 10 << 30
DATA, COPY = "state/data", "copy"
SPEED = 0.7
"""The part of the speed of tar and zstd that has to be reached."""
RESET_SECONDS = 3.0
DOCKERFILE = """\
FROM {base}
RUN apt-get update -q && apt-get install -qy --no-install-recommends python3 zstd
"""
# Half words, half noise, like databases and logs; every file is different.
FILL = f"""
import os, random
random.seed(7)
words = [random.randbytes(random.randint(2, 6)).hex().encode() for _ in range(4000)]
size = {BYTES // FILES}
for number in range({FILES}):
    folder = "/data/%03d" % (number // 200)
    os.makedirs(folder, exist_ok=True)
    text = b" ".join(random.choices(words, k=size // 10))[: size * 2 // 3]
    with open("%s/%d" % (folder, number), "wb") as stream:
        stream.write(text + os.urandom(size - len(text)))
"""


TASKS = """
from composetasks import collection
ns = collection(config={"stack": {"state": {"data": {"path": "state/data"}}}})
"""


@dataclass(frozen=True)
class Full:
    """A project with a full folder of state, and an image with tar and zstd."""

    project: Scratch
    image: str

    def plain(self, folder: str, script: str) -> float:
        """The seconds of a shell line in a container with a folder of the project at /data, and
        another at /out."""
        timing = f"cat /proc/uptime; {script}; cat /proc/uptime"
        here = self.project.folder
        mounts = ("-v", f"{here / folder}:/data", "-v", f"{here}/out:/out")
        lines = run("docker", "run", "--rm", *mounts, self.image, "sh", "-ec", timing).splitlines()
        return float(lines[-1].split()[0]) - float(lines[0].split()[0])


@contextlib.contextmanager
def full() -> Iterator[Full]:
    with own_disk(DISK_BYTES) as disk, scratch("state", disk) as project:
        made = Full(project, f"{project.name}-tar:latest")
        say("  an image with tar and zstd, and a folder that is filled")
        subprocess.run(
            ["docker", "build", "-q", "--network=host", "-t", made.image, "-"],
            input=DOCKERFILE.format(base=base_image()),
            stdout=subprocess.DEVNULL,
            text=True,
            check=True,
        )
        mounts = ["./state/data:/data"]
        project.write({"app": {"image": busybox.TAG, "volumes": mounts, "command": ["true"]}})
        project.file("tasks.py", TASKS)
        for folder in ("out", DATA, COPY):
            (project.folder / folder).mkdir(parents=True)
        project.inv("up")
        mounted = f"{project.folder / DATA}:/data"
        run("docker", "run", "--rm", "-v", mounted, made.image, "python3", "-c", FILL)
        try:
            yield made
        finally:
            # Files that containers wrote belong to root.
            made.plain(".", f"rm -rf /data/{DATA} /data/{COPY} /data/out/*")


def state() -> Iterator[Figure]:
    with full() as made:
        project = made.project
        kept = project.folder / ".composetasks" / "snapshots"

        def forget(name: str) -> None:
            shutil.rmtree(kept / name, ignore_errors=True)

        def packed(_: int) -> float:
            return made.plain(DATA, "tar -C /data -c . | zstd -q -o /out/a -f")

        def snapshot(_: int) -> float:
            forget("now")
            return project.timed_inv("snapshot", "now")

        took = in_turns({"inv": snapshot, "plain": packed})
        what, speed = "1 GiB in 20,000 files", Target(round(1 / SPEED, 3))
        yield Figure(
            f"snapshot of {what}",
            "`tar -c \\| zstd` in a container",
            took["inv"],
            took["plain"],
            speed,
            note="the whole command, the helper container's start included; theirs without",
        ).explained(lambda: by_room(project, "snapshot", "again", deep=True))
        forget("again")

        def unpacked(_: int) -> float:
            seconds = made.plain(COPY, "zstd -q -d -c /out/a | tar -C /data -x")
            made.plain(COPY, "rm -r /data/*")
            return seconds

        resets: list[float] = []
        emptied = ("reset-state", "--yes", "--no-snapshot")
        restored = ("restore", "now", "--yes", "--no-snapshot")

        def restore(_: int) -> float:
            resets.append(project.timed_inv(*emptied))
            return project.timed_inv(*restored)

        took = in_turns({"inv": restore, "plain": unpacked})
        reset = Figure(
            f"reset of {what}, no snapshot", "", tuple(resets), (), Target(0, RESET_SECONDS)
        ).explained(lambda: by_room(project, *emptied, deep=True))
        yield Figure(
            f"restore of {what}",
            "`zstd -d \\| tar -x` in a container",
            took["inv"],
            took["plain"],
            speed,
            note="verified first, and swapped in whole; theirs writes into an empty folder",
        ).explained(lambda: by_room(project, *restored, deep=True))
        yield reset


CASES = (Case("state", "snapshot, restore, reset", 5, state),)
