"""A dollar sign is what it is, wherever a model has one."""

from __future__ import annotations

import json

from tests.engine.stacks import compose, docker, remove_project
from tests.project import Project

MODEL = """
services:
  web:
    build:
      context: ./c$$x
      args: {SRC: src, TEXT: "$${Q}$$R%{s}"}
      labels: {said: "$${Q}$$R", "key$$${x}": "1"}
      additional_contexts: {more: "./m$${y}"}
      dockerfile_inline: |
        ARG BASE=ct-test/busybox:latest
        FROM $$BASE
        ARG SRC=none
        ARG TEXT
        ENV TEXT=$$TEXT
        COPY $${SRC}/f /f
        COPY --from=more g /g
    init: true
    command: [sh, -c, 'echo "$$TEXT $$OTHER $$(cat /f /g)"; exec sleep 1000']
    environment: {OTHER: "a$$b", "K$$${x}": "c"}
    labels: {plain: "v$$$${w}"}
    volumes: ["./c$$x:/in:ro", "./s$$t:/state"]
    configs: [{source: c, target: /c}]
    stop_grace_period: 1s
configs: {c: {content: "d$$e"}}
"""


def test_dollar_signs_reach_the_image_and_the_container_as_they_are(project: Project) -> None:
    project.folder = project.folder.rename(project.folder.with_name("a$b c"))
    project.compose(MODEL)
    project.write("c$x/src/f", "one")
    project.write("m${y}/g", "two")
    project.write("s$t/kept", "")
    assert project.inv("up").code == 0
    name = f"{project.name}-web-1"
    assert docker("logs", name) == "${Q}$R%{s} a$b onetwo"
    [record] = json.loads(docker("inspect", name))
    labels = record["Config"]["Labels"]
    assert labels["said"] == "${Q}$R"
    assert labels["key$$${x}"] == "1"
    assert labels["plain"] == "v$${w}"
    assert docker("exec", name, "cat", "/c") == "d$e"
    # Nothing is taken for changed, by us or by Compose.
    assert project.plan("up") == []
    compose(project, "up", "-d", "--no-build")
    assert docker("inspect", "--format", "{{.Id}}", name) == record["Id"]
    # An edit is seen, in the place that only the variable names.
    project.write("c$x/src/f", "new")
    assert [step[0] for step in project.plan("up")] == ["build-image", "recreate-container"]
    project.write("c$x/src/f", "one")
    # A changed value is shown as it is.
    project.compose(MODEL.replace("a$$b", "a$$c"))
    [step] = project.inv("up", "--plan", "--json").document["steps"]
    [evidence] = step["because"]
    shown = (evidence["field"], evidence["old"], evidence["new"])
    assert shown == ("environment.OTHER", "a$b", "a$c")


def test_an_instance_has_the_same_texts(project: Project) -> None:
    project.compose(MODEL)
    project.write("invoke.yaml", 'stack: {state: {"s$t": {}}}\n')
    project.write("c$x/src/f", "one")
    project.write("m${y}/g", "two")
    try:
        assert project.inv("up", "--instance", "two").code == 0
        assert docker("logs", f"{project.name}-two-web-1") == "${Q}$R%{s} a$b onetwo"
        assert project.plan("up", "--instance", "two") == []
    finally:
        project.inv("down", "--instance", "two")
        remove_project(f"{project.name}-two")
