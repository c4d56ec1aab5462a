"""A registry, and a package index, that take connections and never say a word."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.project import Project


@pytest.fixture
def silent() -> Iterator[str]:
    """Its address."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def test_a_silent_registry_is_told_and_ends_a_build_but_no_doctor(
    project: Project, silent: str
) -> None:
    project.compose("services:\n  web: {build: ./web}\n")
    project.write("web/Dockerfile", f"FROM {silent}/base:1\nRUN true\n")
    project.environment |= {
        "INVOKE_STACK_ENGINE_TIMEOUT": "4",
        "PIP_INDEX_URL": f"http://{silent}/simple",
    }
    built = project.inv("build")
    assert built.code == 7, built.err
    assert f"waiting for a registry to resolve {silent}/base:1" in built.err
    assert f"no registry resolved {silent}/base:1 within 12 s" in built.err

    # The engine itself is as slow as the machine is busy.
    ran = project.inv("doctor", "--json", INVOKE_STACK_ENGINE_TIMEOUT="10")
    assert ran.code == 0, ran.err
    assert "waiting for the slowest check" in ran.err
    said = {one["name"]: one["message"] for one in ran.document["checks"]}
    assert "the package index does not answer (this host: timed out" in said["package-index"]
    assert f"{silent}/base:1" in said["images"]
