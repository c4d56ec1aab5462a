"""Whether a version of the code can be imported, found out by a process of its own.

    python3 imports.py PACKAGE

Run in the folder that holds the package. Prints the first thing that is wrong, and ends with 1.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from pathlib import Path


def main(package: str) -> int:
    """Imports each of the package's modules."""
    sys.path.insert(0, str(Path.cwd()))
    folder = Path(package).resolve()
    for path in sorted(folder.glob("*.py")):
        name = package if path.stem == "__init__" else f"{package}.{path.stem}"
        try:
            importlib.import_module(name)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever an edit may raise
            print(f"{_place(error, folder) or path.name}: {type(error).__name__}: {error}")
            return 1
    return 0


def _place(error: BaseException, folder: Path) -> str:
    """The last line of the package's own that the error went through."""
    if isinstance(error, SyntaxError):
        return f"{Path(error.filename or '').name}, line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).parent == folder]
    return f"{Path(own[-1].filename).name}, line {own[-1].lineno}" if own else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
