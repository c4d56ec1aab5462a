"""File systems served by another machine or program (NFS, SSHFS ...). If the server hangs, so does
every process that accesses the file system, and often it can't be killed. Therefore a child process
makes the first access to each of them; it is left behind if it hangs.
Without such file systems, the only cost is to read the table of mounts once.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping
from pathlib import Path

from composetasks.facts import ExitCode
from composetasks.run import process, waiting
from composetasks.run.failure import TaskFailure

TABLE = Path("/proc/self/mountinfo")
"""https://docs.kernel.org/filesystems/proc.html, section 3.5. It exists on Linux only; on other
systems no such file system is detected."""
LOOK = ("stat", "-f", "--")
"""A request that the kernel can't answer from a cache."""
REMOTE = frozenset(
    re.findall(
        r"\S+",
        "9p afs autofs beegfs ceph cifs coda fuse fuseblk gfs2 gpfs lustre nfs nfs4 ocfs2 prl_fs"
        " smb3 smbfs vboxsf virtiofs vmhgfs",
    )
)
"""Their types; the type of a FUSE file system may have its program's name after a dot."""
ESCAPED = re.compile(r"\\([0-7]{3})")
MOST_LINKS = 40

seconds = 20.0
"""How long to wait for an answer; :func:`wait_for` changes it."""
_answered: dict[str, bool] = {}
"""Whether the file system answered, by mount point."""


def wait_for(bound: float) -> None:
    """Set the seconds within which a file system has to answer."""
    global seconds
    seconds = bound


def silent(path: str | os.PathLike[str]) -> str:
    """The mount point on the way to ``path`` whose file system does not answer; "" if all answer
    (the path itself may still not exist)."""
    while point := _unknown(os.path.abspath(path)):
        if point not in _answered:
            _answered[point] = _answers(point)
        if not _answered[point]:
            return point
    return ""


def check(path: str | os.PathLike[str]) -> None:
    """Raise TaskFailure, code 6, if ``path`` is on a file system that does not answer."""
    if point := silent(path):
        raise TaskFailure(
            f"{os.fspath(path)} can't be read: the file system at {point} "
            f"({_remote()[point]}) does not answer",
            code=ExitCode.INVALID,
            hint=f"find out why (`stat -f {point}` waits for it as well), or unmount it, "
            "then run the task again",
        )


def check_all(folder: str) -> None:
    """Check a folder and every file system mounted below it, as :func:`check` does."""
    check(folder)
    if _remote():
        within = f"{os.path.realpath(folder).rstrip('/')}/"
        for point in _remote():
            if point.startswith(within):
                check(point)


def realpath(path: str | os.PathLike[str]) -> str:
    """The real path, or ``path`` unchanged if a file system on the way to it does not answer."""
    return os.fspath(path) if silent(path) else os.path.realpath(path)


def exists(path: str | os.PathLike[str]) -> bool:
    """Whether a path exists; one that does not answer or is not accessible counts as existing."""
    if silent(path):
        return True
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def is_special(path: str | os.PathLike[str]) -> bool:
    """Whether a path is a socket, a pipe or a device; False if it is not accessible."""
    return os.path.exists(path) and not os.path.isdir(path) and not os.path.isfile(path)


def _unknown(path: str) -> str:
    """The first mount point on the way to ``path``, links followed, that is not known to answer; ""
    if there is none. Paths behind a mount point are accessed only after it has answered."""
    remote = _remote()
    if not remote:
        return ""
    place, links = "", 0
    parts = path.split("/")[::-1]
    while parts:
        part = parts.pop()
        if part in ("", "."):
            continue
        if part == "..":
            place = place.rpartition("/")[0]
            continue
        place = f"{place}/{part}"
        if place in remote and not _answered.get(place):
            return place
        try:
            target = os.readlink(place)
        except OSError:
            continue
        links += 1
        if links > MOST_LINKS:
            break
        parts += target.split("/")[::-1]
        place = "" if target.startswith("/") else place.rpartition("/")[0]
    return ""


def _answers(point: str) -> bool:
    try:
        with waiting.on(f"the file system at {point}", waiting.ENGINE_SECONDS):
            process.run((*LOOK, point), timeout=seconds, grace=0.0, check=False)
    except process.ProgramError as error:
        return error.code != process.TOO_LONG
    return True


@functools.cache
def _remote() -> Mapping[str, str]:
    """The mount points of remote file systems, with their types. ``/`` is excluded: if it does not
    answer, no program runs at all."""
    try:
        lines = TABLE.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return {}
    mounts = {}
    for line in lines:
        mount, _, source = line.partition(" - ")
        kind = source.partition(" ")[0]
        point = mount.split(" ")[4]
        if kind.partition(".")[0] in REMOTE and point != "/":
            mounts[ESCAPED.sub(lambda one: chr(int(one[1], 8)), point)] = kind
    return mounts
