"""The command line of `inv layers`, where nothing was built yet."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from tests.functional.scripted_engine import ScriptedEngine
from tests.project import Project

DOCKERFILE = "FROM debian:12\nCOPY . /app\nRUN make -C /app\nCMD app\n"


@pytest.fixture
def shop(project: Project, engine: ScriptedEngine) -> Project:
    project.compose("services: {web: {build: web}, db: {image: 'postgres:15'}}\n")
    project.write("web/Dockerfile", DOCKERFILE)
    project.write("web/app.c", "int main;\n")
    return project


def test_what_was_never_built_has_a_form_and_no_seconds(shop: Project) -> None:
    ran = shop.inv("layers", "--json")
    (image,) = ran.document["images"]
    assert [(one["line"], one["seconds"]) for one in image["layers"]] == [
        (1, 0.0),
        (2, None),
        (3, None),
    ]
    assert {one["edit"]: one["seconds"] for one in image["predictions"]} == {
        "first": None,
        "code": None,
        "dockerfile": None,
        "base": None,
    }
    assert (image["service"], image["bytes"]) == ("web", None)


def test_nothing_is_changed(shop: Project, engine: ScriptedEngine) -> None:
    shop.inv("layers")
    assert engine.changes == []


def test_the_page_says_what_is_not_known(shop: Project) -> None:
    ran = shop.inv("layers")
    assert ran.code == 0
    assert "RUN make -C /app" in ran.out
    assert "no git repository" in ran.err
    (row,) = (line for line in ran.out.splitlines() if line.startswith("web  "))
    assert row.split() == ["web", "?", "?", "-", "?", "?"]
    assert "`inv build --no-cache web` shows it" in ran.out


@pytest.mark.parametrize("services", [(), ("db",)])
def test_without_a_build_section_the_answer_is_empty(
    shop: Project, services: tuple[str, ...]
) -> None:
    if not services:
        shop.compose("services: {db: {image: 'postgres:15'}}\n")
    ran = shop.inv("layers", *services, "--json", "--svg", "layers.svg")
    assert (ran.code, ran.document) == (0, {"schema": "composetasks.layers/1", "images": []})
    assert "no image is built here" in (shop.folder / "layers.svg").read_text()
    ran = shop.inv("layers", *services)
    assert (ran.code, ran.out.strip()) == (0, "")
    assert "no image is built here" in ran.err


def test_the_picture_is_an_svg_even_where_nothing_is_known(shop: Project) -> None:
    assert shop.inv("layers", "--svg", "layers.svg").code == 0
    root = ET.fromstring((shop.folder / "layers.svg").read_text())  # noqa: S314 (our own)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    words = [one.text or "" for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "web" in words
    assert any("not known" in one for one in words)
    assert not any(one.endswith(" s") for one in words)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--edit", "web/none.c"), "an existing file"),
        (("--svg", "none/x.svg"), "can't be written"),
        (("-s", "wep"), "no service"),
    ],
)
def test_wrong_usage_is_said_and_ends_with_2(
    shop: Project, arguments: tuple[str, ...], said: str
) -> None:
    ran = shop.inv("layers", *arguments, "--json")
    assert (ran.code, ran.document["code"]) == (2, 2)
    assert said in ran.document["message"]


def test_an_edit_of_the_dockerfile_is_named_by_its_path(shop: Project) -> None:
    ran = shop.inv("layers", "--edit", "web/Dockerfile", "--json")
    ((edit,),) = (image["edits"] for image in ran.document["images"])
    assert (edit["path"], edit["line"]) == ("web/Dockerfile", 3)
