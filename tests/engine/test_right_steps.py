"""After each kind of change a start's plan has exactly the right steps; and the surprises of
plain Compose that a start does not repeat."""

from __future__ import annotations

import contextlib
import functools
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from composetasks.facts import Action, ExitCode
from tests.engine.busybox import TAG
from tests.engine.planned import Planned
from tests.engine.stacks import docker, free_port
from tests.engine.test_up import ids
from tests.project import Project

RUNNING = """
services:
  web:
    build: web
    init: true
    command: [httpd, -f, -p, "80"]
    ports: ["127.0.0.1:{port}:80"]
    environment: {{TEXT_WEIGHT: "{weight}"}}
  db:
    image: ct-test/busybox
    container_name: {name}-postgres
    init: true
    command: [sleep, "3600"]
    volumes: ["data:/data"]
{more}
volumes: {{data: {{}}}}
"""
OLD = """  old:
    image: ct-test/busybox
    init: true
    command: [sleep, "3600"]
"""


class Running:
    """A stack that runs, and whose compose file is written again with one thing changed."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.values = {"port": free_port(), "weight": "0.3", "name": project.name, "more": OLD}
        project.write(
            "web/Dockerfile", f"FROM ct-test/busybox\nCOPY index.html /\nLABEL of={project.name}\n"
        )
        project.write("web/index.html", "one")
        project.write("web/.dockerignore", "notes.txt\n")
        project.write("web/notes.txt", "one")
        self.write()

    def write(self, **changes: object) -> None:
        self.project.compose(RUNNING.format(**{**self.values, **changes}))


@pytest.fixture
def running(project: Project) -> Iterator[Running]:
    made = Running(project)
    assert project.inv("up").code == 0
    yield made
    docker("rm", "-f", f"{project.name}-postgres", check=False)


def test_each_change_has_exactly_its_steps(running: Running) -> None:
    project, name = running.project, running.project.name
    web, db = f"{name}-web-1", f"{name}-postgres"
    assert project.plan("up") == []

    project.write("web/notes.txt", "two")
    assert project.plan("up") == [], "a file that is not copied"

    project.write("web/index.html", "two")
    build, recreate = project.inv("up", "--plan", "--json").document["steps"]
    assert build["because"] == [{"kind": "file", "path": "web/index.html", "change": "modified"}]
    assert (recreate["action"], recreate["target"]) == ("recreate-container", web)
    project.write("web/index.html", "one")
    assert project.plan("up") == []

    running.write(weight="0.5")
    [step] = project.inv("up", "--plan", "--json").document["steps"]
    changed = {"kind": "config", "field": "environment.TEXT_WEIGHT", "old": "0.3", "new": "0.5"}
    assert (step["action"], step["target"], step["because"]) == (
        *("recreate-container", web),
        [changed],
    )

    running.write(port=free_port())
    [step] = project.inv("up", "--plan", "--json").document["steps"]
    assert (step["action"], step["target"]) == ("recreate-container", web)
    assert [one["field"].split(".")[0] for one in step["because"]] == ["ports"]

    running.write(more="")
    ran = project.inv("up", "--plan", "--json")
    assert ran.document["steps"] == []
    assert any(f"{name}-old-1" in warning for warning in ran.document["warnings"])
    removed = project.inv("clean-orphans", "--plan", "--json").document["steps"]
    assert [(one["target"], one["consent"]) for one in removed] == [(f"{name}-old-1", "yes")]
    running.write()

    docker("rm", "-f", db)
    docker("create", "--name", db, "ct-test/busybox")
    assert project.plan("up") == [("remove-container", db), ("create-container", db)]
    docker("rm", db)
    docker("run", "-d", "--init", "--name", db, "ct-test/busybox", "sleep", "3600")
    ran = project.inv("up", "--plan", "--json")
    assert ran.code == ExitCode.CONFLICT
    assert [one["target"] for one in ran.document["blockers"]] == [db]
    forced = project.plan("up", "--force")
    assert forced == [("remove-container", db), ("create-container", db)]


def test_a_changed_port_that_is_taken_costs_no_container(running: Running) -> None:
    before = ids(running.project)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        running.write(port=taken.getsockname()[1])
        ran = running.project.inv("up")
    assert ran.code == ExitCode.CONFLICT, ran.err
    assert ids(running.project) == before
    assert docker("inspect", "-f", "{{.State.Running}}", f"{running.project.name}-web-1") == "true"


@contextlib.contextmanager
def while_building(meanwhile: Callable[[], None]) -> Iterator[str]:
    """The address of a file for ``ADD``; ``meanwhile`` is called before it is given away."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            meanwhile()
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/file"
        server.shutdown()


@pytest.mark.parametrize("by", ["process", "container"])
def test_a_port_that_is_taken_while_images_are_built_costs_no_container(
    running: Running, by: str
) -> None:
    project, before, port = running.project, ids(running.project), free_port()
    guest = f"{project.name}-guest"
    with contextlib.ExitStack() as ends:

        @functools.cache
        def take() -> None:
            if by == "process":
                taken = ends.enter_context(socket.socket())
                taken.bind(("127.0.0.1", port))
                taken.listen()
            else:
                published = ("-p", f"127.0.0.1:{port}:80")
                docker("run", "-d", "--init", "--name", guest, *published, TAG, "sleep", "600")
                ends.callback(docker, "rm", "-f", guest)

        running.write(port=port)
        address = ends.enter_context(while_building(take))
        project.write("web/Dockerfile", f"FROM ct-test/busybox\nADD {address} /file\n")
        ran = project.inv("up")
    assert ran.code == ExitCode.CONFLICT, ran.err
    assert "a port was taken after the plan was made" in ran.err
    assert ids(project) == before
    assert docker("inspect", "-f", "{{.State.Running}}", f"{project.name}-web-1") == "true"


def test_a_changed_volume_definition_loses_no_data(planned: Planned) -> None:
    services = {"db": {"volumes": ["data:/data"]}}
    planned.write(services, volumes={"data": {}})
    planned.up()
    container = f"{planned.name}-db-1"
    planned.docker("exec", container, "sh", "-c", "echo kept > /data/kept")
    planned.write(services, volumes={"data": {"labels": {"changed": "yes"}}})
    planned.up()
    assert planned.docker("exec", container, "cat", "/data/kept") == "kept"
    assert planned.plan().steps == ()


def test_an_edit_of_an_inline_config_is_seen(planned: Planned) -> None:
    services = {"db": {"configs": [{"source": "one", "target": "/one"}]}}
    planned.write(services, configs={"one": {"content": "first"}})
    planned.up()
    container = f"{planned.name}-db-1"
    assert planned.docker("exec", container, "cat", "/one") == "first"
    planned.write(services, configs={"one": {"content": "second: $$1\n"}})
    [step] = planned.plan().steps
    assert (step.action, step.target) == (Action.RECREATE_CONTAINER, container)
    planned.up()
    assert planned.docker("exec", container, "cat", "/one") == "second: $1"
    assert planned.plan().steps == ()
