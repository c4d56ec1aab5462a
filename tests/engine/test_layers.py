"""`inv layers` on a real engine: what builds took is told, and what an edit makes again."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from composetasks.store import cache_entry
from tests.engine.busybox import TAG
from tests.engine.stacks import docker
from tests.project import Project

DOCKERFILE = f"""ARG WORD=one
FROM {TAG} AS made
WORKDIR /made
COPY src/ ./
RUN --network=none cat a b > both && : PROJECT && sleep 0.4

FROM {TAG}
RUN --network=none echo PROJECT > /first && sleep 0.3
COPY requirements.txt /
ARG WORD
RUN --network=none echo "$WORD" > /word && head -c 300000 /dev/urandom > /big
COPY --from=made /made/both /both
COPY page.html /srv/
CMD ["cat", "/both"]
"""


@pytest.fixture
def shop(project: Project) -> Project:
    """A project in git with one image, built."""
    project.compose(
        f"services: {{web: {{image: '{project.name}-web', build: {{context: web, args: "
        "{WORD: 'a b'}}}}\n"
    )
    # What the builder has seen before would not run, and so take no time.
    project.write("web/Dockerfile", DOCKERFILE.replace("PROJECT", project.name))
    for path in ("src/a", "src/b", "requirements.txt", "page.html", "unused.md"):
        project.write(f"web/{path}", f"{path} of {project.name}\n")
    project.write(".gitignore", ".composetasks/\n__pycache__/\n")
    git(project, "init", "-q")
    commit(project)
    for number in range(3):
        project.write("web/page.html", f"<p>{number} of {project.name}</p>\n")
        commit(project)
    assert project.inv("build").code == 0
    return project


def git(project: Project, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    argv = ["git", *identity, *arguments]
    done = subprocess.run(argv, cwd=project.folder, check=True, capture_output=True, text=True)
    return done.stdout


def commit(project: Project) -> None:
    git(project, "add", "-A")
    git(project, "commit", "-qm", "change")


def image_of(document: Any) -> Any:
    (image,) = document["images"]
    return image


def test_what_only_compose_built_is_known_from_the_builder_s_history(
    shop: Project, tmp_path: Path
) -> None:
    shutil.rmtree(shop.folder / ".composetasks")
    page = shop.folder / "web/page.html"
    page.write_text("built by Compose alone")
    docker("compose", "--project-directory", str(shop.folder), "build", "--no-cache", "web")
    # Another project with a folder of that name is built more often.
    (another := tmp_path / "web").mkdir()
    (another / "Dockerfile").write_text("FROM scratch\nLABEL a=1\n")
    for _ in range(6):
        options = ("--builder", "default", "--output", "type=cacheonly")
        docker("buildx", "build", *options, str(another))
    image = image_of(shop.inv("layers", "--json").document)
    took = {one["line"]: one["seconds"] for one in image["layers"]}
    assert all(took[line] for line in (5, 8, 11))


def test_what_each_layer_took_and_holds_and_how_often_it_changed(shop: Project) -> None:
    image = image_of(shop.inv("layers", "--json").document)
    layers = {one["line"]: one for one in image["layers"]}
    assert sorted(layers) == [2, 3, 4, 5, 7, 8, 9, 11, 12, 13]
    assert layers[5]["seconds"] >= 0.4
    assert layers[8]["seconds"] >= 0.3
    # The folder may be in the builder's cache from another project.
    assert all(one["seconds"] is not None for line, one in layers.items() if line != 3)
    assert all(one["seconds"] is not None for one in image["predictions"])
    assert layers[11]["bytes"] >= 300_000
    assert layers[4]["files"] == ["web/src/a", "web/src/b"]
    changed = {line: one["changes"] for line, one in layers.items() if one["files"]}
    assert changed == {4: 1, 9: 1, 13: 4}
    assert layers[11]["remade"] == 1


def test_a_prediction_counts_what_an_edit_makes_again(shop: Project) -> None:
    image = image_of(shop.inv("layers", "--json", "--edit", "web/src/a").document)
    lines = {one["edit"]: one["line"] for one in image["predictions"]}
    assert lines == {"first": 2, "code": 13, "requirements": 9, "dockerfile": 8, "base": 2}
    (edit,) = image["edits"]
    assert (edit["path"], edit["line"]) == ("web/src/a", 4)
    assert edit["seconds"] >= 0.4
    unread = image_of(shop.inv("layers", "--json", "--edit", "web/unused.md").document)
    assert unread["edits"][0]["seconds"] == 0


def left_on_the_engine(project: Project) -> list[str]:
    trials = f"composetasks-trial/{project.name}-*"
    return docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", trials).split()


def test_validation_builds_each_edit_and_touches_nothing_of_the_project(shop: Project) -> None:
    before = docker("image", "ls", "--no-trunc", "--format", "{{.ID}}", f"{shop.name}-web")
    known = times(shop)
    ran = shop.inv("layers", "--validate", "--json")
    assert ran.code == 0, ran.err
    edits = ran.document["validation"]["edits"]
    made = {one["edit"]: [step.split()[0] for step in sorted(one["ran"])] for one in edits}
    assert made == {
        "code": ["COPY"],
        "requirements": ["COPY", "COPY", "COPY", "RUN"],
        "dockerfile": ["COPY", "COPY", "COPY", "RUN", "RUN"],
        "base": ["COPY", "COPY", "COPY", "COPY", "RUN", "RUN", "RUN", "WORKDIR"],
    }
    assert ran.document["validation"]["median_error"] is not None
    assert git(shop, "status", "--porcelain") == ""
    assert docker("image", "ls", "--no-trunc", "--format", "{{.ID}}", f"{shop.name}-web") == before
    assert left_on_the_engine(shop) == []
    assert shop.plan("build") == []
    # What was measured is known from then on.
    (name,) = (name for name in known if name.endswith("sleep 0.3"))
    assert (known[name][2], times(shop)[name][2]) == (1, 3)


def times(project: Project) -> dict[str, list[float]]:
    """What is kept of the steps: their first and last seconds, and how often they ran."""
    kept = project.folder / ".composetasks/cache/steps/web.json"
    result: dict[str, list[float]] = (cache_entry.load(kept, dict) or {})["steps"]
    return result


def test_of_a_file_that_is_named_the_edit_alone_is_tried(shop: Project) -> None:
    ran = shop.inv("layers", "--validate", "--json", "--edit", "web/src/a")
    (edit,) = ran.document["validation"]["edits"]
    assert (edit["edit"], edit["path"]) == ("path", "web/src/a")
    # What is made in the other stage is another file, and so is copied again; the page is not
    # read by what changed, but made upon it.
    assert [step.split()[0] for step in sorted(edit["ran"])] == ["COPY", "COPY", "COPY", "RUN"]
    unread = shop.inv("layers", "--validate", "--json", "--edit", "web/unused.md")
    assert unread.document["validation"] == {"edits": [], "median_error": None}


def test_a_copy_that_does_not_build_is_reported_and_removed(shop: Project, tmp_path: Path) -> None:
    text = (shop.folder / "web/Dockerfile").read_text()
    shop.write("web/Dockerfile", text.replace("CMD", "RUN --network=none false\nCMD"))
    ran = shop.inv("layers", "--validate", "--json", TMPDIR=str(tmp_path))
    assert (ran.code, ran.document["code"]) == (7, 7)
    assert "false" in ran.document["message"]
    assert left_on_the_engine(shop) == []
    assert [path.name for path in tmp_path.iterdir() if "trial" in path.name] == []


BADLY = f"""FROM {TAG}
RUN --network=none printf '#!/bin/sh\\nsleep 1.5\\n' > /bin/apt-get && chmod 755 /bin/apt-get
COPY . /app
RUN --network=none apt-get update && apt-get install PROJECT
CMD ["sh"]
"""


def test_what_advice_saves_is_measured_by_following_it(project: Project) -> None:
    project.compose(f"services: {{web: {{image: '{project.name}-web', build: web}}}}\n")
    project.write("web/Dockerfile", BADLY.replace("PROJECT", project.name))
    project.write("web/.dockerignore", "Dockerfile\n.dockerignore\n")
    project.write(".gitignore", ".composetasks/\n__pycache__/\n")
    git(project, "init", "-q")
    for number in range(4):
        project.write("web/page.html", f"<p>{number} of {project.name}</p>\n")
        commit(project)
    assert project.inv("build").code == 0
    ran = project.inv("layers", "--validate", "--json")
    first = image_of(ran.document)["advice"][0]
    assert (first["kind"], first["lines"]) == ("order", [3, 4])
    assert first["saves_seconds_per_week"] >= 4 * 3.0
    # How many seconds it is says something of the machine.
    assert first["measured_seconds_per_week"] is not None
