"""What is told of one file, folder or link: a short text, equal where the image would be equal."""

from __future__ import annotations

import hashlib
import os

from composetasks.observe.images.needs import Modes

SENT_ALONG = ("user.", "security.capability")


def with_modes(text: str, modes: Modes) -> str:
    """An entry's text without what of its mode does not reach the image."""
    if modes is Modes.ALL or text[0] not in "fd":
        return text
    kind, mode, *rest = text.split(" ")
    runs = modes is Modes.EXECUTABLE and kind == "f" and int(mode, 8) & 0o111
    return " ".join((kind, "x" if runs else "-", *rest))


def folder_text(mode: int, attributes: str) -> str:
    """The text of a folder's own entry."""
    return f"d {mode & 0o7777:o}{attributes and ' '}{attributes}"


def attributes(path: str) -> str:
    """A digest of the extended attributes that BuildKit sends along and that are not the
    machine's own affair (as SELinux labels are); "" where there are none."""
    if not hasattr(os, "listxattr"):
        return ""  # macOS: its Python can't read them
    try:
        names = [n for n in os.listxattr(path, follow_symlinks=False) if n.startswith(SENT_ALONG)]
        if not names:
            return ""
        held = [(name, os.getxattr(path, name, follow_symlinks=False)) for name in sorted(names)]
    except OSError:
        return ""
    return hashlib.sha256(repr(held).encode()).hexdigest()[:16]
