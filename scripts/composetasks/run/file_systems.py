"""File systems that another machine or program answers for (NFS, SSHFS ...). One that falls silent
holds whoever looks at it, in many cases beyond the reach of any signal. So before anything on one
is looked at for the first time, a child looks, which may be left behind.

Where none is mounted nothing is done but read the table of mounts, once.
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
"""https://docs.kernel.org/filesystems/proc.html, section 3.5. Elsewhere than on Linux there is
none, and nothing is known."""
LOOK = ("stat", "-f", "--")
"""A look that no cache of the kernel answers."""
REMOTE = frozenset(
    re.findall(
        r"\S+",
        "9p afs autofs beegfs ceph cifs coda fuse fuseblk gfs2 gpfs lustre nfs nfs4 ocfs2 prl_fs"
        " smb3 smbfs vboxsf virtiofs vmhgfs",
    )
)
"""Their types; FUSE's may have the name of its program behind a dot."""
ESCAPED = re.compile(r"\\([0-7]{3})")
MOST_LINKS = 40

seconds = 20.0
"""How long an answer is waited for; :func:`wait_for` says otherwise."""
_answered: dict[str, bool] = {}
"""Whether it answered, by mount point."""


def wait_for(bound: float) -> None:
    """From here on this is how many seconds a file system has to answer."""
    global seconds
    seconds = bound


def silent(path: str | os.PathLike[str]) -> str:
    """The mount point on the way to ``path`` whose file system does not answer; "" where the way
    is open (which says nothing of whether there is something at its end)."""
    while point := _unknown(os.path.abspath(path)):
        if point not in _answered:
            _answered[point] = _answers(point)
        if not _answered[point]:
            return point
    return ""


def check(path: str | os.PathLike[str]) -> None:
    """Raises TaskFailure, code 6, where ``path`` lies on a file system that does not answer."""
    if point := silent(path):
        raise TaskFailure(
            f"{os.fspath(path)} can't be read: the file system at {point} "
            f"({_remote()[point]}) does not answer",
            code=ExitCode.INVALID,
            hint=f"find out why (`stat -f {point}` waits for it as well), or unmount it, "
            "then run the task again",
        )


def check_all(folder: str) -> None:
    """The same for a folder and whatever is mounted below it."""
    check(folder)
    if _remote():
        within = f"{os.path.realpath(folder).rstrip('/')}/"
        for point in _remote():
            if point.startswith(within):
                check(point)


def realpath(path: str | os.PathLike[str]) -> str:
    """The real path, or ``path`` as it is where the way to it is not open."""
    return os.fspath(path) if silent(path) else os.path.realpath(path)


def exists(path: str | os.PathLike[str]) -> bool:
    """Whether something is there; what does not answer, or may not be looked into, counts as
    there."""
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
    """Whether a socket, a pipe or a device is there; what may not be looked into is none."""
    return os.path.exists(path) and not os.path.isdir(path) and not os.path.isfile(path)


def _unknown(path: str) -> str:
    """The first mount point on the way to ``path``, links followed, that is not known to answer;
    "" where there is none. What is behind one is looked at only when it has answered."""
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
    """The mount points of such file systems, with their types. That of ``/`` is none: where it is
    silent nothing runs at all."""
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
