"""Runs a program that ends, with everything it has started, when whoever wants it has ended.

    python keeper.py PROGRAM [ARGUMENT...]

Who starts this holds the other end of its standard input. Whatever ends that process, SIGKILL as
well, closes it: then all that descends from the program is killed, and what it left in its
temporary folder is removed. The same happens when the program ends by itself, and on SIGTERM.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import sys
import tempfile
import threading
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
STOP = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
WATCHED = (*STOP, signal.SIGCHLD)
STOPPED = 128 + signal.SIGTERM


def main(command: list[str]) -> int:
    """The program's exit code, or 143 where it was ended."""
    # A descendant whose parent has ended becomes a child of this process, so that none is missed:
    # Chromium's leave their process group and their parent.
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    place = tempfile.mkdtemp(prefix="kept-")
    try:
        program = os.posix_spawn(
            command[0],
            command,
            {**os.environ, "TMPDIR": place},
            file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)],
            setsigmask=(),
        )
        threading.Thread(target=stop_at_end_of_input, daemon=True).start()
        code = None
        while code is None and signal.sigwait(WATCHED) == signal.SIGCHLD:
            code = ended(program)
        end_children()
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return STOPPED if code is None else code


def stop_at_end_of_input() -> None:
    """Nothing is ever written there: a read returns when nobody can write any more."""
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def ended(program: int) -> int | None:
    """Lets go of the children that have ended; gives the program's code if it is one of them."""
    code = None
    with contextlib.suppress(ChildProcessError):
        while True:
            child, status = os.waitpid(-1, os.WNOHANG)
            if child == 0:
                break
            if child == program:
                code = os.waitstatus_to_exitcode(status)
    return None if code is None else code if code >= 0 else 128 - code


def end_children() -> None:
    """Kills children until there are none: those of a killed child are the next."""
    with contextlib.suppress(ChildProcessError):
        while True:
            for child in children():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            os.waitpid(-1, 0)


def children() -> list[int]:
    """This process's children, zombies too."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name, in brackets, may hold spaces and brackets itself.
            parent = stat.read_text(errors="replace").rpartition(")")[2].split()[1]
            if int(parent) == os.getpid():
                found.append(int(stat.parent.name))
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
