"""Compose builds upon the image of a service that no profile starts, and so do we."""

from __future__ import annotations

from tests.engine.stacks import docker
from tests.project import Project

MODEL = """
services:
  app:
    build:
      context: ./app
      additional_contexts: {base: "service:base", other: "docker-image://ct-test/busybox"}
      dockerfile_inline: |
        FROM base
        COPY --from=other /etc/passwd /passwd
    init: true
    command: [sh, -c, "cat /text; exec sleep 1000"]
    stop_grace_period: 1s
  base: {build: ./base, profiles: [never]}
  broken: {build: ./nowhere, profiles: [never]}
"""


def test_what_is_built_upon_an_inactive_services_image(project: Project) -> None:
    project.compose(MODEL)
    (project.folder / "app").mkdir()
    project.write("base/Dockerfile", "FROM ct-test/busybox\nCOPY text /text\n")
    project.write("base/text", f"one of {project.name}\n")
    ran = project.inv("up")
    assert ran.code == 0, ran.err
    name = f"{project.name}-app-1"
    assert docker("logs", name) == f"one of {project.name}"
    assert project.plan("up") == []
    project.write("base/text", f"two of {project.name}\n")
    assert project.plan("up") == [
        ("build-image", f"{project.name}-base"),
        ("build-image", f"{project.name}-app"),
        ("recreate-container", name),
    ]
    assert project.inv("up").code == 0
    assert docker("logs", name) == f"two of {project.name}"
    assert docker("ps", "-aq", "--filter", f"name={project.name}-base") == ""
