"""A project in which another user, or root, was at work before; and one that may only be read."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.scripted_engine import ScriptedEngine
from tests.project import TASKS, Project, own_environment

NOBODY = 65534
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
READERS = (["status"], ["env"], ["up", "--plan"])


def _nobody_runs_python() -> bool:
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        return False
    done = subprocess.run(
        [*AS_NOBODY, sys.executable, "-c", "import composetasks.tasks"], check=False
    )
    return done.returncode == 0


pytestmark = pytest.mark.skipif(
    not _nobody_runs_python(), reason="becoming another user takes root"
)


class AnothersProject(Project):
    """A project of nobody's, in which nobody is the user unless root is asked for."""

    def as_nobody(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*AS_NOBODY, sys.executable, "-m", "invoke", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stdout + done.stderr
        return done

    @property
    def kept(self) -> Path:
        return self.folder / ".composetasks"

    def owners(self) -> set[int]:
        return {path.lstat().st_uid for path in (self.kept, *self.kept.rglob("*"))}


@pytest.fixture(scope="module")
def compiled() -> Iterator[str]:
    """Where nobody's Python keeps what it compiled: beside the sources it may not."""
    with tempfile.TemporaryDirectory(prefix="ct-test-") as place:
        os.chown(place, NOBODY, NOBODY)
        yield place


@pytest.fixture
def shop(compiled: str) -> Iterator[AnothersProject]:
    place = tempfile.TemporaryDirectory(prefix="ct-test-")
    with place, ScriptedEngine(Path(place.name)) as engine:
        for path in (place.name, engine.socket):
            os.chown(path, NOBODY, NOBODY)
        engine.images = [{"Id": "sha256:db", "RepoTags": ["db:1"], "Created": 1, "Size": 2}]
        folder = Path(place.name, "shop")
        folder.mkdir()
        environment = {**own_environment(), "DOCKER_HOST": engine.url}
        environment |= {"HOME": str(folder), "TMPDIR": place.name}
        for name in ("DOCKER_CONTEXT", "PYTHONDONTWRITEBYTECODE"):
            environment.pop(name, None)
        environment["PYTHONPYCACHEPREFIX"] = compiled
        made = AnothersProject(folder, environment)
        made.write("tasks.py", TASKS)
        made.write("compose.yaml", "name: shop\nservices: {db: {image: 'db:1'}}\n")
        for path in (folder, *folder.iterdir()):
            os.chown(path, NOBODY, NOBODY)
        yield made


def test_what_root_leaves_belongs_to_the_projects_owner(shop: AnothersProject) -> None:
    assert shop.inv("up").code != 0  # the scripted engine refuses it, after the lock and the run
    assert shop.owners() == {NOBODY}
    assert {"lock", "runs", "cache"} <= {path.name for path in shop.kept.iterdir()}
    again = shop.as_nobody("up")
    assert "belongs to" not in again.stderr
    assert shop.as_nobody("status").returncode == 0
    # Root in turn reads what is the owner's.
    before = sorted((shop.kept / "cache").glob("compose-*"))
    times = [path.stat().st_mtime_ns for path in before]
    assert shop.inv("status").code == 0
    assert [path.stat().st_mtime_ns for path in before] == times


def test_what_root_kept_to_itself_stops_no_reader(shop: AnothersProject) -> None:
    assert shop.as_nobody("status").returncode == 0
    for path in (shop.kept, *shop.kept.rglob("*")):
        os.chown(path, 0, 0)
    for task in READERS:
        ran = shop.as_nobody(*task)
        assert ran.returncode == 0, ran.stderr
        assert ran.stderr.count("belongs to root, and this is nobody") == 1
    ran = shop.as_nobody("up")
    assert ran.returncode == 1
    assert ran.stderr.startswith(f"error: {shop.kept} can't be written to: it belongs to root")
    assert f"next: `sudo chown -R nobody: {shop.kept}` makes it yours" in ran.stderr


def test_a_project_that_may_only_be_read(shop: AnothersProject) -> None:
    os.chown(shop.folder, 0, 0)
    for task in READERS:
        ran = shop.as_nobody(*task)
        assert ran.returncode == 0, ran.stderr
    # What Compose would start is started; where the run is kept is said, once.
    caches = Path(shop.environment["PYTHONPYCACHEPREFIX"], "caches")
    shop.environment["XDG_CACHE_HOME"] = str(caches)
    ran = shop.as_nobody("up")
    assert ran.returncode == 8  # the scripted engine refuses it
    assert " ".join(ran.stderr.split()).count(": this run is kept in ") == 1
    [kept] = (caches / "composetasks").iterdir()
    assert {"lock", "runs", "cache"} <= {path.name for path in kept.iterdir()}
    assert shop.as_nobody("status").returncode == 0
    # State is kept in the project or not at all.
    for task in (["snapshot"], ["reset-state", "--yes"]):
        ran = shop.as_nobody(*task)
        assert ran.returncode == 1
        assert f"`sudo install -d -o nobody {shop.kept}` makes it yours" in ran.stderr
    assert not shop.kept.exists()


def test_mounts_of_what_only_root_may_look_into(shop: AnothersProject) -> None:
    secret = shop.folder.parent / "letsencrypt"
    (secret / "live").mkdir(parents=True)
    (secret / "live/key.pem").write_text("key")
    secret.chmod(0o700)
    volumes = f"volumes: ['{secret}/live/key.pem:/key:ro', '{secret}/live:/live']"
    shop.write(
        "compose.yaml",
        f"""
name: shop
services:
  job: {{image: 'db:1', {volumes}}}
  db:
    image: 'db:1'
    {volumes}
    depends_on: {{job: {{condition: service_completed_successfully}}}}
volumes:
  data: {{driver: local, driver_opts: {{type: none, o: bind, device: '{secret}/live'}}}}
""",
    )
    for path in (shop.folder, *shop.folder.iterdir()):
        os.chown(path, NOBODY, NOBODY)
    ran = shop.as_nobody("up", "--plan")
    assert ran.returncode == 0, ran.stderr
    assert "create-container  shop-job-1  does not exist yet" in ran.stdout
    ran = shop.as_nobody("snapshot", "--plan")
    assert f"not kept: {secret}/live (outside the project's folder)" in ran.stdout, ran.stderr
    ran = shop.as_nobody("up", "--plan", "--instance", "a")
    assert f"instance a would share folder {secret}/live with the other copies" in ran.stderr


def test_a_lock_of_another_user(shop: AnothersProject) -> None:
    assert shop.as_nobody("status").returncode == 0
    (shop.kept / "lock").touch(0o600)
    ran = shop.as_nobody("down")
    assert ran.returncode == 1
    assert f"{shop.kept / 'lock'} can't be written to: it belongs to root" in ran.stderr


@pytest.mark.parametrize("name", [".composetasks", ".composetasks/cache", ".composetasks/runs"])
def test_a_file_in_the_place_of_a_folder(shop: AnothersProject, name: str) -> None:
    (shop.folder / name).parent.mkdir(exist_ok=True)
    (shop.folder / name).write_text("")
    os.chown((shop.folder / name).parent, NOBODY, NOBODY)
    assert shop.as_nobody("status").returncode == 0
    ran = shop.as_nobody("up")
    assert ran.returncode == 1
    assert ran.stderr.startswith(f"error: {shop.folder / name} has to be a folder, but is not")


@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
def test_something_else_in_the_place_of_the_lock(shop: AnothersProject, kind: str) -> None:
    assert shop.as_nobody("status").returncode == 0
    place = shop.kept / "lock"
    if kind == "folder":
        place.mkdir()
    elif kind == "link":
        place.symlink_to("/etc/passwd")
    else:
        os.mkfifo(place)
    ran = shop.inv("up")
    assert ran.code == 1
    assert ran.err.startswith(f"error: {place} has to be a regular file, but is not")
    assert stat.S_ISREG(Path("/etc/passwd").stat().st_mode)
