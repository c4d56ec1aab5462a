"""A scripted machine: bootstrap's parts run for real, and meet only a test's programs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = (
    *("awk", "basename", "cat", "chmod", "chown", "cksum", "cp", "date", "dirname", "env", "find"),
    *(
        "flock",
        "grep",
        "head",
        "ln",
        "ls",
        "mkdir",
        "mktemp",
        "mv",
        "readlink",
        "rm",
        "rmdir",
        "sed",
    ),
    *("setsid", "sh", "sleep", "tail", "tar", "timeout", "touch", "tr"),
)
"""What each machine has: all but what bootstrap looks for or changes a machine with."""

DEBIAN_12 = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_CODENAME=bookworm\n'
UBUNTU_22 = 'PRETTY_NAME="Ubuntu 22.04.5 LTS"\nID=ubuntu\nID_LIKE=debian\n'
FEDORA = 'PRETTY_NAME="Fedora Linux 42"\nID=fedora\n'


@dataclass(frozen=True)
class Ran:
    """What a run of a part left."""

    code: int
    out: str
    err: str


@dataclass
class Machine:
    """A folder that stands for a machine: a checkout, a PATH, /etc, /run and a home."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for part in ("bin", "checkout/scripts", "etc", "run", "home", "state", "var/lib"):
            (self.folder / part).mkdir(parents=True)
        for tool in TOOLS:
            result = shutil.which(tool)
            assert result, f"tests of bootstrap need {tool}"
            (self.bin / tool).symlink_to(result)
        copied = shutil.ignore_patterns("__pycache__")
        shutil.copytree(
            ROOT / "scripts/bootstrap", self.checkout / "scripts/bootstrap", ignore=copied
        )
        shutil.copytree(ROOT / "requirements", self.checkout / "requirements")
        self.environment = {
            "PATH": str(self.bin),
            "HOME": str(self.folder / "home"),
            "STATE": str(self.folder / "state"),
            "SBIN": "",
            "OS_RELEASE": str(self.folder / "etc/os-release"),
            "APT_FOLDER": str(self.folder / "etc/apt"),
            "MACHINE_FOLDER": str(self.machine),
            "RUN_FOLDER": str(self.folder / "run"),
            "SYSTEMD_FOLDER": str(self.folder / "run/systemd/system"),
            "DAEMON_LOG": str(self.folder / "dockerd.log"),
            "ANSWER_SECONDS": "5",
            **self.environment,
        }
        self.is_(DEBIAN_12)
        self.user("root")
        self.has("df", "echo head; echo x 1000000000 1 900000000 1% /")

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    @property
    def checkout(self) -> Path:
        return self.folder / "checkout"

    @property
    def machine(self) -> Path:
        """Where root works, and writes down what it changes."""
        return self.folder / "var/lib/composetasks"

    @property
    def changes(self) -> list[str]:
        """What root wrote down."""
        path = self.machine / "changes"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def is_(self, os_release: str) -> None:
        """Make it a machine of this distribution."""
        (self.folder / "etc/os-release").write_text(os_release)

    def user(self, name: str) -> None:
        """Who runs the part."""
        self.has("id", f"echo {0 if name == 'root' else 1000}")

    def has(self, program: str, script: str = "") -> Path:
        """Give it a program: a shell script, each of whose calls is written down."""
        return self.put(self.bin / program, script)

    def put(self, path: Path, script: str = "") -> Path:
        """As ``has``, at another place."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(f'#!/bin/sh\necho "{path.name} $*" >>"$STATE/calls"\n{script}\n')
        path.chmod(0o755)
        return path

    @property
    def calls(self) -> list[str]:
        """The calls of scripted programs so far, but for questions about the machine."""
        path = self.state / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if not line.startswith(("id ", "df "))]

    def called(self, beginning: str) -> list[str]:
        return [call for call in self.calls if call.startswith(beginning)]

    def argv(self, part: str, *arguments: str) -> list[str]:
        return [str(self.checkout / "scripts/bootstrap" / part), *arguments]

    def run(self, part: str, *arguments: str, **environment: str) -> Ran:
        """Run a part to its end; it may take a minute at most."""
        done = subprocess.run(
            self.argv(part, *arguments),
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert "Traceback" not in done.stderr
        return Ran(done.returncode, done.stdout, done.stderr)

    def interrupt(self, part: str, *arguments: str, number: int = signal.SIGINT) -> Ran:
        """Run a part, and type Ctrl-C when a scripted program says ``announce``."""
        pipe = self.state / "announced"
        os.mkfifo(pipe)
        child = subprocess.Popen(
            self.argv(part, *arguments),
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        with pipe.open():  # opens when the program writes
            os.killpg(child.pid, number)
        (self.state / "interrupted").touch()
        out, err = child.communicate(timeout=60)
        pipe.unlink()
        assert "Traceback" not in err
        return Ran(child.returncode, out, err)


ANNOUNCE = '[ ! -p "$STATE/announced" ] || { : >"$STATE/announced"; exec sleep 30; }'
"""In a scripted program: where an interrupt is waited for, say so and hang."""

OUTLIVE = """if [ -p "$STATE/announced" ]; then
    : >"$STATE/announced"
    until [ -e "$STATE/interrupted" ]; do sleep 0.05; done
fi"""
"""In a scripted program: say so, and go on once the interrupt has been typed."""
