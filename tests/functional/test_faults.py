"""What is wrong with one service blocks what needs it and nothing else."""

from __future__ import annotations

import shutil

import pytest

from tests.functional.scripted_engine import ScriptedEngine
from tests.project import Project

MODEL = """
name: shop
services:
  api: {image: "api:1", build: ./api}
  web: {image: "web:1", build: ../not-checked-out}
  cron: {image: "db:1", env_file: ./gone.env, depends_on: [db]}
  late: {image: "db:1", depends_on: [cron]}
  db: {image: "db:1"}
  app: {image: "db:1", depends_on: [deep], profiles: [x]}
  deep: {image: "db:1", profiles: [data, more]}
  top: {image: "db:1", depends_on: [deep], profiles: [more]}
  beside: {image: "db:1", profiles: [more]}
  unread: {image: "db:1", profiles: [y], env_file: ./never.env, depends_on: [deep]}
  remote: {image: "remote:1", build: {context: "github.com/o/r.git#main"}}
"""


@pytest.fixture
def shop(project: Project, engine: ScriptedEngine) -> Project:
    project.write("compose.yaml", MODEL)
    project.write("api/Dockerfile", "FROM db:1\n")
    engine.images = [{"Id": "sha256:db", "RepoTags": ["db:1"], "Created": 1, "Size": 2}]
    engine.networks = [{"Id": "n1", "Name": "bridge"}]
    return project


def blocked(project: Project, *arguments: str) -> list[str]:
    ran = project.inv(*arguments, "--plan", "--json")
    assert ran.code == (6 if ran.document["blockers"] else 0)
    # Whoever reads only stderr is told as well.
    assert all(one["message"] in ran.err for one in ran.document["blockers"])
    return [one["message"] for one in ran.document["blockers"]]


def test_a_fault_blocks_what_needs_it(shop: Project) -> None:
    web = "web: build context ../not-checked-out does not exist"
    gone = shop.folder / "gone.env"
    cron = f"cron: env file {gone} not found: stat {gone}: no such file or directory"
    for names in (["api", "remote"], ["deep"], ["app", "deep"]):
        assert blocked(shop, "up", *names) == []
    assert blocked(shop, "build", "api", "remote") == []
    assert blocked(shop, "build", "web", "api") == [web]
    assert blocked(shop, "up") == [cron, web]
    assert blocked(shop, "up", "late") == [cron]
    assert blocked(shop, "up", "app") == [
        "app depends on deep, which is in the inactive profile data"
    ]


@pytest.mark.parametrize("example", ["gone.env.example", "gone.env-sample", "gone.env_template"])
def test_the_example_of_an_env_file_that_is_missing_is_named(shop: Project, example: str) -> None:
    shop.write(example, "A=1\n")
    ran = shop.inv("up", "late", "--plan")
    assert ran.code == 6
    assert f"`cp {shop.folder / example} {shop.folder / 'gone.env'}`" in ran.err


def test_composes_warnings_name_files_from_the_projects_folder(shop: Project) -> None:
    shop.write("compose.yaml", f"version: '3'\n{MODEL}")
    [warning] = [
        one
        for one in shop.inv("up", "db", "--plan", "--json").document["warnings"]
        if "obsolete" in one
    ]
    assert warning.startswith("compose.yaml: ")


def test_who_only_looks_sees_it_and_goes_on(shop: Project) -> None:
    ran = shop.inv("status", "--json")
    assert ran.code == 0
    assert [one["service"] for one in ran.document["problems"]] == ["cron", "web"]
    output = shop.inv("status").err
    assert "gone.env not found" in output
    assert "build context ../not-checked-out does not exist" in output
    for arguments in (["logs"], ["down", "--plan"], ["snapshots"]):
        assert shop.inv(*arguments).code == 0
    assert "there is no state" in shop.inv("snapshot").err


def test_a_start_takes_the_image_that_is_there_as_compose_does(
    shop: Project, engine: ScriptedEngine
) -> None:
    engine.images.append({"Id": "sha256:w", "RepoTags": ["web:1"], "Created": 1, "Size": 2})
    document = shop.inv("up", "web", "--plan", "--json").document
    assert [step["action"] for step in document["steps"]] == ["create-container"]
    [warning] = [one for one in document["warnings"] if "used unchanged" in one]
    assert warning.startswith("web: build context ../not-checked-out does not exist")
    assert blocked(shop, "build", "web") == ["web: build context ../not-checked-out does not exist"]


def test_the_profiles_of_a_service_that_is_named_bring_in_what_it_depends_on(
    shop: Project,
) -> None:
    document = shop.inv("up", "top", "--plan", "--json").document
    assert document["blockers"] == []
    assert [step["service"] for step in document["steps"]] == ["deep", "top"]
    # One that is named as well brings in its own, too.
    assert blocked(shop, "up", "app") != []
    assert blocked(shop, "up", "app", "top") == []


def test_a_dependency_that_no_profile_brings_in_names_the_profile(shop: Project) -> None:
    ran = shop.inv("up", "api", "--plan", COMPOSE_PROFILES="x")
    assert ran.code == 6
    assert 'service "app" depends on undefined service "deep"' in ran.err
    assert "COMPOSE_PROFILES=data" in ran.err


def test_composes_refusal_stands_first_and_its_warnings_once(shop: Project) -> None:
    shop.write("compose.yaml", MODEL.replace('"api:1"', '"${B}${A:?say it}"') + "  # ${C} ${B}\n")
    shop.write("more.yaml", 'services: {db: {labels: {a: "$C$D", b: "$C"}}}')
    shop.write("env.example", "A=1\n")
    ran = shop.inv("up", "--plan", COMPOSE_FILE="more.yaml:compose.yaml")
    assert ran.code == 6
    lines = ran.err.splitlines()
    assert "say it" in lines[1]
    assert "level=warning" not in ran.err
    assert len(lines) == len(set(lines))
    assert "env.example" in lines[-1]
    plans = []
    for _ in range(2):
        shutil.rmtree(shop.folder / ".composetasks", ignore_errors=True)
        files = "compose.yaml:more.yaml"
        plans.append(shop.inv("up", "db", "--plan", "--json", A="1", COMPOSE_FILE=files).out)
    assert plans[0] == plans[1]
    assert plans[0].count("3 variables are not set and default to a blank string: B, C, D") == 1
