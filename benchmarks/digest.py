"""Digest the files below a folder, with a memory in a file: ``digest.py FOLDER MEMORY``. A child
of benchmarks/command.py."""

from __future__ import annotations

import sys
from pathlib import Path

from composetasks.observe.inputs.ignore import Ignore
from composetasks.observe.inputs.listings import Listings
from composetasks.observe.inputs.needs import Modes
from composetasks.observe.inputs.selection import Root
from composetasks.observe.inputs.tree import read_files

if __name__ == "__main__":
    folder, memory = sys.argv[1:]
    roots = [Root("src", True, "", Modes.ALL)]
    print(read_files(folder, roots, {}, Ignore(()), Path(memory), Listings()).digest)
