"""Single key presses at the terminal, without a line ending."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import select
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from typing import Any

ARROWS = {"\x1b[A": "up", "\x1b[B": "down", "\x1bOA": "up", "\x1bOB": "down"}
KEY = re.compile(r"\x1b[\[O][0-;]*.?|\x1b|[^\x1b]", re.DOTALL)
"""A key as a terminal sends it: an escape sequence (ECMA-48, 5.4), Escape, or a character."""


def keys_of(text: str) -> Iterator[str]:
    """Yield the keys in what a terminal has sent, which may be several at once (a key that is held
    down): characters, "up" and "down". Other escape sequences are no keys."""
    for key in KEY.findall(text):
        if key in ARROWS or not key.startswith("\x1b"):
            yield ARROWS.get(key, key)


class Keys:
    """The keys pressed while the context is active; ``wake`` is called after each. Without a
    terminal there are none. Ctrl-C and similar keys keep their meaning."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._pressed: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._before: list[Any] | None = None
        self._end = -1
        self._reader: threading.Thread | None = None

    def __enter__(self) -> Keys:
        if sys.stdin.isatty():
            self._before = termios.tcgetattr(sys.stdin)
            self._take()
        return self

    def __exit__(self, *exc: object) -> None:
        self._release()

    def pressed(self) -> Iterator[str]:
        """The keys pressed since the last call: a character, "up" or "down"."""
        with contextlib.suppress(queue.Empty):
            while True:
                yield self._pressed.get_nowait()

    @contextlib.contextmanager
    def released(self) -> Iterator[None]:
        """Give the terminal to another program for the block."""
        self._release()
        try:
            yield
        finally:
            if self._before is not None:
                self._take()

    def _take(self) -> None:
        tty.setcbreak(sys.stdin, termios.TCSANOW)
        ended, self._end = os.pipe()
        self._reader = threading.Thread(target=self._read, args=(ended,), daemon=True)
        self._reader.start()

    def _release(self) -> None:
        if self._reader is not None:
            os.close(self._end)
            self._reader.join()
            self._reader = None
        if self._before is not None:
            termios.tcsetattr(sys.stdin, termios.TCSANOW, self._before)

    def _read(self, ended: int) -> None:
        terminal = sys.stdin.fileno()
        try:
            while ended not in (ready := select.select([terminal, ended], [], [])[0]):
                text = os.read(terminal, 32) if ready else b""
                if not text:
                    return  # the terminal was closed
                for key in keys_of(text.decode(errors="ignore")):
                    self._pressed.put(key)
                self._wake()
        except OSError:
            return
        finally:
            os.close(ended)
