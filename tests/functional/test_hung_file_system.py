"""A file system that does not answer, where the project's files, contexts or mounts lie."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import hung_file_system
from tests.functional.scripted_engine import ScriptedEngine
from tests.project import Project

pytestmark = hung_file_system.can_be_made
ON_IT = {
    "include": "include: [net/common.yaml]\nservices: {web: {image: a}}\n",
    "extends": "services: {web: {extends: {file: net/common.yaml, service: web}}}\n",
    "env_file": "services: {web: {image: a, env_file: net/web.env}}\n",
    "build context": "services: {web: {build: ./net/web}}\n",
    "mount below a build context": "services: {web: {build: .}}\n",
    "named context": "services: {web: {build: {context: web, additional_contexts: {a: net}}}}\n",
    "Dockerfile": "services: {web: {build: {context: web, dockerfile: ../net/Dockerfile}}}\n",
}


@pytest.fixture
def shop(project: Project, engine: ScriptedEngine) -> Iterator[Project]:
    project.environment["INVOKE_STACK_ENGINE_TIMEOUT"] = "1"
    project.write("web/Dockerfile", "FROM scratch\nCOPY . /\n")
    project.write("Dockerfile", "FROM scratch\nCOPY . /\n")
    with hung_file_system.hung(project.folder / "net"):
        yield project


@pytest.mark.parametrize("what", ON_IT)
def test_what_lies_on_it_is_named_and_the_run_ends(shop: Project, what: str) -> None:
    shop.compose(ON_IT[what])
    ran = shop.inv("build", "--plan")
    assert ran.code == 6, ran.err
    output = " ".join(ran.err.split())  # a long line is broken
    assert f"the file system at {shop.folder}/net (fuse.hung) does not answer" in output
    assert f"`stat -f {shop.folder}/net`" in output


@pytest.mark.parametrize("name", [".env", "compose.yaml", "common.yaml"])
def test_a_link_into_it_is_not_followed(shop: Project, name: str) -> None:
    shop.compose("include: [common.yaml]\nservices: {web: {image: a}}\n")
    place = shop.folder / name
    place.unlink(missing_ok=True)
    place.symlink_to("net/file")
    ran = shop.inv("status")
    assert ran.code == 6, ran.err
    assert f"{place} can't be read: the file system at {shop.folder}/net" in ran.err


def test_the_first_word_comes_while_it_is_waited_for(shop: Project) -> None:
    shop.compose(ON_IT["env_file"])
    ran = shop.inv("up", INVOKE_STACK_ENGINE_TIMEOUT="6")
    assert ran.code == 6, ran.err
    first, _, rest = ran.err.partition("\n")
    assert first == f"waiting for the file system at {shop.folder}/net: no answer for 5 s"
    assert "does not answer" in rest


def test_it_keeps_from_a_start_what_mounts_it_and_nothing_else(
    shop: Project, engine: ScriptedEngine
) -> None:
    engine.images = [{"Id": "sha256:a", "RepoTags": ["a:latest"], "Created": 1, "Size": 2}]
    shop.compose(
        "services:\n"
        '  web: {image: "a", volumes: ["./net/data:/data"]}\n'
        '  db: {image: "a"}\n'
        "secrets: {token: {file: net/token}}\n"
    )
    ran = shop.inv("up", "--plan")
    assert ran.code == 6, ran.err
    output = " ".join(ran.err.split())
    assert f"web: {shop.folder}/net/data, which its containers need, can't be reached" in output
    for task in ("up db --plan", "status", "logs", "down --plan"):
        ran = shop.inv(*task.split())
        assert ran.code == 0, (task, ran.err)
