"""What Compose makes of a model is known for what it is, where its text does not say it."""

from __future__ import annotations

from pathlib import Path

from tests.engine.stacks import compose, docker
from tests.project import Project

LOOP = """
    image: ct-test/busybox
    init: true
    command: [sleep, "1000"]
    stop_grace_period: 1s
"""
CONTENTS = f"""
services:
  web:{LOOP}
    secrets: [token, {{source: token, target: renamed}}]
    configs: [{{source: shape, target: /etc/shape}}]
  other:{LOOP}
secrets: {{token: {{environment: CT_TOKEN}}}}
configs: {{shape: {{environment: CT_SHAPE}}}}
"""


def inspected(name: str) -> str:
    return docker("inspect", "--format", "{{.Id}}", name)


def test_a_variable_that_a_secret_or_config_is_made_of_changes_its_services(
    project: Project,
) -> None:
    project.compose(CONTENTS)
    project.write(".env", "CT_TOKEN='first $one'\nCT_SHAPE=round\n")
    assert project.inv("up").code == 0
    web = f"{project.name}-web-1"
    assert docker("exec", web, "cat", "/run/secrets/token", "/etc/shape") == "first $oneround"
    assert project.plan("up") == []
    for changed in ({"CT_TOKEN": "second"}, {"CT_SHAPE": "square"}):
        ran = project.inv("up", "--plan", "--json", **changed)
        [step] = ran.document["steps"]
        assert (step["action"], step["target"]) == ("recreate-container", web)
        assert "second" not in ran.out
    assert project.inv("up", CT_TOKEN="second").code == 0
    assert docker("exec", web, "cat", "/run/secrets/renamed") == "second"
    assert project.plan("up", CT_TOKEN="second") == []


def test_names_are_divided_as_compose_divides_them(project: Project) -> None:
    project.compose(f"services:\n  web:{LOOP}    scale: 2\n")
    project.write(".env", "COMPOSE_COMPATIBILITY=true\n")
    assert project.inv("up").code == 0
    names = sorted(
        docker("ps", "--filter", f"name={project.name}", "--format", "{{.Names}}").split()
    )
    assert names == [f"{project.name}_web_1", f"{project.name}_web_2"]
    assert project.plan("up") == []
    docker("rm", "-f", names[0])
    compose(project, "up", "-d")
    assert project.plan("up") == []
    docker("rm", "-f", names[1])
    assert project.plan("up") == [("create-container", f"{project.name}_web_4")]


def test_what_compose_fills_in_is_no_change(project: Project) -> None:
    text = f"services:\n  web:{LOOP}    use_api_socket: true\n  other:{LOOP}"
    project.compose(text)
    assert project.inv("up").code == 0
    name = f"{project.name}-web-1"
    before = inspected(name)
    assert project.plan("up") == []
    assert project.inv("up").code == 0
    assert inspected(name) == before
    # The reason of a change is known.
    project.compose(text.replace("socket: true", 'socket: true\n    environment: {NEW: "1"}'))
    [step] = project.inv("up", "--plan", "--json").document["steps"]
    assert [one["field"] for one in step["because"]] == ["environment"]
    # What plain Compose made is asked about, and remembered.
    compose(project, "up", "-d")
    assert inspected(name) != before
    assert project.plan("up") == []
    assert not project.inv("status", "--json").document["services"][1]["stale"]
    project.compose(text)
    assert [step[0] for step in project.plan("up")] == ["recreate-container"]


MODEL_PLUGIN = """#!/bin/sh
case "$*" in
  docker-cli-plugin-metadata)
    echo '{"SchemaVersion":"0.1.0","Vendor":"x","Version":"v1.0.0","ShortDescription":"x"}';;
  ls*) echo '[{"id":"x","tags":["ai/small"]}]';;
  status*) echo '{"running":true,"status":"running","endpoint":"http://models/engines/v1/"}';;
esac
"""


def test_a_model_is_handed_on_and_is_no_change(project: Project, tmp_path: Path) -> None:
    plugin = tmp_path / "docker" / "cli-plugins" / "docker-model"
    plugin.parent.mkdir(parents=True)
    plugin.write_text(MODEL_PLUGIN)
    plugin.chmod(0o755)
    project.environment["DOCKER_CONFIG"] = str(tmp_path / "docker")
    text = f"services:\n  web:{LOOP}    models: [llm]\nmodels: {{llm: {{model: ai/small}}}}\n"
    project.compose(text)
    assert project.inv("up").code == 0
    web = f"{project.name}-web-1"
    assert "LLM_URL=http://models/engines/v1/" in docker("exec", web, "env").splitlines()
    assert project.plan("up") == []
