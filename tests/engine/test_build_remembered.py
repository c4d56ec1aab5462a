"""How Compose would build an image is remembered for as long as that can't have changed."""

from __future__ import annotations

from pathlib import Path

from tests.engine.busybox import TAG
from tests.engine.stacks import docker
from tests.project import Project

WEB = "services: {{web: {{build: {{context: web, args: {{{name}: {value}}}}}}}}}\n"


def write(project: Project, name: str, value: str) -> None:
    project.compose(WEB.format(name=name, value=value))
    project.write("web/Dockerfile", f"FROM {TAG}\nARG {name}\nLABEL said=${name}\nCOPY a /a\n")


def edit(project: Project, text: str) -> None:
    project.write("web/a", f"{text} of {project.name}")
    assert project.inv("build").code == 0


def kept(project: Project) -> set[tuple[Path, int]]:
    """Compose's answers that are remembered, with the times they were written."""
    result = (project.folder / ".composetasks/cache").glob("compose-*.json")
    return {(path, path.stat().st_mtime_ns) for path in result}


def label(project: Project) -> str:
    return docker("inspect", "-f", '{{index .Config.Labels "said"}}', f"{project.name}-web")


def test_an_edit_of_a_file_asks_compose_nothing_and_one_of_the_model_does(
    project: Project,
) -> None:
    write(project, "WORD", "one")
    edit(project, "first")
    before = kept(project)
    assert len(before) == 2
    edit(project, "second")
    assert kept(project) == before
    write(project, "WORD", "two")
    edit(project, "third")
    assert kept(project).isdisjoint(before)
    assert label(project) == "two"


def test_one_that_holds_a_secret_is_asked_for_each_time(project: Project) -> None:
    write(project, "API_TOKEN", "planted")
    edit(project, "first")
    assert len(kept(project)) == 1
    edit(project, "second")
    assert label(project) == "planted"


def test_one_that_was_damaged_is_asked_for_again(project: Project) -> None:
    write(project, "WORD", "one")
    edit(project, "first")
    [place] = [path for path, _ in kept(project) if '"config"' not in path.read_text()]
    whole = place.read_text()
    place.write_text(whole.replace('"web":{', '"other":{'))
    assert place.read_text() != whole
    edit(project, "second")
    assert place.read_text() == whole
    assert label(project) == "one"
