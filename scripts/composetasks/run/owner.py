"""The owner process of an instance, distinguished from every other process, past ones included.

Process ids are reused; together with the start time, the boot and the machine, an id names one
process uniquely and can be stored: in labels, and next to the instance.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import socket
from pathlib import Path

from composetasks.facts.frozen import frozen

PROC = Path("/proc")
PID = re.compile(r"[0-9]{1,9}")


@frozen
class Owner:
    """``started`` is in clock ticks since the boot ``boot`` on Linux; elsewhere it is in seconds
    since the epoch, and ``boot`` is "-". ``host`` is the machine and, on Linux, its process id
    namespace."""

    pid: int
    started: str
    boot: str
    host: str

    @property
    def text(self) -> str:
        """The owner as text, as in labels."""
        return f"{self.pid} {self.started} {self.boot} {self.host}"


def parse(text: str) -> Owner | None:
    """Parse an owner from its text; None if the text is not one."""
    parts = text.split(" ")
    if len(parts) != 4 or not PID.fullmatch(parts[0]):
        return None
    return Owner(int(parts[0]), parts[1], parts[2], parts[3])


def of(pid: int) -> Owner | None:
    """The owner for the running process ``pid``; None if there is no such process."""
    started = _started(pid)
    return Owner(pid, started, _boot(), this_machine()) if started else None


def alive(owner: Owner) -> bool:
    """Whether the process runs. A process of another machine always counts as running: it can't be
    observed from here."""
    if owner.host != this_machine():
        return True
    return owner.boot == _boot() and _started(owner.pid) == owner.started


def wait_for_end(owner: Owner, seconds: float | None = None) -> bool:
    """Wait until the process has ended; return False if it still runs after ``seconds``."""
    if not hasattr(os, "pidfd_open"):
        return _poll_for_end(owner, seconds)
    try:
        descriptor = os.pidfd_open(owner.pid)
    except ProcessLookupError:
        return True
    except OSError:  # not supported by the kernel or sandbox
        return _poll_for_end(owner, seconds)
    try:
        if not alive(owner):  # another process may have got its id before the open
            return True
        waiting = select.poll()
        waiting.register(descriptor, select.POLLIN)
        return bool(waiting.poll(None if seconds is None else seconds * 1000))
    finally:
        os.close(descriptor)


def _poll_for_end(owner: Owner, seconds: float | None) -> bool:
    import psutil

    try:
        process = psutil.Process(owner.pid)
        if alive(owner):
            process.wait(seconds)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False
    return True


def this_machine() -> str:
    """This machine, as owners name it. Containers that share a host's name, or even its boot id,
    have their own process ids: hence the namespace."""
    name = socket.gethostname().replace(" ", "_")
    with contextlib.suppress(OSError):
        name += f"/{(PROC / 'self/ns/pid').readlink().name}"
    if machine := machine_id():
        name += f"/{machine}"
    return name


def machine_id() -> str:
    """The start of this machine's id; "" if it has none, as on macOS."""
    try:
        return Path("/etc/machine-id").read_text("ascii").strip()[:12]
    except OSError:
        return ""


def _boot() -> str:
    try:
        return (PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return "-"


def _started(pid: int) -> str:
    """When a process started; "" if no process has this id, or if it is a zombie."""
    if not (PROC / "self/stat").exists():
        return _started_elsewhere(pid)
    try:
        # The name, in parentheses, may contain any character (proc_pid_stat(5)).
        fields = (PROC / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except (OSError, ValueError):
        return ""
    return "" if len(fields) < 20 or fields[0] in "ZX" else fields[19]


def _started_elsewhere(pid: int) -> str:
    import psutil

    try:
        process = psutil.Process(pid)
        ended = process.status() == psutil.STATUS_ZOMBIE
        return "" if ended else f"{process.create_time():.2f}"
    except psutil.Error:
        return ""
