"""Starts every program, from argument lists and never through a shell.

Every child runs in its own session, so that an interrupt typed at a terminal reaches this program
only and :func:`end_all` ends the children in order. The exception is the program that takes over
the terminal (:func:`hand_over`).
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
"""How long a killed child may take. One that takes longer waits for a file system that does not
answer and can't be ended: it is left behind."""
STDOUT, STDERR = 1, 2
TOO_LONG = 124
"""The exit code of a program that took too long, as in `timeout`."""

_children: set[subprocess.Popen[bytes]] = set()
_children_lock = threading.Lock()
_detached: list[subprocess.Popen[bytes]] = []
_surroundings: dict[str, str] = {}


class ProgramError(Exception):
    """A program could not be started, did not exit with code 0, or took too long.

    ``code`` is its exit code: 127 if it could not be started, 124 if it took too long.
    """

    def __init__(self, argv: Sequence[str], code: int, stdout: str, stderr: str) -> None:
        super().__init__(f"{argv[0]} exited with code {code}: {stderr.strip() or stdout.strip()}")
        self.argv, self.code, self.stdout, self.stderr = tuple(argv), code, stdout, stderr


@frozen
class Completed:
    """The result of a finished program: its exit code and both outputs, decoded as UTF-8."""

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
    """Set these variables for every program started from now on, overriding any other environment:
    the engine's address if it is reached in another way than the user's settings name."""
    _surroundings.update(variables)


def _environment(env: Mapping[str, str] | None) -> dict[str, str] | None:
    if not _surroundings:
        return None if env is None else dict(env)
    return {**(os.environ if env is None else env), **_surroundings}


def _start(
    argv: Sequence[str],
    cwd: Path | None,
    env: Mapping[str, str] | None,
    stdin: str | None,
) -> subprocess.Popen[bytes]:
    try:
        with _children_lock:
            child = subprocess.Popen(
                list(argv),
                cwd=cwd,
                env=_environment(env),
                stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            _children.add(child)
    except OSError as error:
        raise ProgramError(argv, 127, "", f"{argv[0]}: {error.strerror}") from error
    return child


def detach(argv: Sequence[str], *, log: Path, holding: int) -> None:
    """Start a program that outlives this one: in its own session, with none of our open files
    except the descriptor ``holding``, and its output in ``log``. :func:`end_all` does not end it.
    """
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
    """Restart this program in UTF-8 mode if file names would have another encoding: Compose and the
    engine use UTF-8, and a locale of another encoding can't express some names.

    Call it before anything else was done. Output stays in the locale's encoding.
    """
    if sys.getfilesystemencoding() == "utf-8" or "PYTHONUTF8" in os.environ:
        return
    printed = f"{sys.stdout.encoding}:backslashreplace"
    environment = {"PYTHONIOENCODING": printed, **os.environ, "PYTHONUTF8": "1"}
    argv = [sys.executable, *sys.orig_argv[1:]]
    os.execve(sys.executable, argv, environment)  # noqa: S606 - restarts this very program


VALUED = ("-p", "-C", "-o", "--ansi", "--profile", "--progress")
"""The options before a program's command that take a value."""


def named(argv: Sequence[str]) -> str:
    """A program's name and command: `docker-compose up`."""
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
    """Run a program until it exits, without showing its output.

    ``env`` replaces the whole environment if given; ``timeout`` is in seconds, and so is ``grace``,
    the time that a program has to end after its timeout. Raises :class:`ProgramError` if it can't
    be started or takes too long, and, with ``check``, if it does not exit with code 0.
    """
    child = _start(argv, cwd, env, stdin)
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
    """Run a program in the foreground with this process's terminal, streams and process group.
    Returns its exit code, 128 + N if signal N ended it. Raises :class:`ProgramError`, code 127, if
    it can't be started.

    While it runs, it handles the terminal's keys itself (Ctrl-C reaches both processes), and
    signals that other programs send to this process are passed on to it.
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


@contextlib.contextmanager
def stdout_kept() -> Iterator[None]:
    """Let programs that other code starts in the block write to stderr, unless stdout is a
    terminal: a reader of stdout gets only the result, and waits for no other program's end."""
    if os.isatty(STDOUT):
        yield
        return
    try:
        kept = os.dup(STDOUT)
        os.dup2(STDERR, STDOUT)
    except OSError:  # one of them is closed
        yield
        return
    try:
        yield
    finally:
        os.dup2(kept, STDOUT)
        os.close(kept)


def _in_foreground() -> bool:
    """Whether this process belongs to its terminal's foreground process group."""
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
    """A running program whose output is read line by line.

    Iterating yields a :class:`Line` for each line of both outputs as it arrives, until both are
    closed. As a context manager, it ends the program when the block is left.
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
        self._child = _start(argv, cwd, env, stdin)
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
        """The next line, or None if both outputs are closed. Raises TimeoutError if no line arrives
        within ``seconds``."""
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
        """Wait until the program has ended, and return its exit code."""
        code = self._child.wait()
        _ended(self._child)
        return code

    def end(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        """Signal the program to end, kill it after GRACE_SECONDS, and return its exit code: that of
        SIGKILL if it had to be left behind."""
        _end(self._child, with_signal)
        _ended(self._child)
        left = self._child.returncode is None
        while not left and any(thread.is_alive() for thread in self._threads):
            # A reader thread may be blocked on a full queue that nothing empties any more.
            with contextlib.suppress(queue.Empty):
                self._lines.get(timeout=0.01)
        with contextlib.suppress(queue.Empty):
            while True:
                self._lines.get_nowait()
        # Another thread may be reading lines; the loop above may have removed its end markers.
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
    """End every running child after an interrupt: SIGINT to all, then SIGTERM, then SIGKILL for
    each that takes longer than ``seconds``."""
    with _children_lock:
        children = list(_children)
    for child in children:
        if child.poll() is None:
            _signal_group(child, signal.SIGINT)
    for child in children:
        _end(child, signal.SIGTERM, seconds)
        _ended(child)


def kill_all() -> None:
    """Kill every running child at once, after a second interrupt."""
    for child in list(_children):  # without the lock, which the interrupted thread may hold
        _signal_group(child, signal.SIGKILL)
