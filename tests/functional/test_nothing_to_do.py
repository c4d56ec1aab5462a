"""A start that finds nothing to do: what it asks and what it loads is what it costs."""

from __future__ import annotations

import subprocess
import sys

from tests.functional.scripted_engine import ScriptedEngine
from tests.project import Project

COMPOSE = """
name: shop
services:
  db: {image: "db:1"}
"""
MODULES = 165
"""How many of our own are loaded at most: each takes a third of a millisecond."""
ASKED = ["/containers/json", "/images/db:1/json", "/networks", "/volumes"]
"""No list of images: an engine has hundreds that are nobody's any more."""

NEEDLESS = {"detect_secrets", "docker", "dotenv", "psutil", "requests", "rich"}


def test_three_lists_and_its_image_are_asked_for_without_the_docker_sdk(
    project: Project, engine: ScriptedEngine
) -> None:
    project.write("compose.yaml", COMPOSE)
    asked = subprocess.run(
        ["docker", "compose", "config", "--hash", "db"],
        cwd=project.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    labels = {
        "config-hash": asked.stdout.split()[1],
        "container-number": "1",
        "image": "sha256:db",
        "oneoff": "False",
        "project": "shop",
        "service": "db",
    }
    labels = {f"com.docker.compose.{name}": value for name, value in labels.items()}
    engine.images = [{"Id": "sha256:db", "RepoTags": ["db:1"], "Created": 1, "Size": 2}]
    engine.containers = [
        {
            "Id": "id-db",
            "Names": ["/shop-db-1"],
            "Image": "db:1",
            "ImageID": "sha256:db",
            "State": "running",
            "Status": "Up 3 minutes",
            "Created": 1,
            "Labels": labels,
            "NetworkSettings": {"Networks": {"shop_default": {"NetworkID": "n1"}}},
        }
    ]
    ours = {"com.docker.compose.project": "shop", "com.docker.compose.network": "default"}
    engine.networks = [{"Id": "n1", "Name": "shop_default", "Driver": "bridge", "Labels": ours}]
    first = project.inv("up")
    assert first.code == 0, first.err
    engine.requests.clear()

    ran = project.inv("up", PYTHONPROFILEIMPORTTIME="1")

    assert ran.code == 0, ran.err
    assert "nothing to do" in ran.out
    assert sorted(engine.requests) == [("GET", path) for path in ASKED]
    loaded = {line.rpartition("|")[2].strip() for line in ran.err.splitlines()}
    packages = {name.partition(".")[0] for name in loaded}
    assert "composetasks" in packages
    assert packages & NEEDLESS == set()
    assert len([name for name in loaded if name.startswith("composetasks.")]) <= MODULES


def test_the_rooms_below_the_tasks_load_no_invoke() -> None:
    asked = "import composetasks.observe.images.tree, sys; print('invoke' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", asked], text=True) == "False\n"
