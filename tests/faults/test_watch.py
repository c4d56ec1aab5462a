"""A watch lives longer than its engine."""

from __future__ import annotations

from tests.engine.stacks import compose, docker
from tests.engine.watching import watching
from tests.faults.own_engine import OwnEngine
from tests.project import Project

WATCHED = """
services:
  web:
    build: web
    init: true
    command: [sleep, "1000"]
    stop_grace_period: 0s
    develop:
      watch:
        - {path: ./web/src, action: sync, target: /src}
        - {path: ./web/made, action: rebuild}
"""


def edit(project: Project, name: str, text: str) -> None:
    """Write a file in one go."""
    project.write(".edited", text).rename(project.folder / name)


def test_an_edit_without_an_engine_is_told_and_the_next_is_another_try(
    project: Project, engine: OwnEngine
) -> None:
    project.compose(WATCHED)
    project.write("web/Dockerfile", "FROM ct-test/busybox\nCOPY made /made\n")
    project.write("web/made", "one\n")
    project.write("web/src/a", "one\n")
    with watching(project) as watch:
        engine.stop()
        edit(project, "web/made", "two\n")
        failed = watch.until("failure")
        assert failed["code"] == 5
        assert "again" not in failed["hint"]
        edit(project, "web/src/a", "two\n")
        assert watch.until("failure")["code"] == 5
        engine.start()
        edit(project, "web/src/a", "three\n")
        watch.until_done("sync")
        edit(project, "web/made", "three\n")
        watch.until_done("rebuild")
        (web,) = compose(project, "ps", "-q").split()
        assert docker("exec", web, "cat", "/made") == "three"
        edit(project, "web/src/a", "four\n")
        watch.until_done("sync")
        assert docker("exec", web, "cat", "/src/a") == "four"
        assert watch.end()[0] == 130
