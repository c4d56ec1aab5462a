"""`composetasks`, from the built wheel, in folders that nobody prepared."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.functional.scripted_engine import ScriptedEngine
from tests.project import TASKS, Project, Ran, own_environment

COMPOSE = """
services:
  web:
    image: web:1
    environment: {WEIGHT: "${WEIGHT:-0.3}"}
"""
WEB = {"Id": "sha256:web", "RepoTags": ["web:1"], "Created": 1, "Size": 2}
NETWORKS = [{"Id": "n1", "Name": "bridge"}]


@pytest.fixture
def shop(tmp_path: Path, program: Path) -> Iterator[Project]:
    """A folder with a compose file and nothing else."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "compose.yaml").write_text(COMPOSE)
    environment = own_environment()
    environment.pop("DOCKER_CONTEXT", None)
    with ScriptedEngine(tmp_path) as engine:
        environment["DOCKER_HOST"] = engine.url
        engine.images, engine.networks = [WEB], NETWORKS
        yield Project(folder, environment, program=(str(program),))


def below(project: Project, name: str = "src/deep") -> Project:
    """The project, entered by a folder in it."""
    place = project.folder / name
    place.mkdir(parents=True, exist_ok=True)
    return replace(project, folder=place)


def target(ran: Ran) -> list[str]:
    assert ran.code == 0, ran.err
    return [step["target"] for step in ran.document["steps"]]


def test_any_folder_with_a_compose_file_has_the_tasks(shop: Project) -> None:
    plan = ("up", "--plan", "--json")
    assert target(shop.inv(*plan)) == ["shop-web-1"]
    assert target(below(shop).inv(*plan)) == ["shop-web-1"]
    assert target(
        replace(below(shop), folder=shop.folder.parent).inv(*plan, COMPOSE_FILE="shop/compose.yaml")
    ) == ["shop-web-1"]
    # What is kept lies beside the compose file, out of git and in no other folder.
    assert (shop.folder / ".composetasks" / ".gitignore").is_file()
    assert not (shop.folder / "src" / "deep" / ".composetasks").exists()
    # It is the same plan that `inv` makes beside a tasks.py.
    shop.write("tasks.py", TASKS)
    inv = Project(shop.folder, shop.environment)
    assert shop.inv(*plan).out == inv.inv(*plan).out


def test_the_projects_own_tasks_are_taken_and_other_peoples_are_not(shop: Project) -> None:
    settings = 'collection(["up", "env"], {"stack": {"files": ["dev.yaml"]}})'
    shop.write("tasks.py", f"from composetasks import collection\nns = {settings}\n")
    shop.write("dev.yaml", "services: {db: {image: web:1}}\n")
    inner = below(shop, "inner")
    inner.write("compose.yaml", COMPOSE)  # as in a repository whose compose file is in a folder
    assert target(inner.inv("up", "--plan", "--json")) == ["shop-db-1"]
    assert "snapshot" not in inner.inv().out
    (inner.folder / ".git").mkdir()  # a repository of its own
    assert target(inner.inv("up", "--plan", "--json")) == ["inner-web-1"]
    shop.write("tasks.py", "from celery import Celery\napp = Celery()\n")
    shop.write("compose.yaml", COMPOSE)
    assert target(shop.inv("up", "--plan", "--json")) == ["shop-web-1"]


def test_a_task_file_that_needs_another_environment(shop: Project) -> None:
    shop.write("tasks.py", f"{TASKS}import nowhere_installed\n")
    ran = shop.inv("up")
    assert ran.code == 1
    assert "No module named 'nowhere_installed'" in ran.err
    assert "next: install composetasks in the environment that" in ran.err


def test_a_task_file_with_a_mistake_is_named_with_its_line(shop: Project) -> None:
    shop.write("tasks.py", f"{TASKS}def broken(:\n")
    line = TASKS.count("\n") + 1
    ran = shop.inv("status")
    assert (ran.code, "Traceback" in ran.err) == (1, False)
    assert f"{shop.folder}/tasks.py:{line}: " in ran.err


def test_hints_say_what_was_typed(shop: Project) -> None:
    assert "`composetasks --list`" in shop.inv("ups").err
    assert "`composetasks status`" in shop.inv("exec", "-s", "a", "-s", "b", "--", "sh").err
    assert "`composetasks up` records a start" in shop.inv("timeline").err


def test_the_list_and_the_versions(shop: Project) -> None:
    listed, inv = shop.inv(), Project(shop.folder, shop.environment)
    shop.write("tasks.py", TASKS)
    assert listed.code == 0
    # The one task more is for a folder that has no tasks.py yet.
    _, more, rest = listed.out.partition("  init ")
    assert more + rest.partition("\n  layers ")[0] not in inv.inv("--list").out
    assert listed.out.replace(more + rest.partition("  layers ")[0], "") == inv.inv("--list").out
    output = dict(line.rsplit(maxsplit=1) for line in shop.inv("--version").out.splitlines()[:4])
    assert list(output) == ["composetasks", "Invoke", "Docker SDK", "Python"]
    assert all(version[0].isdigit() for version in output.values())


def test_a_folder_without_a_project_is_left_as_it_is(shop: Project) -> None:
    for words in ("up", "down", "up --plan", "status", "snapshot now", "up --instance b"):
        empty = replace(shop, folder=shop.folder.parent / "empty")
        empty.folder.mkdir(exist_ok=True)
        ran = empty.inv(*words.split())
        assert ran.code == 6, words
        assert f"no compose file in {empty.folder} or above" in ran.err
        assert list(empty.folder.iterdir()) == [], words
    ran = replace(shop, folder=shop.folder.parent / "empty").inv("status", "--json")
    assert json.loads(ran.out)["schema"] == "composetasks.error/1"


def test_a_shell_completes_what_the_last_run_saw(shop: Project) -> None:
    shop.write(
        "compose.yaml", f"{COMPOSE}    volumes: [web-data:/data]\nvolumes: {{web-data: {{}}}}\n"
    )
    assert shop.inv("up", "--plan").code == 0
    # From what is kept alone: no engine answers, and there is no Compose.
    alone = {"DOCKER_HOST": "unix:///nowhere.sock", "PATH": "/usr/bin:/bin", "DOCKER_CONFIG": "/x"}

    def completed(project: Project, name: str, line: str) -> list[str]:
        ran = project.inv("--complete", "--", name, *line.split(), **alone)
        assert (ran.code, ran.err) == (0, "")
        return ran.out.split()

    assert {"web", "up"} <= set(completed(below(shop), "composetasks", "up w"))
    assert completed(shop, "composetasks", "reset-state --keep w") == ["web-data"]
    assert "--plan" in completed(shop, "composetasks", "up --pl")
    shop.write("tasks.py", TASKS)
    inv = Project(shop.folder, shop.environment)
    assert "web" in completed(inv, "inv", "up w")
    assert "web" in completed(inv, "inv", "up --plan")


def test_a_shell_is_answered_without_invoke_once_the_tasks_are_known(
    shop: Project, tmp_path: Path
) -> None:
    (tmp_path / "without" / "invoke").mkdir(parents=True)
    (tmp_path / "without" / "invoke" / "__init__.py").write_text("raise SystemExit('imported')")
    without = {"PYTHONPATH": str(tmp_path / "without")}
    words = ("--complete", "--", "composetasks", "up", "")
    shop.write("tasks.py", f"{TASKS}from more import mine\nns.add_task(mine)\n")
    shop.write("more.py", "from invoke import task\n@task\ndef mine(context): pass\n")
    assert shop.inv("up", "--plan").code == 0
    first = shop.inv(*words)
    assert {"up", "web", "mine"} <= set(first.out.split())
    shop.write("compose.yaml", "services: [")  # which nobody asks
    assert shop.inv(*words, **without).out == first.out
    # A file that the tasks come from is another one now.
    shop.write("more.py", "from invoke import task\n@task(name='ours')\ndef mine(context): pass\n")
    assert "imported" in shop.inv(*words, **without).err
    assert "ours" in shop.inv(*words).out.split()
    assert "ours" in shop.inv(*words, **without).out.split()


SHELLS = {
    "bash": 'COMP_WORDS=("${words[@]}"); COMP_CWORD=$((${#words[@]} - 1)); '
    '_composetasks composetasks "${words[$COMP_CWORD]}"; printf "%s\\n" "${COMPREPLY[@]}"',
    # What fits is the completion's own business there.
    "zsh": "CURRENT=$#words; compadd() { shift; print -l -- ${(M)@:#$words[CURRENT]*}; }; "
    "_composetasks",
    "fish": 'complete -C "composetasks $words"',
}
"""How a shell comes to complete what stands in ``words``, without a terminal."""


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_completes_the_word_at_the_cursor(
    shop: Project, tmp_path: Path, shell: str
) -> None:
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    assert shop.inv("up", "--plan").code == 0
    (shop.folder / ".composetasks" / "snapshots" / "monday").mkdir(parents=True)
    script = tmp_path / "script"
    script.write_text(shop.inv("--print-completion-script", shell).out)
    path = f"{Path(shop.program[0]).parent}:{shop.environment['PATH']}"

    def completed(*words: str) -> list[str]:
        named = " ".join(shlex.quote(word) for word in words)
        begin = f"words=(composetasks {named}); compdef() {{ :; }}"
        if shell == "fish":
            begin = f'set words "{" ".join(words)}"'
        ran = subprocess.run(
            [shell, "-c", f". {script}; {begin}; {SHELLS[shell]}"],
            cwd=shop.folder,
            env={**shop.environment, "PATH": path, "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        )
        return ran.stdout.split()

    assert completed("up", "we") == ["web"]
    assert {"web", "down"} <= set(completed("up", "--plan", ""))
    assert completed("up", "--no-b") == ["--no-build"]
    assert completed("restore", "mon") == ["monday"]
    assert "--plan" not in completed("exec", "web", "ls", "--p")


@pytest.mark.parametrize("words", [["--list"], ["--help"], ["--version"], ["up", "--help"], []])
def test_a_reader_that_has_read_enough_of_a_list_is_no_error(
    shop: Project, words: list[str]
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stdout:
        ran = subprocess.run(
            [*shop.program, *words],
            cwd=shop.folder,
            env=shop.environment,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            ["up"],
            1,
            "error: the current folder was removed\nnext: change to the project's folder\n",
        ),
        (["--complete", "--", "composetasks", "u"], 0, ""),
    ],
)
def test_a_folder_that_was_removed_is_named(
    shop: Project, words: list[str], code: int, message: str
) -> None:
    away = 'cd "$0" && rmdir "$0" && exec "$@"'
    folder = shop.folder / "gone"
    folder.mkdir()
    ran = subprocess.run(
        ["sh", "-c", away, str(folder), *shop.program, *words],
        env=shop.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (code, "", message)
