"""Packs Python and a program of ``inside/`` into one archive, for a container that has neither.

A fresh interpreter imports the program and reports the files it loaded: modules, and the libraries
that the kernel mapped. So the helper container needs nothing from an image, and no image is pulled
or built for it. The engine must run this machine's programs: Linux and the same architecture.
"""

from __future__ import annotations

import io
import json
import os
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

from composetasks.run import process

HOME = ".composetasks-helper"
LIBRARY = f"python{sys.version_info[0]}.{sys.version_info[1]}"
PROBE = """
import sys
sys.path += sys.argv[1:]
import encodings.ascii, encodings.latin_1, json, {modules}
print(json.dumps({{
    "modules": [m.__file__ for m in list(sys.modules.values()) if getattr(m, "__file__", None)],
    "mapped": sorted({{line.split(None, 5)[5].rstrip() for line in open("/proc/self/maps")
                      if line.count("/") and ".so" in line.rpartition("/")[2]}}),
    "library": json.__file__.rpartition("/")[0].rpartition("/")[0],
}}))
"""
HELPER = "inside.main, zstandard, fcntl"
"""The modules that the helper for state imports."""


def argv(program: str = "main") -> list[str]:
    """The command that starts a program of ``inside/`` in the container."""
    options = ["-I", "-S", "-B", "-X", "utf8", "-c", f"from inside.{program} import main; main()"]
    return [f"/{HOME}/bin/{LIBRARY}", *options]


def entrypoint() -> list[str]:
    """The command that starts the interpreter: this machine's loader, with its libraries."""
    return [f"/{HOME}/bin/loader", "--library-path", f"/{HOME}/lib"]


def archive(modules: str = HELPER) -> bytes:
    """A tar archive of everything that ``modules`` load, to be unpacked in a container's root
    folder.

    Raises ProgramError if the interpreter cannot list the files it loaded.
    """
    buffer = io.BytesIO()
    there: dict[str, str] = {}
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for target, source in {target: source for source, target in _files(modules)}.items():
            path = os.path.realpath(source)
            if path in there:
                link = tarfile.TarInfo(f"{HOME}/{target}")
                link.type, link.linkname, link.mode = tarfile.LNKTYPE, there[path], 0o755
                tar.addfile(link)
            else:
                there[path] = f"{HOME}/{target}"
                tar.add(path, there[path], recursive=False)
    return buffer.getvalue()


def _files(modules: str) -> Iterator[tuple[str, str]]:
    import zstandard

    packages = [str(Path(__file__).parent), str(Path(zstandard.__file__).parents[1])]
    python = os.path.realpath(sys.executable)
    result = process.run(
        [python, "-I", "-S", "-B", "-c", PROBE.format(modules=modules), *packages], timeout=30
    )
    probed = json.loads(result.stdout)
    yield python, f"bin/{LIBRARY}"
    for source in probed["modules"]:
        base = next(one for one in (probed["library"], *packages) if source.startswith(f"{one}/"))
        yield source, f"lib/{LIBRARY}/{os.path.relpath(source, base)}"
    loaded = set(probed["modules"])
    for source in probed["mapped"]:
        name = os.path.basename(source)
        if name.startswith(("ld-", "ld.")):
            yield source, "bin/loader"
        if source not in loaded:
            for entry in sorted(_names(Path(source))):
                yield source, f"lib/{entry}"


def _names(library: Path) -> set[str]:
    """The names by which programs load a library: its own and those of the links to it."""
    stem = library.name.replace("-", ".").split(".")[0]
    names = {path.name for path in library.parent.glob(f"{stem}*") if path.samefile(library)}
    return {library.name, *names}
