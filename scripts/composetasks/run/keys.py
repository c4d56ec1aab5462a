"""Single key presses at the terminal, without a line ending."""

from __future__ import annotations

import contextlib
import os
import queue
import select
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from typing import Any

ARROWS = {b"\x1b[A": "up", b"\x1b[B": "down", b"\x1bOA": "up", b"\x1bOB": "down"}


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
                if text in ARROWS:
                    self._pressed.put(ARROWS[text])
                elif not text.startswith(b"\x1b"):
                    for character in text.decode(errors="ignore"):
                        self._pressed.put(character)
                self._wake()
        except OSError:
            return
        finally:
            os.close(ended)
