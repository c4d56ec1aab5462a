"""The one place that starts a program: argument lists, never a shell.

Every child runs in a session of its own, so that an interrupt typed at a terminal reaches this
program alone and children are ended in order by :func:`end_all`; but for the one that the terminal
is handed over to (:func:`hand_over`).
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from composetasks.facts.frozen import frozen
from composetasks.run import waiting

GRACE_SECONDS = 10.0
"""How long a child may take to end after SIGTERM (or SIGINT) before it is killed."""
KILLED_SECONDS = 2.0
"""How long one that was killed may take. What takes longer waits for a file system that does not
answer, and nothing ends that: it is left behind."""
TOO_LONG = 124
"""The code of a program that took too long, as `timeout` has it."""

_children: set[subprocess.Popen[bytes]] = set()
_children_lock = threading.Lock()
_detached: list[subprocess.Popen[bytes]] = []
_surroundings: dict[str, str] = {}


class ProgramError(Exception):
    """A program could not be started, did not exit with code 0, or took too long.

    ``code`` is its exit code: 127 when it could not be started, 124 when it took too long.
    """

    def __init__(self, argv: Sequence[str], code: int, stdout: str, stderr: str) -> None:
        super().__init__(f"{argv[0]} exited with code {code}: {stderr.strip() or stdout.strip()}")
        self.argv, self.code, self.stdout, self.stderr = tuple(argv), code, stdout, stderr


@frozen
class Completed:
    """What a finished program left: its exit code and both outputs, decoded as UTF-8."""

    argv: tuple[str, ...]
    code: int
    stdout: str
    stderr: str


@frozen
class Line:
    """A line of a running program's output, without its line ending."""

    stream: str
    text: str


def surround(variables: Mapping[str, str]) -> None:
    """Have every program that is started from now on see these variables, whatever else it is
    given: the engine's address where that is reached another way than the user named it."""
    _surroundings.update(variables)


def _environment(env: Mapping[str, str] | None) -> dict[str, str] | None:
    if not _surroundings:
        return None if env is None else dict(env)
    return {**(os.environ if env is None else env), **_surroundings}


def _start(
    argv: Sequence[str],
    cwd: Path | None,
    env: Mapping[str, str] | None,
    stdin: int,
) -> subprocess.Popen[bytes]:
    try:
        with _children_lock:
            child = subprocess.Popen(
                list(argv),
                cwd=cwd,
                env=_environment(env),
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            _children.add(child)
    except OSError as error:
        raise ProgramError(argv, 127, "", f"{argv[0]}: {error.strerror}") from error
    return child


def detach(argv: Sequence[str], *, log: Path, holding: int) -> None:
    """Start a program that outlives this one: in a session of its own, with nothing of ours open
    but the descriptor ``holding``, its output in ``log``. :func:`end_all` does not end it."""
    package = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH", "")]))
    with log.open("ab") as output:
        child = subprocess.Popen(
            list(argv),
            cwd="/",
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=(holding,),
        )
    _detached.append(child)


def in_utf8() -> None:
    """Begin this program again where names of files would be anything but UTF-8, as they are to
    Compose and the engine: a locale of another encoding has no characters for some of them.

    Only before anything was done. What is printed stays in the locale's encoding.
    """
    if sys.getfilesystemencoding() == "utf-8" or "PYTHONUTF8" in os.environ:
        return
    printed = f"{sys.stdout.encoding}:backslashreplace"
    environment = {"PYTHONIOENCODING": printed, **os.environ, "PYTHONUTF8": "1"}
    argv = [sys.executable, *sys.orig_argv[1:]]
    os.execve(sys.executable, argv, environment)  # noqa: S606 - the very program that runs


VALUED = ("-p", "-C", "-o", "--ansi", "--profile", "--progress")
"""The options before a program's command that are followed by a value."""


def named(argv: Sequence[str]) -> str:
    """A program and its command: `docker-compose up`."""
    words = zip(argv[1:], argv, strict=False)
    commands = (word for word, before in words if word[:1] != "-" and before not in VALUED)
    return " ".join([Path(argv[0]).name, *list(commands)[:1]])


def _ended(child: subprocess.Popen[bytes]) -> None:
    with _children_lock:
        _children.discard(child)


def run(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout: float | None = None,
    grace: float = GRACE_SECONDS,
    check: bool = True,
) -> Completed:
    """Run a program to its end, quietly.

    ``env`` replaces the whole environment where given; ``timeout`` is in seconds, and so is the
    ``grace`` of one that takes longer. Raises :class:`ProgramError` when it can't be started or
    takes too long, and, with ``check``, when it does not exit with code 0.
    """
    child = _start(argv, cwd, env, subprocess.DEVNULL if stdin is None else subprocess.PIPE)
    data = None if stdin is None else stdin.encode()
    try:
        with waiting.on(named(argv)):
            out, err = child.communicate(data, timeout)
    except subprocess.TimeoutExpired as error:
        _end(child, signal.SIGTERM, grace)
        message = f"no answer within {timeout:g} s"
        raise ProgramError(argv, TOO_LONG, "", message) from error
    except BaseException:
        _end(child, signal.SIGTERM)
        raise
    finally:
        _ended(child)
        for pipe in (child.stdin, child.stdout, child.stderr):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
    done = Completed(
        tuple(argv), child.returncode, out.decode(errors="replace"), err.decode(errors="replace")
    )
    if check and done.code != 0:
        raise ProgramError(argv, done.code, done.stdout, done.stderr)
    return done


def hand_over(
    argv: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> int:
    """Run a program in the foreground: terminal, streams and process group are this one's. Returns
    its exit code, 128 + N where signal N ended it; raises :class:`ProgramError`, code 127, where
    it can't be started.

    While it runs, what a terminal's keys do is its own affair (Ctrl-C reaches both), and signals
    that other programs send to this one are passed on to it.
    """
    child: subprocess.Popen[bytes] | None = None
    sent: list[int] = []

    def pass_on(number: int, _frame: object) -> None:
        if number in (signal.SIGINT, signal.SIGQUIT) and _in_foreground():
            return
        if child is None:
            sent.append(number)
        else:
            child.send_signal(number)

    numbers = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)
    heard = [one for one in numbers if signal.getsignal(one) is not signal.SIG_IGN]
    before = {number: signal.signal(number, pass_on) for number in heard}
    try:
        child = subprocess.Popen(list(argv), cwd=cwd, env=_environment(env))
        for number in sent:
            child.send_signal(number)
        code = child.wait()
    except OSError as error:
        raise ProgramError(argv, 127, "", f"{argv[0]}: {error.strerror}") from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code


def _in_foreground() -> bool:
    """Whether this process belongs to the group that its terminal's keys are for."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


class Running:
    """A program under way, whose output is read line by line while it works.

    Iterating yields :class:`Line` from both outputs as they come and ends when both are closed.
    Used as a context manager, leaving the block ends the program.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
    ) -> None:
        self.argv = tuple(argv)
        self._child = _start(
            argv, cwd, env, subprocess.DEVNULL if stdin is None else subprocess.PIPE
        )
        self._lines: queue.Queue[Line | None] = queue.Queue(maxsize=10_000)
        self._threads = [
            threading.Thread(target=self._read, args=(name,), daemon=True)
            for name in ("stdout", "stderr")
        ]
        self._open_streams = len(self._threads)
        for thread in self._threads:
            thread.start()
        if stdin is not None and self._child.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._child.stdin.write(stdin.encode())
                self._child.stdin.close()

    def _read(self, name: str) -> None:
        pipe = self._child.stdout if name == "stdout" else self._child.stderr
        assert pipe is not None
        with pipe:
            for raw in pipe:
                self._lines.put(Line(name, raw.decode(errors="replace").rstrip("\r\n")))
        self._lines.put(None)

    def __iter__(self) -> Iterator[Line]:
        while True:
            with waiting.on(named(self.argv), waiting.QUIET_SECONDS):
                line = self.line()
            if line is None:
                return
            yield line

    def line(self, seconds: float | None = None) -> Line | None:
        """The next line, None where both outputs are closed. Raises TimeoutError where there is
        none within so many seconds."""
        while self._open_streams:
            try:
                line = self._lines.get(timeout=seconds)
            except queue.Empty:
                raise TimeoutError from None
            if line is not None:
                return line
            self._open_streams -= 1
        return None

    def wait(self) -> int:
        """The exit code, once it ended."""
        code = self._child.wait()
        _ended(self._child)
        return code

    def end(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end, kill it after GRACE_SECONDS, and return its exit code: that of SIGKILL
        where it had to be left behind."""
        _end(self._child, with_signal)
        _ended(self._child)
        left = self._child.returncode is None
        while not left and any(thread.is_alive() for thread in self._threads):
            # A reader may stand before a full queue that nobody empties any more.
            with contextlib.suppress(queue.Empty):
                self._lines.get(timeout=0.01)
        with contextlib.suppress(queue.Empty):
            while True:
                self._lines.get_nowait()
        # Another thread may be reading, and what tells it the end may just have been taken away.
        for _ in self._threads:
            self._lines.put(None)
        return 128 + signal.SIGKILL if left else self._child.returncode

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *exc: object) -> None:
        self.end()


def _signal_group(child: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def _end(
    child: subprocess.Popen[bytes], number: signal.Signals, seconds: float = GRACE_SECONDS
) -> None:
    if child.poll() is None:
        _signal_group(child, number)
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            _signal_group(child, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(KILLED_SECONDS)


def end_all(seconds: float = GRACE_SECONDS) -> None:
    """End every child still running, politely first: for the way out after an interrupt. Each is
    killed that takes longer than ``seconds``."""
    with _children_lock:
        children = list(_children)
    for child in children:
        if child.poll() is None:
            _signal_group(child, signal.SIGINT)
    for child in children:
        _end(child, signal.SIGTERM, seconds)
        _ended(child)


def kill_all() -> None:
    """Kill every child still running, at once: for the way out after a second interrupt."""
    for child in list(_children):  # without the lock, which the interrupted thread may hold
        _signal_group(child, signal.SIGKILL)
