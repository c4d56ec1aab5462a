"""Draws the terminal output of a command as an SVG, for the documentation.

    python scripts/picture.py docs/images/up.svg 100 inv up
    python scripts/picture.py docs/images/watch.svg 100 --as "inv watch" sh -c "... inv watch"

    python scripts/picture.py docs/images/init.svg 110 --rows 20 uvx composetasks init --plan

The arguments are the file, the width of the terminal in columns, optionally the number of rows to
show of a long page or the command line to show as the title, and the command. An exit code other
than 0 is shown.
"""

from __future__ import annotations

import os
import pty
import re
import shlex
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text


def output(argv: list[str], columns: int) -> tuple[str, int]:
    """The output of a command on its own terminal, and its exit code."""
    process, terminal = pty.fork()
    if process == 0:
        os.environ |= {"COLUMNS": str(columns), "LINES": "50", "TERM": "xterm-256color"}
        os.execvp(argv[0], argv)  # noqa: S606 - a list of arguments, no shell
    written = bytearray()
    try:
        while part := os.read(terminal, 65536):
            written += part
    except OSError:
        pass  # Linux's way to report that the other end is closed
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    return written.decode(errors="replace").rstrip(), code


def last_seen(text: str) -> str:
    """The text visible at the end: rich redraws live lines by moving up and clearing lines."""
    rows, row = [""], 0
    for part in re.split(r"(\r?\n|\r|\x1b\[2K|\x1b\[1A|\x1b\[\?25[lh])", text):
        if part.endswith("\n"):
            row += 1
            rows += [""] if row == len(rows) else []
        elif part == "\x1b[1A":
            row = max(0, row - 1)
        elif part == "\x1b[2K":
            rows[row] = ""
        elif part != "\r" and not part.startswith("\x1b[?"):
            rows[row] += part
    return "\n".join(rows).rstrip()


def main(path: str, width: str, *command: str) -> None:
    """Run the command and write the picture."""
    columns, argv, rows = int(width), list(command), None
    if argv[0] == "--rows":
        rows, argv = int(argv[1]), argv[2:]
    typed = shlex.join(argv)
    if argv[0] == "--as":
        _, typed, *argv = argv
    text, code = output(argv, columns)
    shown = last_seen(text).split("\n")
    cut = ["..."] if shown[rows:] and rows else []
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=columns, file=nowhere, force_terminal=True)
        console.print(Text.from_ansi("\n".join([*shown[:rows], *cut])), soft_wrap=False)
        if code:
            console.print(f"[dim]exit code {code}[/dim]")
        picture = console.export_svg(title=f"$ {typed}")
    # Rich names a font to download; every machine has its own monospace font.
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
    Path(path).write_text(picture.replace("Fira Code, monospace", "monospace"), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
