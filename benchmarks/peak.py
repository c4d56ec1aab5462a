"""Run a program and write its peak memory in bytes to a file: ``peak.py FILE PROGRAM...``.

On Linux, a program's peak includes the memory of the process that starts it (it is the same process
until the program is loaded). This starter is small; a benchmark process is not.
"""

import os
import signal
import sys

if __name__ == "__main__":
    child = os.fork()
    if child == 0:
        os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 (no shell is wanted)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _, status, usage = os.wait4(child, 0)
    with open(sys.argv[1], "w") as stream:
        stream.write(str(usage.ru_maxrss * 1024))
    sys.exit(0 if os.waitstatus_to_exitcode(status) == 0 else 1)
