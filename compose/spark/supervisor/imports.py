"""Whether a version of the code can be imported, found out by a process of its own.

    python3 imports.py PACKAGE

Run in the folder that holds the package. Prints the first thing that is wrong, and ends with 1.
All that is done to the code is done here: compiling it, too, may end a process.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import traceback
from pathlib import Path


def main(package: str) -> int:
    """Compiles and imports each of the package's modules."""
    # If this takes all the memory there is, then it is to go, and not the job that runs beside it.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    sys.path.insert(0, str(Path.cwd()))
    folder = Path(package).resolve()
    paths = sorted(folder.glob("*.py"))
    for path in paths:
        try:
            compile(path.read_bytes(), path.name, "exec", dont_inherit=True)
        except SyntaxError as error:
            print(f"{path.name}, line {error.lineno}: {error.msg}")
            return 1
        except (ValueError, RecursionError, MemoryError) as error:
            print(f"{path.name}: {type(error).__name__}: {error}")
            return 1
    for path in paths:
        name = package if path.stem == "__init__" else f"{package}.{path.stem}"
        try:
            importlib.import_module(name)
        except BaseException as error:  # noqa: BLE001  # whatever an edit may raise
            said = " ".join(str(error).split())  # one line, whatever is in it
            print(f"{_place(error, folder) or path.name}: {type(error).__name__}: {said}")
            return 1
    return 0


def _place(error: BaseException, folder: Path) -> str:
    """The last line of the package's own that the error went through."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).parent == folder]
    return f"{Path(own[-1].filename).name}, line {own[-1].lineno}" if own else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
