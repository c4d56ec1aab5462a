"""The connection to an engine behind ssh: one OpenSSH connection that forwards the engine's socket.

The Docker SDK and the docker client start a separate ssh for every request. Instead, one master
connection (ssh_config(5), ControlMaster) stays open for some minutes after its last use and
forwards the engine's socket to a local one, so that the SDK, Compose and Buildx all use a plain
local socket. Keys, ports, jumps and known hosts are left to ssh's own configuration.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from composetasks.facts import ExitCode
from composetasks.facts.frozen import frozen
from composetasks.run import process
from composetasks.run.failure import TaskFailure

SOCKET = "/var/run/docker.sock"
"""The engine's default socket (docs.docker.com, dockerd, "Daemon socket")."""
ENDPOINT_COMMAND = "docker context inspect --format '{{.Endpoints.docker.Host}}'"
"""The command that asks the other host for the engine's socket: rootless engines and contexts have
it elsewhere."""
IDLE_SECONDS = 600
"""How long the connection stays open after its last use, for the next task."""
ALIVE = ("-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3")
"""A broken connection is noticed within 15 seconds, even if nothing is sent."""

ANSWER_SECONDS = 1.0
"""The longest time for an answer of a local socket."""
LONGEST_FOLDER = 68
"""In characters: a socket's path has at most 107 (unix(7)), and ssh appends to its own."""


def socket_of(address: str, seconds: float) -> Path:
    """Return the local socket of the engine at ``ssh://[user@]host[:port][/path of its socket]``.

    An existing connection is reused. Raises TaskFailure, code 5, if ssh does not connect within
    ``seconds``.
    """
    link = SshLink(address, own_folder(), seconds)
    if not link.answers():
        with link.alone():
            if not link.answers():
                link.open()
    return link.socket


def is_open(address: str) -> bool:
    """Whether a connection to an engine's host is open; the engine itself is not checked."""
    return SshLink(address, own_folder(), ANSWER_SECONDS).answers()


@frozen
class SshLink:
    """A connection to an engine's host, for the engine's socket or for another ``purpose``; its
    files in ``folder`` are named after the address and the purpose."""

    address: str
    folder: Path
    seconds: float
    purpose: str = ""

    def __post_init__(self) -> None:
        if not urlsplit(self.address).hostname:
            raise self._failure("it contains no host", "write ssh://USER@HOST or ssh://HOST:PORT")

    @property
    def name(self) -> str:
        named = f"{self.address} {self.purpose}".strip()
        return hashlib.sha256(named.encode()).hexdigest()[:16]

    @property
    def socket(self) -> Path:
        return self.folder / f"{self.name}.sock"

    @property
    def control(self) -> Path:
        return self.folder / f"{self.name}.ctl"

    def answers(self) -> bool:
        """Whether there is a connection that accepts requests."""
        with socket.socket(socket.AF_UNIX) as tried:
            tried.settimeout(self.seconds)
            try:
                tried.connect(str(self.socket))
            except OSError:
                return False
        return True

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the connection's lock for the block, so that only one of several runs opens it."""
        with open(self.folder / f"{self.name}.lock", "w", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def there(self) -> bool:
        """Whether the ssh master of this connection runs."""
        return self.ssh("-O", "check", check=False).code == 0

    def open(self) -> None:
        """Connect, find the engine's socket, and forward it."""
        master = ("-M", "-f", "-N", "-o", f"ControlPersist={IDLE_SECONDS}", *ALIVE)
        if not self.there():
            self.control.unlink(missing_ok=True)
            self.ssh(*master, "-o", "StreamLocalBindUnlink=yes")
        forward = f"{self.socket}:{self._engine()}"
        # A socket left by an earlier connection would prevent the new one from being created.
        self.socket.unlink(missing_ok=True)
        self.ssh("-O", "forward", "-L", forward)

    def _engine(self) -> str:
        """The path of the engine's socket on its host."""
        named = unquote(urlsplit(self.address).path)
        if named.strip("/"):
            return named
        output = self.ssh(command=ENDPOINT_COMMAND, check=False).stdout.strip()
        if output and not output.startswith("unix://"):
            raise self._failure(
                f"Docker there uses the engine at {output}",
                "put the engine's socket into the address: ssh://HOST/var/run/docker.sock",
            )
        return output.removeprefix("unix://") or SOCKET

    def ssh(self, *options: str, command: str = "", check: bool = True) -> process.Completed:
        parts = urlsplit(self.address)
        user = f"{unquote(parts.username)}@" if parts.username else ""
        port = ("-p", str(parts.port)) if parts.port else ()
        waits = ("-o", f"ConnectTimeout={max(1, int(self.seconds))}")
        argv = ["ssh", "-S", str(self.control), *waits, *options, *port]
        argv += ["--", f"{user}{parts.hostname}", *filter(None, [command])]
        try:
            return process.run(argv, timeout=self.seconds * 2, check=check)
        except process.ProgramError as error:
            host = argv[argv.index("--") + 1]
            raise self._failure(
                error.stderr.strip() or str(error),
                f"`ssh {' '.join([*port, host])} true` must work without a prompt: check its key "
                "and known_hosts",
            ) from error

    def _failure(self, why: str, hint: str) -> TaskFailure:
        return TaskFailure(
            f"ssh does not reach the engine at {self.address}",
            code=ExitCode.NO_ENGINE,
            detail=why,
            hint=hint,
        )


def own_folder() -> Path:
    """A folder that only the user can access: whoever can write to it can control the engine."""
    own = os.environ.get("XDG_RUNTIME_DIR", "")
    places = [f"{own}/composetasks"] if own else []
    common = ["/tmp"]  # noqa: S108 - its owner is checked below
    with contextlib.suppress(FileNotFoundError):  # all are full: a socket needs no space
        common.insert(0, tempfile.gettempdir())
    places += [f"{place}/composetasks-{os.getuid()}" for place in common]
    folder = Path(next(place for place in places if len(place) < LONGEST_FOLDER))
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise TaskFailure(
            f"{folder} is not private to you, and the connection to the engine would be kept there",
            code=ExitCode.NO_ENGINE,
            hint="remove it, or set XDG_RUNTIME_DIR to a folder of yours (mode 700)",
        )
    return folder
