"""Digest the files below a folder as a start does, with a memory in a file: ``digest.py FOLDER
MEMORY``. benchmarks/command.py starts it."""

from __future__ import annotations

import sys
from pathlib import Path

from composetasks.observe.images.ignore import Ignore
from composetasks.observe.images.listings import Listings
from composetasks.observe.images.needs import Modes
from composetasks.observe.images.selection import Root
from composetasks.observe.images.tree import Reader

if __name__ == "__main__":
    folder, memory = sys.argv[1:]
    roots = [Root("src", True, "", Modes.ALL)]
    print(Reader(folder, roots, {}, Ignore(()), Path(memory), Listings()).read().digest)
