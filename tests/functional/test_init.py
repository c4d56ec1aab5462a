"""`composetasks init`, from the built wheel: what it writes works, and what is there stays."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.functional.scripted_engine import ScriptedEngine
from tests.project import Project, own_environment

COMPOSE = """
services:
  db:
    image: web:1
    environment: {PASSWORD: "${DB_PASSWORD:?choose one}", DB: "${DB_NAME:-shop}"}
  web:
    build: {context: ., args: {WORKERS: "${BUILD_WORKERS:-4}"}}
    image: web:1
    environment: {PORT: "${LISTEN_PORT:-80}"}
    ports: ["${WEB_PORT:-8080}:80", "${WEB_BIND:-9000}:90"]
"""
BOUND = "image: web:1\n    volumes: ['./db-data:/var/lib/db', './src:/src']"
SCRIPT = "#!/bin/sh\ndocker compose down -v\nsleep 30\nPASSWORD=hunter22 ./seed.sh\n"
WEB = {"Id": "sha256:web", "RepoTags": ["web:1"], "Created": 1, "Size": 2}
NETWORKS = [{"Id": "n1", "Name": "bridge"}]


@pytest.fixture
def shop(tmp_path: Path, program: Path) -> Iterator[Project]:
    folder = tmp_path / "shop"
    folder.mkdir()
    environment = own_environment()
    environment.pop("DOCKER_CONTEXT", None)
    environment["PATH"] = f"{program.parent}:{environment['PATH']}"
    with ScriptedEngine(tmp_path) as engine:
        environment["DOCKER_HOST"] = engine.url
        engine.images, engine.networks = [WEB], NETWORKS
        project = Project(folder, environment, program=(str(program),))
        project.write("compose.yaml", COMPOSE)
        project.write("Dockerfile", "FROM web:1\nCOPY . /app\n")
        project.write("start_all.sh", SCRIPT)
        project.write("Makefile", "test:\n\techo tested\n")
        subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
        yield project


def files(project: Project) -> dict[str, str]:
    return {
        str(path.relative_to(project.folder)): path.read_text()
        for path in project.folder.rglob("*")
        if path.is_file() and not {".composetasks", ".git"} & set(path.parts)
    }


def make(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments],
        cwd=project.folder,
        env=project.environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_state_that_a_script_removes_and_git_in_a_context_are_seen(shop: Project) -> None:
    shop.write("compose.yaml", COMPOSE.replace("image: web:1", BOUND, 1))
    shop.write("start_all.sh", "rm -rf db-data/*\nrm -rf src/*\ndocker compose up -d\n")
    shop.write("src/a.py", "")
    shop.write("db-data/base", "")
    subprocess.run(["git", "add", "src", "compose.yaml"], cwd=shop.folder, check=True)
    document = shop.inv("init", "--plan", "--json").document
    (script,) = document["scripts"]
    lines = {line["text"]: line["tasks"] for line in script["lines"]}
    assert lines["rm -rf db-data/*"] == ["reset-state"]
    assert lines["rm -rf src/*"] == []
    assert shop.inv("init", "--yes").code == 0
    written = files(shop)[".dockerignore"].splitlines()
    assert written[1:] == [".composetasks", ".git"]
    assert shop.inv("init", "--plan", "--exit-code").code == 0


def test_reset_state_replaces_the_removal_of_nothing_that_it_would_keep(shop: Project) -> None:
    # Without files in git, only the settings tell data from code.
    shop.write("compose.yaml", COMPOSE.replace("image: web:1", BOUND, 1))
    shop.write("start_all.sh", "rm -rf db-data/*\nrm -rf src/x\ndocker compose up -d\n")
    shop.write("src/x", "")
    shop.write("db-data/base", "")
    removals = ["rm -rf db-data/*", "rm -rf src/x"]

    def tasks() -> list[list[str]]:
        (script,) = shop.inv("init", "--plan", "--json").document["scripts"]
        return [line["tasks"] for line in script["lines"] if line["text"] in removals]

    assert tasks() == [[], []]
    shop.write("invoke.yaml", "stack: {state: {db-data: {}}}\n")
    assert tasks() == [["reset-state"], []]


def test_nothing_is_written_before_it_was_shown_and_consented_to(shop: Project) -> None:
    before = files(shop)
    planned = shop.inv("init", "--plan")
    assert planned.code == 0, planned.err
    assert shop.inv("init", "--plan", "--exit-code").code == 10
    document = shop.inv("init", "--plan", "--json").document
    (script,) = document["scripts"]
    assert [one["tasks"] for one in script["lines"]] == [["down", "reset-state"], ["up"], []]
    assert "not understood" in planned.out
    assert "hunter22" not in planned.out
    refused = shop.inv("init")
    assert refused.code == 4
    assert "would be written" in refused.err
    assert files(shop) == before


def test_without_git_it_proposes_what_it_can(shop: Project, program: Path) -> None:
    ran = shop.inv("init", "--plan", PATH=str(program.parent))
    assert ran.code == 0, ran.err
    assert ".gitignore is created" in ran.out


def test_a_comment_about_a_variable_that_is_commented_out_is_not_the_next_one_s(
    shop: Project,
) -> None:
    lines = ["# where mail comes from", "# MAIL_HOST=example.com", "# of the shop", "DB_NAME=shop"]
    shop.write(".env", "\n".join(lines))
    proposed = shop.inv("init", "--plan").out
    assert "+# of the shop\n+DB_NAME=shop\n" in proposed
    assert "where mail comes from" not in proposed


def test_a_projects_own_variable_is_none_of_composes_whatever_its_name(
    shop: Project,
) -> None:
    own = "    hostname: ${COMPOSE_WEB_HOST:-web}-${COMPOSE_PROJECT_NAME}\n"
    shop.write("compose.yaml", COMPOSE + own)
    proposed = shop.inv("init", "--plan").out
    assert "\n+COMPOSE_WEB_HOST=web\n" in proposed
    assert "COMPOSE_PROJECT_NAME" not in proposed


def test_variables_of_the_login_are_none_of_the_project_s(shop: Project) -> None:
    own = (
        "    hostname: ${WEB_HOST:-web}\n    volumes: ['$PWD/data:/data', '${HOME}/.aws:/aws:ro']\n"
    )
    shop.write("compose.yaml", COMPOSE + own)
    proposed = shop.inv("init", "--plan").out
    assert "\n+WEB_HOST=web\n" in proposed
    assert "PWD" not in proposed
    assert "HOME" not in proposed


def test_a_folder_that_a_start_creates_is_no_path_to_check_for(shop: Project) -> None:
    own = "    volumes: ['${CONF:-./conf}:/conf', '${DATA:-./data}:/data', '${LIB}:/lib']\n"
    shop.write("compose.yaml", COMPOSE + own)
    shop.write(".env", "LIB=./lib\n")
    shop.write("conf/app.conf", "")
    assert shop.inv("init", "--yes").code == 0
    proposed = (shop.folder / ".env.example").read_text()
    assert "\n# type: path\nCONF=./conf\n" in proposed
    assert "\n\nDATA=./data\n\nLIB=\n" in proposed
    assert "no file or folder" not in shop.inv("env", "--check").err


def test_a_default_that_has_another_variable_is_shown_as_what_it_comes_to(shop: Project) -> None:
    nested = "    hostname: ${HOST_A:-${HOST_B:-web}-1}${HOST_C:-${HOST_D}}\n"
    shop.write("compose.yaml", COMPOSE + nested)
    shop.write(".env", "HOST_D=of-this-machine\n")
    proposed = shop.inv("init", "--plan").out
    assert "\n+HOST_A=web-1\n" in proposed
    assert "\n+HOST_B=web\n" in proposed
    assert "\n+HOST_C=\n" in proposed
    assert "of-this-machine" not in proposed


def test_what_was_written_works(shop: Project) -> None:
    before = files(shop)
    ran = shop.inv("init", "--yes")
    assert ran.code == 0, ran.err
    written = files(shop)
    assert {path: written[path] for path in before} == before  # the Makefile, too
    assert set(written) - set(before) == {
        *("tasks.py", ".env.example", "noxfile.py", ".github/workflows/smoke.yml"),
        *(".gitignore", ".dockerignore"),
    }
    inv = Project(shop.folder, shop.environment)
    # A variable that the model can't be without is missing until somebody chooses it.
    checked = inv.inv("env", "--check")
    assert checked.code == 6
    assert "choose one" in checked.out + checked.err
    faulty = "DB_PASSWORD=of-my-own\nLISTEN_PORT=none\nBUILD_WORKERS=many\n"
    shop.write(".env", faulty).chmod(0o600)
    told = inv.inv("env", "--check").out
    assert all(name in told for name in ("LISTEN_PORT", "BUILD_WORKERS"))
    # What Compose takes is no fault.
    taken = "DB_PASSWORD=of-my-own\nWEB_PORT=127.0.0.1:8080\nWEB_BIND=127.0.0.1:9000\n"
    shop.write(".env", taken).chmod(0o600)
    assert inv.inv("env", "--check").code == 0
    plan = inv.inv("up", "--plan")
    assert plan.code == 0, plan.err
    assert "create-container" in plan.out
    assert "plain `docker compose build` copies" not in plan.out  # of our own folder
    sessions = subprocess.run(
        [sys.executable, "-m", "nox", "--list"],
        cwd=shop.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "smoke" in sessions.stdout


def test_the_diff_of_what_is_there_can_be_applied(shop: Project) -> None:
    shop.write(".env", "DB_PASSWORD=of-my-own\n")
    shown = shop.inv("init", "--plan").out
    assert "\n \techo tested\n" in shown
    subprocess.run(["patch", "-p1", "-s"], cwd=shop.folder, input=shown, text=True, check=True)
    # Nothing was matched only by leaving out lines of its surroundings, which keeps a copy.
    assert list(shop.folder.glob("*.orig")) == []
    document = shop.inv("init", "--json").document
    assert document["files"] == []
    for alias, ran in (("status", "composetasks status "), ("reset", "composetasks reset-state ")):
        made = make(shop, "-n", alias)
        assert made.stdout.strip() == ran.strip()
    assert make(shop, "snapshots").returncode == 2  # no alias for what is seldom typed


def test_a_project_with_a_tasks_file_has_init_too(shop: Project) -> None:
    shop.write("tasks.py", "from composetasks import collection\nns = collection(['up'])\n")
    listed = shop.inv().out
    assert "init" in listed
    assert "snapshot" not in listed
    assert "tasks.py" not in [
        one["path"] for one in shop.inv("init", "--plan", "--json").document["files"]
    ]
    ran = replace(shop, folder=shop.folder.parent).inv("init")
    assert ran.code == 6
    assert "no compose file" in ran.err


def test_the_way_to_a_compose_file_in_a_folder_is_told_from_where_one_stands(shop: Project) -> None:
    (shop.folder / "compose.yaml").unlink()
    shop.write("tasks.py", "from composetasks import collection\nns = collection()\n")
    shop.write("a stack/compose.yml", "services: {web: {image: web:1}}\n")
    shop.write("src/main.py", "")
    ran = replace(shop, folder=shop.folder / "src").inv("up", "--plan")
    assert ran.code == 6
    assert "`cd '../a stack'`, or here with COMPOSE_FILE='a stack/compose.yml'" in ran.err


def test_a_compose_file_in_a_folder_is_named_and_then_stands_in_the_tasks(shop: Project) -> None:
    """Nothing in such a project says where its compose file is: people have it in an alias, or in
    a Makefile."""
    (shop.folder / "compose.yaml").unlink()
    shop.write("deploy/compose.yml", "services: {web: {image: web:1}}\n")
    named = {"COMPOSE_FILE": "deploy/compose.yml"}
    nothing = shop.inv("up", "--plan")
    assert nothing.code == 6
    assert "below it: deploy/compose.yml" in nothing.err
    assert "`cd deploy`, or here with COMPOSE_FILE=deploy/compose.yml" in nothing.err
    assert shop.inv("init", "--yes", **named).code == 0
    plan = ("up", "--plan", "--json")
    ran = shop.inv(*plan)
    assert ran.code == 0, ran.err
    assert ran.document["steps"] == shop.inv(*plan, **named).document["steps"]
