"""An engine that takes one kind of request and never answers it, while it answers all others: what
is waited for is told, and the run ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.engine_proxy import EngineProxy
from tests.project import Project, Ran

STACK = """
services:
  web:
    image: {name}-web
    build: ./web
    init: true
    command: [sleep, "1000"]
    environment: {{A: "{value}"}}
    volumes: [data:/data]
volumes: {{data: }}
"""


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[EngineProxy]:
    with EngineProxy(tmp_path / "engine.sock") as made:
        yield made


class Shop:
    """A project that is up, seen through a proxy."""

    def __init__(self, project: Project, proxy: EngineProxy) -> None:
        self.project, self.proxy, self.edits = project, proxy, 0
        self.edit("A")
        assert project.inv("up").code == 0
        # All other requests have this long, too, on a busy machine.
        project.environment |= {"DOCKER_HOST": proxy.address, "INVOKE_STACK_ENGINE_TIMEOUT": "8"}

    def edit(self, what: str) -> None:
        """Change the environment of its service (``A``), or its image (``image``)."""
        self.edits += 1
        if what == "A":
            self.project.compose(STACK.format(name=self.project.name, value=self.edits))
        text = f"FROM ct-test/busybox\nRUN echo {self.project.name} {self.edits} >/x\n"
        if what == "image" or self.edits == 1:
            self.project.write("web/Dockerfile", text)

    def without(self, method: str, path: str, *arguments: str) -> Ran:
        """Run a task while the engine does not answer this."""
        self.proxy.silence(method, path)
        ran = self.project.inv(*arguments)
        assert self.proxy.asked.is_set(), ran.err
        self.proxy.flow()
        return ran


@pytest.fixture
def shop(project: Project, proxy: EngineProxy) -> Shop:
    return Shop(project, proxy)


def test_what_compose_waits_for_is_told_and_ends_with_the_services_time(shop: Shop) -> None:
    name = f"{shop.project.name}-web-1"
    shop.edit("A")
    for path in ("/containers/create", "/containers/[^/]+/start"):
        ran = shop.without("POST", path, "up", "--timeout", "1")
        assert ran.code == 8, ran.err
        late = "the engine answers, but did not complete this within 24 s: docker-compose up"
        assert late in ran.err, ran.err
        assert f"waiting for docker-compose up ({name} to " in ran.err
    # Compose gets its answers, but nobody else does.
    ran = shop.without("GET", "/containers/[^/]+/json", "up")
    assert ran.code == 5, ran.err
    assert "no answer to GET /containers/" in ran.err
    assert shop.project.inv("up").code == 0


def test_a_build_that_is_not_begun(shop: Shop) -> None:
    shop.edit("image")
    ran = shop.without("POST", "/grpc", "build")
    assert ran.code == 5, ran.err
    assert "a build did not start within 24 s" in ran.err
    assert shop.project.inv("build").code == 0


def test_whatever_else_is_asked_of_it(shop: Shop) -> None:
    container = "/containers/[^/]+"
    for arguments, method, path in (
        (("status",), "GET", "/images/.+/json"),
        (("logs",), "GET", f"{container}/logs"),
        (("snapshot", "one"), "POST", "/containers/create"),
        (("snapshot", "two"), "POST", f"{container}/attach"),
        (("down",), "POST", f"{container}/stop"),
    ):
        ran = shop.without(method, path, *arguments)
        assert ran.code == 5, (arguments, path, ran.err)
        assert "error: the engine " in ran.err, (arguments, path, ran.err)
        told = f"waiting for the engine ({method} " in ran.err
        assert told or f"no answer to {method} " in ran.err, (arguments, path, ran.err)
    assert shop.project.inv("down").code == 0
