"""An sshd of the tests' own, whose sessions see the files and the engine of an own engine."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.faults.own_engine import OwnEngine

SSHD = "/usr/sbin/sshd"


class SshHost:
    """``environment`` is what a user of the laptop has: an `ssh` that knows the host ``far`` from
    its configuration, and runtime files of its own."""

    def __init__(self, folder: Path, engine: OwnEngine) -> None:
        self._folder, self._engine = folder, engine
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        for name in ("host", "user"):
            key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
            subprocess.run(key, check=True)
        self._write(
            "sshd_config",
            f"HostKey {folder}/host",
            *(f"AuthorizedKeysFile {folder}/user.pub", "StrictModes no", "UsePAM no"),
            *("PidFile none", f"SetEnv DOCKER_HOST={engine.address}"),
        )
        self._write(
            "config",
            *("Host far", "HostName 127.0.0.1", f"Port {self.port}"),
            *(f"IdentityFile {folder}/user", f"UserKnownHostsFile {folder}/known"),
            *("IdentitiesOnly yes", "StrictHostKeyChecking accept-new"),
        )
        # ssh takes a user's configuration from the home of the password file alone.
        ssh = self._write(
            "bin/ssh", "#!/bin/sh", f'exec {shutil.which("ssh")} -F {folder}/config "$@"'
        )
        ssh.chmod(0o755)
        (folder / "run").mkdir(mode=0o700)
        self.environment = {
            "PATH": f"{folder}/bin:{os.environ['PATH']}",
            "XDG_RUNTIME_DIR": f"{folder}/run",
            "DOCKER_HOST": "ssh://far",
        }
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._daemons: list[subprocess.Popen[bytes]] = []

    def _write(self, name: str, *lines: str) -> Path:
        path = self._folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join([*lines, ""]))
        return path

    def start(self) -> None:
        Path("/run/sshd").mkdir(exist_ok=True)
        self._accepting.start()

    def _accept(self) -> None:
        """Each connection to this host's port is one to an sshd on the engine's network."""
        argv = self._engine.inside(SSHD, "-i", "-e", "-f", f"{self._folder}/sshd_config")
        with contextlib.suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                with caller, (self._folder / "log").open("ab") as log:
                    one = caller.fileno()
                    self._daemons.append(subprocess.Popen(argv, stdin=one, stdout=one, stderr=log))

    def freeze(self) -> None:
        """Let nothing more come through, as where the line is cut."""
        for one in self._serving():
            one.send_signal(signal.SIGSTOP)

    def refuse(self) -> None:
        """Take no more connections, as a host that is switched off."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)

    def _serving(self) -> list[psutil.Process]:
        results = []
        for daemon in self._daemons:
            with contextlib.suppress(psutil.NoSuchProcess):
                first = psutil.Process(daemon.pid)
                results += [first, *first.children(recursive=True)]
        return results

    def clients(self) -> list[psutil.Process]:
        """The laptop's ssh processes."""
        mark = f"{self._folder}/config"
        results = []
        for one in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if mark in one.cmdline() and one.name() == "ssh":
                    results.append(one)
        return results

    def stop(self) -> None:
        self.refuse()
        self._accepting.join()
        self._listener.close()
        for one in [*self.clients(), *self._serving()]:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        for daemon in self._daemons:
            daemon.wait(20)


@contextlib.contextmanager
def ssh_host(engine: OwnEngine) -> Iterator[SshHost]:
    """One that is up; nothing of it stays."""
    folder = Path(tempfile.mkdtemp(prefix="ct-ssh-"))
    host = SshHost(folder, engine)
    host.start()
    try:
        yield host
    finally:
        host.stop()
        shutil.rmtree(folder)
