"""The wheel as a user has it: built from this tree, and installed in an environment of its own.

What it depends on is that of the tests' environment: nothing is fetched.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def composetasks(factory: pytest.TempPathFactory) -> Path:
    """The program that the wheel brings; one for all workers of a run."""
    # Each worker's folders are in one of its own, in that of the run.
    shared = factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        shared = shared.parent
    place = shared / "installed"
    with (shared / "installed.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            _install(place)
    return place / "bin" / "composetasks"


def _install(place: Path) -> None:
    wheels = place.with_name("wheels")
    build = (sys.executable, "-m", "hatchling", "build", "--target", "wheel")
    _run(*build, "--directory", str(wheels))
    venv.create(place, with_pip=True, symlinks=True)
    python = str(place / "bin" / "python")
    (wheel,) = wheels.glob("*.whl")
    _run(python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", str(wheel))
    _run(
        python,
        "-c",
        "import sys, compileall, sysconfig; compileall.compile_dir("
        "sysconfig.get_path('purelib') + '/composetasks', quiet=2)",
    )
    packages = sysconfig.get_path("purelib", vars={"base": str(place)})
    (Path(packages) / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    own_compose = Path(sys.executable).with_name("docker-compose")
    if own_compose.exists():
        (place / "bin" / "docker-compose").symlink_to(own_compose)


def _run(*argv: str) -> None:
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
