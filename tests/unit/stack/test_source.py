from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from supervisor.source import Source, stamp

import processing

FOLDER = Path(processing.__file__).parent


def test_the_version_is_that_of_names_and_contents() -> None:
    first = Source({"a.py": b"1", "b.py": b"2"})
    assert first.version == Source({"b.py": b"2", "a.py": b"1"}).version
    others = [{"a.py": b"1"}, {"a.py": b"1", "b.py": b"3"}, {"a.py": b"12", "b.py": b""}]
    assert len({first.version, *(Source(files).version for files in others)}) == 4


def test_only_python_files_count(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    before = Source.read(tmp_path)
    (tmp_path / "README.md").write_text("1")
    (tmp_path / "sub.py").mkdir()
    (tmp_path / "gone.py").symlink_to("nowhere.py")
    os.mkfifo(tmp_path / "pipe.py")
    # What editors and systems leave beside a file.
    (tmp_path / ".#a.py").symlink_to("user@host.123")
    (tmp_path / "._a.py").write_bytes(b"\0")
    assert Source.read(tmp_path) == before
    assert [name for name, _, _ in stamp(tmp_path)] == ["a.py"]


def test_the_stamp_changes_with_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    before = stamp(tmp_path)
    (tmp_path / "a.py").write_text("22")
    assert stamp(tmp_path) != before


def test_the_zip_holds_a_package_that_can_be_imported(tmp_path: Path) -> None:
    source = Source.read(FOLDER)
    archive = source.pack(tmp_path)
    code = "import processing.scoring; print(processing.scoring.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(archive)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(archive / "processing" / "scoring.py")


def test_unpacked_it_is_the_same_code(tmp_path: Path) -> None:
    source = Source.read(FOLDER)
    assert Source.read(source.unpack(tmp_path)) == source
