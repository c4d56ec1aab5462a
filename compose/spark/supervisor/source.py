"""One version of the job's code: all of its files, read at one moment."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "processing"

Stamp = tuple[tuple[str, int, int], ...]


def _modules(folder: Path) -> list[Path]:
    """The files that are code: what editors and systems hide beside them is not."""
    found = (path for path in folder.glob("*.py") if not path.name.startswith("."))
    return sorted(path for path in found if path.is_file())


def stamp(folder: Path) -> Stamp:
    """Name, size and time of each file: cheap to take, and other whenever the code may be."""
    found = []
    for path in _modules(folder):
        try:
            status = path.stat()
        except FileNotFoundError:  # an editor is replacing it
            continue
        found.append((path.name, status.st_size, status.st_mtime_ns))
    return tuple(found)


@dataclass(frozen=True)
class Source:
    """The files, by name."""

    files: dict[str, bytes]

    @classmethod
    def read(cls, folder: Path) -> Source:
        """The code as it lies in a folder now. Raises OSError where a file can't be read."""
        return cls({path.name: path.read_bytes() for path in _modules(folder)})

    @property
    def version(self) -> str:
        """Twelve hexadecimal digits that change with any file's name or content."""
        digest = hashlib.sha256()
        for name, content in sorted(self.files.items()):
            digest.update(f"{name}\0{len(content)}\0".encode())
            digest.update(content)
        return digest.hexdigest()[:12]

    def unpack(self, folder: Path) -> Path:
        """Writes the package into a folder, in place of one that is there; gives the package's
        path."""
        package = folder / PACKAGE
        shutil.rmtree(package, ignore_errors=True)
        package.mkdir(parents=True)
        for name, content in self.files.items():
            (package / name).write_bytes(content)
        return package

    def pack(self, folder: Path) -> Path:
        """Writes the package as a zip that Spark can send to its workers; gives its path."""
        path = folder / f"{PACKAGE}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in self.files.items():
                archive.writestr(f"{PACKAGE}/{name}", content)
        return path
