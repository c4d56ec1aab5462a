"""An engine of the tests' own, which they may stop, kill and starve.

It lives in namespaces of its own (network, mounts, processes), so nothing of it reaches the
machine's engine, and nothing of it stays: when the process that made it ends, however it ends,
the first process of its namespace does too, and the kernel ends all others and takes the mounts.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType

import psutil
import pytest

from tests.engine.stacks import wait_until

# Reaps what is left to it, as the first process must, and lives as long as its standard input.
INIT = "import signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); sys.stdin.read()"
APART = ("--uts", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
UP_SECONDS = 60.0
STOP_SECONDS = 25.0


def missing() -> str:
    """Why no such engine can be had here; "" where one can."""
    for program in ("dockerd", "containerd", "unshare", "nsenter", "ip"):
        if not shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"):
            return f"there is no {program}"
    tried = ["unshare", "--net", *APART, "true"]
    done = subprocess.run(tried, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr.strip() or "unshare failed"


def see_that_one_can_be_had(lacking: str = "") -> None:
    """Skip, and say so, where no such engine can be started or something else is ``lacking``; with
    REQUIRE_ENGINE=1 that is a failure."""
    why = missing() or lacking
    if why and os.environ.get("REQUIRE_ENGINE") == "1":
        pytest.fail(f"REQUIRE_ENGINE=1, and no engine can be started here: {why}")
    if why:
        pytest.skip(f"no engine can be started here ({why}); these tests did not run")


class OwnEngine:
    """A dockerd with a data root, an exec root and a socket of its own; a context manager.

    ``store_bytes`` puts its data root on a disk of that size (in memory); ``name`` is its host's,
    ``options`` are further ones of the daemon. ``network`` is the process whose network is to be
    its host's; 0: one of its own, from which nothing else is reached.
    """

    def __init__(
        self,
        store_bytes: int = 0,
        name: str = "",
        options: tuple[str, ...] = (),
        network: int = 0,
    ) -> None:
        # Not below pytest's folder: a socket's path has 107 bytes at most.
        self.folder = Path(tempfile.mkdtemp(prefix="ct-engine-"))
        self.address = f"unix://{self.folder}/sock"
        self._store_bytes, self._name, self._options = store_bytes, name, options
        self._unshare = ["unshare", "--net", *APART]
        if network:
            self._unshare = ["nsenter", "-t", str(network), "-n", "unshare", *APART]
        self._holder: subprocess.Popen[bytes] | None = None
        self._daemon: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> OwnEngine:
        self._holder = subprocess.Popen(
            [*self._unshare, sys.executable, "-c", INIT],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        wait_until(lambda: self._first() is not None)
        self._inside("ip", "link", "set", "lo", "up")
        if self._name:
            self._inside("hostname", self._name)
        (self.folder / "data").mkdir()
        if self._store_bytes:
            size = f"size={self._store_bytes}"
            self._inside("mount", "-t", "tmpfs", "-o", size, "store", f"{self.folder}/data")
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(AssertionError, subprocess.SubprocessError):
            if not self.answers():
                self.kill()
                self.start()
            self.clear()
            self.stop()
        assert self._holder is not None
        assert self._holder.stdin is not None
        self._holder.stdin.close()
        self._holder.wait(UP_SECONDS)
        if self._daemon is not None:
            self._daemon.wait(UP_SECONDS)
        shutil.rmtree(self.folder)

    # --- its life ---------------------------------------------------------------------------

    def start(self) -> None:
        """Start it, and wait until it answers."""
        (self.folder / "pid").unlink(missing_ok=True)
        here = str(self.folder)
        with (self.folder / "log").open("ab") as log:
            self._daemon = subprocess.Popen(
                [
                    *(*self._enter("-p"), "dockerd", "--data-root", f"{here}/data"),
                    *("--exec-root", f"{here}/exec", "--pidfile", f"{here}/pid"),
                    *("--host", self.address, *self._options),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        daemon = self._daemon
        wait_until(lambda: self.answers() or daemon.poll() is not None, UP_SECONDS)
        assert daemon.poll() is None, (self.folder / "log").read_text()[-2000:]

    def stop(self) -> None:
        """End it as the system does: its containers are stopped, and it is killed where that takes
        too long."""
        try:
            self._end(signal.SIGTERM)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it as a crash does: its containers are left without it."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop it, and start it again."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Let it accept connections and say nothing."""
        self._dockerd().send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._daemon is not None
        self._dockerd().send_signal(signal.SIGCONT)
        self._daemon.send_signal(signal.SIGCONT)  # nsenter stops when its child does

    def answers(self) -> bool:
        asked = ["docker", "--host", self.address, "version"]
        try:
            done = subprocess.run(asked, capture_output=True, timeout=5, check=False)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def clear(self) -> None:
        """Remove every container (its control groups would outlive it), volume and network."""
        wait_until(self._has_no_container)
        self._docker("volume", "prune", "-af")
        self._docker("network", "prune", "-f")

    def _has_no_container(self) -> bool:
        """Whether none is left. One that removes itself just now can't be removed meanwhile."""
        listed = self._docker("ps", "-aq").split()
        if listed:
            self._docker("rm", "-fv", *listed, check=False)
        return not listed

    def _docker(self, *arguments: str, check: bool = True) -> str:
        argv = ["docker", "--host", self.address, *arguments]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=check)
        return done.stdout

    # --- its processes ----------------------------------------------------------------------

    def works_on(self, mark: str) -> bool:
        """Whether a process in it (a container's, or one of a build) has ``mark`` in its
        arguments."""
        return bool(self.working_on(mark))

    def working_on(self, mark: str) -> list[psutil.Process]:
        """The processes of which that is true."""
        results = []
        # Builds are the daemon's children; what runs a container is left to the first process.
        for parent in (self._dockerd(), self._first()):
            for one in parent.children(recursive=True) if parent else ():
                with contextlib.suppress(psutil.Error):
                    if any(mark in argument for argument in one.cmdline()):
                        results.append(one)
        return results

    def fill(self) -> None:
        """Fill the disk of its data root to the last byte."""
        target = f"of={self.folder}/data/filling"
        # It ends with an error when the disk is full.
        argv = [*self._enter(), "dd", "if=/dev/zero", target, "bs=64k"]
        assert subprocess.run(argv, capture_output=True, check=False).returncode != 0

    def empty(self) -> None:
        """Take away what filled it."""
        self._inside("rm", f"{self.folder}/data/filling")

    def _end(self, number: signal.Signals) -> None:
        if self._daemon is not None and self._daemon.poll() is None:
            daemon = self._dockerd()
            daemon.send_signal(number)
            self._daemon.wait(STOP_SECONDS)

    def _dockerd(self) -> psutil.Process:
        assert self._daemon is not None
        [daemon] = psutil.Process(self._daemon.pid).children()
        return daemon

    def _first(self) -> psutil.Process | None:
        """The first process of its namespace."""
        assert self._holder is not None
        assert self._holder.poll() is None
        for one in psutil.Process(self._holder.pid).children():
            with contextlib.suppress(psutil.Error):
                # Before that, it still is unshare itself, and may not have mounted anything yet.
                if INIT in one.cmdline():
                    return one
        return None

    def _enter(self, *more: str) -> list[str]:
        first = self._first()
        assert first is not None
        return ["nsenter", "-t", str(first.pid), "-n", "-u", "-m", *more]

    def events(self, since: float) -> list[str]:
        """What has happened to its containers and images since then (`time.time`), oldest first.

        An engine keeps its last 256 events: what happened in a test, not in all of them.
        """
        span = ("--since", f"{since:.9f}", "--until", f"{time.time():.9f}")
        kinds = ("--filter", "type=container", "--filter", "type=image")
        told = self._docker("events", *span, *kinds, "--format", "{{.Type}} {{.Action}}")
        return told.splitlines()

    def with_its_files(self, *argv: str) -> list[str]:
        """What starts a program that sees the files the engine sees, on this host's network."""
        first = self._first()
        assert first is not None
        return ["nsenter", "-t", str(first.pid), "-m", *argv]

    @property
    def namespaces(self) -> int:
        """The id of a process that is in its namespaces."""
        first = self._first()
        assert first is not None
        return first.pid

    def inside(self, *argv: str) -> list[str]:
        """What starts a program on its network and with its files."""
        return self._enter(*argv)

    def hide(self, folder: Path) -> None:
        """Let the engine's host have nothing of a folder, nor the folder itself."""
        self._inside("mount", "-t", "tmpfs", "nothing", str(folder.parent))

    def has(self, path: Path) -> bool:
        """Whether the engine's host has something there."""
        argv = self.with_its_files("test", "-e", str(path))
        return subprocess.run(argv, check=False).returncode == 0

    def write(self, path: Path, text: str) -> None:
        """Write a file on the engine's host."""
        self._inside("mkdir", "-p", str(path.parent))
        argv = [*self._enter(), "tee", str(path)]
        subprocess.run(argv, input=text, text=True, check=True, stdout=subprocess.DEVNULL)

    def _inside(self, *argv: str) -> None:
        subprocess.run([*self._enter(), *argv], check=True, capture_output=True)
