"""What a user gets on the command line: words, flags, exit codes, and nothing changed by a plan."""

from __future__ import annotations

from typing import Any

import pytest

from tests.functional.scripted_engine import ScriptedEngine
from tests.project import Project, Ran

COMPOSE = """
name: shop
services:
  db:
    image: db:1
  web:
    image: web:1
    depends_on: [db]
    environment: {WEIGHT: "${WEIGHT:-0.3}"}
"""
DB = {"Id": "sha256:db", "RepoTags": ["db:1"], "Created": 1, "Size": 2}
WEB = {"Id": "sha256:web", "RepoTags": ["web:1"], "Created": 1, "Size": 2}
NETWORKS = [{"Id": "n1", "Name": "bridge"}]


@pytest.fixture
def shop(project: Project, engine: ScriptedEngine) -> Project:
    """Two services whose images are there, and no container."""
    project.write("compose.yaml", COMPOSE)
    engine.images = [DB, WEB]
    engine.networks = NETWORKS
    return project


def test_the_tasks_are_listed_without_an_engine(project: Project) -> None:
    ran = project.inv("--list")
    assert ran.code == 0
    for task in ("up", "down", "build", "clean-orphans", "logs", "reset-state", "status", "verify"):
        assert task in ran.out


def test_a_plan_names_every_service_and_changes_nothing(
    shop: Project, engine: ScriptedEngine
) -> None:
    ran = shop.inv("up", "--plan", "--json")
    assert ran.code == 0, ran.err
    document = ran.document
    assert document["schema"] == "composetasks.plan/1"
    assert [(step["action"], step["target"]) for step in document["steps"]] == [
        ("create-container", "shop-db-1"),
        ("create-container", "shop-web-1"),
    ]
    assert document["steps"][1]["needs"] == ["create-container:shop-db-1"]
    assert engine.changes == []


def test_the_same_world_gives_the_same_plan_byte_for_byte(shop: Project) -> None:
    assert shop.inv("up", "--plan", "--json").out == shop.inv("up", "--plan", "--json").out


def test_a_plan_for_people_names_the_steps(shop: Project) -> None:
    ran = shop.inv("up", "--plan")
    assert ran.code == 0
    assert "create-container" in ran.out
    assert "does not exist yet" in ran.out


def test_bare_words_are_services(shop: Project) -> None:
    document = shop.inv("up", "db", "--plan", "--json").document
    assert [step["service"] for step in document["steps"]] == ["db"]
    assert document == shop.inv("up", "-s", "db", "--plan", "--json").document
    assert document["unchanged"] == ["web"]


def test_what_is_mounted_and_missing_is_said_before_anything_starts(
    shop: Project, engine: ScriptedEngine
) -> None:
    shop.write(
        "compose.yaml",
        COMPOSE
        + """
    secrets: [token]
    volumes:
      - {type: bind, source: ./models, target: /models, bind: {create_host_path: false}}
      - ./nginx.conf:/etc/nginx/nginx.conf
      - ./data:/data
secrets: {token: {file: ./token.txt}}
""",
    )
    for arguments in (["up", "--plan"], ["up"]):
        ran = shop.inv(*arguments)
        assert ran.code == 6
        for name in ("token.txt", "models"):
            assert f"{shop.folder / name}, which its containers need, does not exist" in ran.err
        told = ran.out if "--plan" in arguments else ran.err
        assert f"{shop.folder}/nginx.conf (web, at /etc/nginx/nginx.conf): does not exist" in told
        assert f"{shop.folder}/data" not in told
    assert engine.changes == []
    assert shop.inv("up", "db", "--plan").code == 0
    shop.write("token.txt", "x")
    (shop.folder / "models").mkdir()
    assert shop.inv("up", "--plan").code == 0


def test_what_an_engine_on_another_machine_has_is_its_own_affair(
    shop: Project, engine: ScriptedEngine
) -> None:
    shop.write("compose.yaml", f"{COMPOSE}\n    devices: [/dev/of-another-machine]\n")
    assert shop.inv("up", "--plan").code == 6
    engine.info["Name"] = "docker-desktop"
    assert shop.inv("up", "--plan").code == 0


def test_exit_code_says_that_there_is_something_to_do(shop: Project) -> None:
    assert shop.inv("up", "--plan", "--exit-code").code == 10


def test_an_unknown_word_names_the_closest(shop: Project) -> None:
    ran = shop.inv("up", "wbe", "--plan")
    assert ran.code == 2
    assert "'wbe'" in ran.err
    assert "web" in ran.err


def test_a_wrong_word_in_a_chain_is_found_before_anything_runs(
    shop: Project, engine: ScriptedEngine
) -> None:
    for arguments in (["status", "up", "nosuch"], ["build", "up", "web", "--rerun", "nosuch"]):
        ran = shop.inv(*arguments)
        assert ran.code == 2
        assert "'nosuch'" in ran.err
        assert ran.out == ""
    assert engine.requests == []
    assert shop.inv("status", "up", "web", "--plan").code == 0


def test_a_task_that_is_named_twice_runs_twice(shop: Project) -> None:
    once = shop.inv("up", "--plan", "--json").out
    assert shop.inv("up", "--plan", "--json", "up", "--plan", "--json").out == once * 2


def test_single_tasks_work_in_a_tasks_file_of_ones_own(shop: Project) -> None:
    shop.write(
        "tasks.py",
        "from invoke import task\n"
        "from composetasks.tasks import build, up\n"
        "@task(pre=[build], post=[build])\n"
        "def own(context):\n"
        "    print('own task')\n",
    )
    assert "own" in shop.inv("--list").out
    assert shop.inv("own", "up", "--plan").out.count("own task") == 1
    steps = [("create-container", "shop-db-1"), ("create-container", "shop-web-1")]
    assert shop.plan("up") == steps
    ran = shop.inv("up", "--plan", INVOKE_STACK_JOBS="many")
    assert (ran.code, "stack.jobs" in ran.err) == (2, True)
    shop.write("invoke.yaml", "stack: {files: [other.yaml], services: {db: {timeout: 9}}}\n")
    shop.write("other.yaml", COMPOSE.replace("shop", "other"))
    assert shop.plan("up")[0] == ("create-container", "other-db-1")


def test_an_unknown_task_is_wrong_usage(shop: Project) -> None:
    ran = shop.inv("upp")
    assert ran.code == 2
    assert "upp" in ran.err
    assert "next: did you mean up?" in ran.err


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("--help upp", "No idea what 'upp' is!", "did you mean up? `inv --list`"),
        ("up --paln", "No idea what '--paln' is!", "did you mean --plan"),
        ("status web", "No idea what 'web' is!", "status takes no services; `inv --list`"),
        ("down --wait-lock", "--wait-lock needs a value", "`inv --help down` the flags of down"),
        ("logs -t", "--tail needs a value", "`inv --help logs` the flags of logs"),
        ("reset-state -y --keep", "--keep needs a value", "`inv --help reset-state`"),
        ("reset-state -n --yes", "--name needs a value", "`inv --help reset-state`"),
        ("up -s --plan", "--service needs a value", "`inv --help up`"),
        ("--list up", "Sub-collection 'up' not found!", "`inv --help TASK` its flags"),
        ("--nonsense", "No idea what '--nonsense' is!", "`inv --list` shows the tasks"),
    ],
)
def test_wrong_usage_names_what_is_near_it(
    shop: Project, line: str, message: str, hint: str
) -> None:
    ran = shop.inv(*line.split())
    assert ran.code == 2
    assert ran.err.startswith(f"error: {message}\nnext: ")
    assert hint in ran.err


@pytest.mark.parametrize(
    "arguments", [("up", "--timeout", "soon"), ("up", "--jobs", "0"), ("up", "--nonsense")]
)
def test_bad_flags_are_wrong_usage(shop: Project, arguments: tuple[str, ...]) -> None:
    ran = shop.inv(*arguments)
    assert ran.code == 2
    assert arguments[1] in ran.err
    assert "next: " in ran.err


def test_a_wrong_compose_file_is_traced_to_what_names_it(shop: Project) -> None:
    ran = shop.inv("up", COMPOSE_FILE="nope.yaml")
    assert ran.code == 6
    assert 'compose file "nope.yaml" set by COMPOSE_FILE environment variable' in ran.err
    assert "next: correct COMPOSE_FILE, or unset it\n" in ran.err
    shop.write("invoke.yaml", "stack: {files: [nope.yaml]}\n")
    ran = shop.inv("up")
    assert ran.code == 6
    assert 'compose file "nope.yaml" is invalid: ' in ran.err
    assert "next: correct stack.files in the settings\n" in ran.err


def test_a_bad_setting_is_named(shop: Project) -> None:
    shop.write("invoke.yaml", "stack: {nonsense: 1}\n")
    ran = shop.inv("status")
    assert ran.code == 2
    assert "stack.nonsense" in ran.err


def test_no_engine(project: Project) -> None:
    project.write("compose.yaml", COMPOSE)
    ran = project.inv("up")
    assert ran.code == 5
    assert "next:" in ran.err


def test_no_engine_as_json_is_one_error_document(project: Project) -> None:
    project.write("compose.yaml", COMPOSE)
    ran = project.inv("status", "--json")
    assert ran.code == 5
    assert ran.document["schema"] == "composetasks.error/1"
    assert ran.document["code"] == 5
    assert ran.document["hint"]


def test_no_compose_file(project: Project, engine: ScriptedEngine) -> None:
    ran = project.inv("up")
    assert ran.code == 6
    assert "no compose file" in ran.err


def test_an_invalid_model_shows_composes_own_message(
    project: Project, engine: ScriptedEngine
) -> None:
    project.write("compose.yaml", "services: {web: {image: a, ports: [x:y:z]}}\n")
    ran = project.inv("up", "--json")
    assert ran.code == 6
    last = ran.lines[-1]
    assert (last["event"], last["code"]) == ("error", 6)
    assert "invalid" in last["detail"]


def test_a_model_without_active_services_is_invalid(
    project: Project, engine: ScriptedEngine
) -> None:
    project.write("compose.yaml", "services: {web: {image: a, profiles: [x]}}\n")
    assert project.inv("up").code == 6


def test_a_service_of_an_inactive_profile_can_be_named(
    project: Project, engine: ScriptedEngine
) -> None:
    project.write(
        "compose.yaml",
        "name: shop\nservices: {db: {image: 'db:1'}, web: {image: 'web:1', profiles: [x]}}\n",
    )
    engine.images = [DB, WEB]
    engine.networks = NETWORKS
    document = project.inv("up", "web", "--plan", "--json").document
    assert [step["service"] for step in document["steps"]] == ["web"]


def test_a_kept_model_follows_its_files_and_variables(shop: Project) -> None:
    def weight(**environment: str) -> str:
        document = shop.inv("status", "--json", **environment).document
        return str(document["services"][0]["name"])

    assert weight() == "db"
    shop.write("compose.yaml", COMPOSE.replace("  db:", "  base:").replace("[db]", "[base]"))
    assert weight() == "base"


def test_status_of_nothing(shop: Project) -> None:
    document = shop.inv("status", "--json").document
    assert document["schema"] == "composetasks.status/1"
    assert [one["state"] for one in document["services"]] == ["missing", "missing"]


def test_verify_without_checks_says_so(shop: Project) -> None:
    ran = shop.inv("verify")
    assert ran.code == 1
    assert "stack.checks" in ran.err


def test_an_engine_that_goes_away_again_and_again_ends_a_start_at_its_deadline(
    shop: Project, engine: ScriptedEngine
) -> None:
    engine.ping = "not now"
    ran = shop.inv("up", "--timeout", "2", "--json")
    assert ran.code == 8, ran.err
    assert "the engine went away and was not back after" in ran.err


def container(name: str, state: str, code: int) -> dict[str, Any]:
    """A container of service ``name`` as the engine lists it."""
    compose = "com.docker.compose"
    labels = {
        f"{compose}.project": "shop",
        f"{compose}.service": name,
        f"{compose}.container-number": "1",
        f"{compose}.config-hash": "0",
        f"{compose}.oneoff": "False",
    }
    return {
        "Id": f"id-of-{name}",
        "Names": [f"/shop-{name}-1"],
        "State": state,
        "Status": f"Exited ({code}) 2 minutes ago" if state == "exited" else "Up 2 minutes",
        "Labels": labels,
        "Created": 1,
        "inspect": {"Id": f"id-of-{name}", "Name": f"/shop-{name}-1", "State": {}},
    }


def test_exec_says_why_it_can_run_nothing(shop: Project, engine: ScriptedEngine) -> None:
    engine.containers = [container("db", "exited", 3)]
    cases = {
        ("web", "ls"): (1, "service web is not running: it has no container", "`inv up web`"),
        ("db", "ls"): (1, "container shop-db-1 exited with code 3", "`inv logs db`"),
        ("--index", "2", "db", "ls"): (1, "no container with number 2", "it has 1"),
        ("webb", "ls"): (2, "'webb'", "did you mean web?"),
        ("web",): (2, "which command should run in web?", "`inv exec web sh`"),
        (): (2, "which service, and which command?", "`inv exec SERVICE sh`"),
        ("--index", "one", "web", "ls"): (2, "not 'one'", "--index 2"),
        ("-s", "web", "-s", "db", "ls"): (2, "not web, db", "`inv status`"),
        ("web", "--unknown", "ls"): (2, "'--unknown'", "`inv --help exec`"),
    }
    for words, (code, why, what_next) in cases.items():
        ran = shop.inv("exec", *words)
        assert ran.code == code, (words, ran.err)
        assert why in ran.err
        assert what_next in ran.err
    assert shop.inv("exec", "--json", "web", "ls").document["code"] == 1
    assert engine.changes == []


def test_a_wrong_service_of_exec_is_found_before_the_tasks_before_it_run(
    shop: Project, engine: ScriptedEngine
) -> None:
    assert shop.inv("down", "exec", "webb", "ls").code == 2
    assert ("GET", "/containers/json") not in engine.requests


def test_help_of_a_task_that_takes_a_command_is_that_task_s(shop: Project) -> None:
    for words in (["exec", "--help"], ["--help", "exec"]):
        ran = shop.inv(*words)
        assert ran.code == 0
        assert "--workdir" in ran.out


def test_a_bug_is_a_line_with_the_versions_that_a_report_needs(shop: Project) -> None:
    shop.write(
        "tasks.py",
        "from composetasks import collection\n"
        "from composetasks.verbs.session import Session\n"
        "def broken(*_words, **_flags):\n"
        "    raise ZeroDivisionError('by nothing')\n"
        "Session.model = broken\n"
        "ns = collection()\n",
    )
    ran = shop.inv("status")
    assert ran.code == 3
    assert ran.err.startswith("error: a bug in composetasks: ZeroDivisionError: by nothing\n")
    for name in ("composetasks ", "Python 3.", "Linux", "Compose ", "Buildx ", "engine "):
        assert name in ran.err
    report = next(shop.folder.glob(".composetasks/runs/*-bug/traceback.txt")).read_text()
    assert "Compose " in report.splitlines()[0]
    assert "in broken" in report


def published(name: str, *ports: tuple[int, int]) -> dict[str, Any]:
    """A running container of service ``name`` with published ports: (host's, container's)."""
    bindings = [
        {"IP": "127.0.0.1", "PublicPort": outside, "PrivatePort": inside, "Type": "tcp"}
        for outside, inside in ports
    ]
    return {**container(name, "running", 0), "Ports": bindings}


def test_open_opens_the_url_that_is_meant(shop: Project, engine: ScriptedEngine) -> None:
    browser = shop.write("browser", '#!/bin/sh\nprintf %s "$1" > opened; echo hello\n')
    browser.chmod(0o755)

    def opened(*words: str) -> Ran:
        (shop.folder / "opened").unlink(missing_ok=True)
        return shop.inv("open", *words, BROWSER=f"{browser} %s")

    ran = opened()
    assert (ran.code, "`inv up` starts them" in ran.err) == (1, True)
    engine.containers = [published("db", (5432, 5432)), published("web")]
    assert "service web publishes no TCP port" in opened("web").err
    engine.containers = [published("db", (5432, 5432)), published("web", (9000, 443))]
    ran = opened()
    assert ran.code == 2
    assert "web: https://127.0.0.1:9000" in ran.err
    assert opened("webb").code == 2
    document = opened("web", "--json").document
    assert document == {
        "schema": "composetasks.open/1",
        "service": "web",
        "url": "https://127.0.0.1:9000",
        "opened": True,
    }
    assert (shop.folder / "opened").read_text() == "https://127.0.0.1:9000"
    # What the model says outweighs a guess.
    ports = "ports: [{target: 443, published: 9000, app_protocol: http}]"
    shop.write("compose.yaml", f"{COMPOSE}    {ports}\n")
    ran = opened()
    assert (ran.code, ran.out) == (0, "http://127.0.0.1:9000\n")


def test_the_graph_is_drawn_without_an_engine_too(shop: Project, engine: ScriptedEngine) -> None:
    engine.containers = [published("db", (5432, 5432))]
    ran = shop.inv("graph")
    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[:4] == [
        "flowchart LR",
        '  s0["db<br/>running<br/>127.0.0.1:5432->5432/tcp"]:::up',
        '  s1["web<br/>missing"]:::absent',
        "  s1 --> s0",
    ]
    nobody = {"DOCKER_HOST": f"unix://{shop.folder}/nobody"}
    ran = shop.inv("graph", "--json", **nobody)
    assert ran.code == 0, ran.err
    assert [one["state"] for one in ran.document["services"]] == [None, None]
    ran = shop.inv("graph", "db", **nobody)
    assert ran.out.splitlines() == ["flowchart LR", '  s0["db"]']
    assert "without states" in ran.err


def test_the_graph_is_a_picture_in_the_file_that_is_named(
    shop: Project, engine: ScriptedEngine
) -> None:
    engine.containers = [published("db", (5432, 5432))]
    ran = shop.inv("graph", "--svg", "graph.svg")
    assert (ran.code, ran.out, ran.err) == (0, "", "written to graph.svg\n")
    picture = (shop.folder / "graph.svg").read_text()
    assert "web depends on db" in picture
    assert "127.0.0.1:5432-&gt;5432/tcp" in picture
    printed = shop.inv("graph", "--mermaid").out
    assert printed == shop.inv("graph").out
    assert shop.inv("graph", "--mermaid", "--svg", "again.svg").out == printed
    assert (shop.folder / "again.svg").read_text() == picture
    ran = shop.inv("graph", "--svg", "nowhere/graph.svg", "--json")
    assert ran.code == 2
    assert "can't be written to nowhere/graph.svg: No such file or directory" in ran.err
    ran = shop.inv("graph", "--svg", "graph.svg", "--json")
    assert [one["name"] for one in ran.document["services"]] == ["db", "web"]


def test_env_masks_what_the_model_makes_a_password_and_no_name_that_everybody_sees(
    project: Project,
) -> None:
    project.write(
        "compose.yaml",
        "name: plane\nservices:\n  plane-db:\n    image: db:1\n    environment:\n"
        "      MYSQL_ROOT_PASSWORD: ${DBROOT}\n      USER: ${PGUSER}\n      PASSWORD: ${PGPASS}\n",
    )
    project.write(".env", "DBROOT=6fYQkzJ3b8wL\nPGUSER=plane\nPGPASS=plane\nHOST=plane-db\n")
    for _remembered in range(2):
        ran = project.inv("env", "--json")
        assert "6fYQkzJ3b8wL" not in ran.out + ran.err
        values = {one["name"]: one["value"] for one in ran.document["variables"]}
        assert (values["HOST"], values["PGUSER"], values["PGPASS"]) == ("plane-db", "plane", "***")
