"""What the doctor says of the model, and of what this host means for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from composetasks.facts import (
    Binding,
    BuildInputs,
    Engine,
    Environment,
    NotSent,
    Port,
    PortHolder,
    Status,
    Watching,
)
from composetasks.plan.doctor import stack
from tests.unit.plan.doctor.test_engine import DAEMON
from tests.unit.worlds import built, container, image, model, service, world

LOCAL = (32768, 60999)
WEB = service("web", ports=(Port(80, (8000, 8000), "127.0.0.1", "tcp"),))
HIGH = service("web", ports=(Port(80, (40000, 40001), "127.0.0.1", "tcp"),))
OPEN = service("web", ports=(Port(80, (8000, 8000), "", "tcp"),))


def test_a_model_of_which_compose_warns() -> None:
    assert stack.model(model(WEB)).status is Status.OK
    check = stack.model(model(WEB, warnings=("the attribute version is obsolete",)))
    assert check.status is Status.WARNING
    assert "obsolete" in check.message


def test_an_environment_that_is_fine_or_not(tmp_path: Path) -> None:
    environment = Environment(tmp_path, {})
    assert stack.env(environment).status is Status.OK
    demanded = (("TAG", tmp_path / "compose.yaml", 3, "say which", True),)
    check = stack.env(replace(environment, demanded=demanded))
    assert check.status is Status.FAILED
    assert "compose.yaml:3: TAG" in check.message


def test_a_published_port_that_nobody_holds() -> None:
    check = stack.ports(world(model(WEB), [container("web")]), LOCAL, (), on_this_host=True)
    assert check.status is Status.OK


def test_a_published_port_that_a_process_holds() -> None:
    held = PortHolder("127.0.0.1", 8000, "tcp", 12, "python3", "me")
    check = stack.ports(world(model(WEB), ports=(held,)), LOCAL, (), on_this_host=True)
    assert check.status is Status.FAILED
    assert "process python3 (pid 12, user me)" in check.message


def test_a_published_port_that_another_container_holds() -> None:
    other = container(
        "other",
        labels={"com.docker.compose.project": "blog"},
        bindings=(Binding("127.0.0.1", 8000, 80, "tcp"),),
    )
    check = stack.ports(world(model(WEB), [other]), LOCAL, (), on_this_host=True)
    assert check.status is Status.FAILED
    assert "container shop-other-1" in check.message


def test_a_port_that_an_outgoing_connection_may_take() -> None:
    check = stack.ports(world(model(HIGH)), LOCAL, (), on_this_host=True)
    assert check.status is Status.WARNING
    assert "40000, 40001" in check.message
    assert "ip_local_reserved_ports=40000,40001" in check.hint
    assert (
        stack.ports(world(model(HIGH)), LOCAL, {40000, 40001}, on_this_host=True).status
        is Status.OK
    )
    assert stack.ports(world(model(HIGH)), None, (), on_this_host=True).status is Status.OK


def test_a_port_open_to_the_network_by_the_model() -> None:
    assert stack.open_ports(model(WEB), ()).status is Status.OK
    check = stack.open_ports(model(OPEN), ())
    assert check.status is Status.WARNING
    assert "web:8000" in check.message
    assert "127.0.0.1" in check.hint


def test_a_port_open_to_the_network_as_it_runs() -> None:
    running = container("web", bindings=(Binding("0.0.0.0", 8000, 80, "tcp"),))
    assert stack.open_ports(model(WEB), [running]).status is Status.WARNING
    assert stack.open_ports(model(WEB), [replace(running, state="exited")]).status is Status.OK


def test_the_network_of_the_host_is_open() -> None:
    host = service("web", config={"network_mode": "host"})
    assert "network_mode: host" in stack.open_ports(model(host), ()).message


def test_the_reason_of_a_refused_model_is_compose_s_refusal_and_not_a_warning() -> None:
    check = stack.refused("the Compose model is invalid", "invalid spec: :/data\nX is not set", "")
    assert check.status is Status.FAILED
    assert check.message == "the Compose model is invalid: invalid spec: :/data"


def test_services_as_root() -> None:
    assert stack.root({"db": False}, DAEMON).status is Status.OK
    check = stack.root({"db": True, "web": True, "app": False, "job": None}, DAEMON)
    assert (check.status, "db, web" in check.message) == (Status.WARNING, True)
    assert stack.root({"db": True}, replace(DAEMON, shifted=True)).status is Status.OK


def test_who_a_service_runs_as_is_not_known_before_its_image_is_here() -> None:
    check = stack.root({"db": False, "web": None}, DAEMON)
    assert check.status is Status.SKIPPED
    assert check.message.startswith("the images of web")


def based(bases: Mapping[str, str], dockerfile: str = "") -> dict[str, BuildInputs]:
    """The inputs of an image upon these base images."""
    return {"web": BuildInputs("web", "", bases=bases, options={"dockerfile": dockerfile})}


def test_images_for_work_without_a_network() -> None:
    of = model(service("db"), built("web"))
    here = world(of)
    assert stack.images(here, based({"base:1": "sha256:1"})).status is Status.OK
    check = stack.images(here, based({"base:1": ""}))
    assert (check.status, "base:1" in check.message) == (Status.WARNING, True)
    check = stack.images(world(of, engine=Engine(images=(image("web"),))), {})
    assert (check.status, "shop-db:latest" in check.message) == (Status.WARNING, True)
    check = stack.images(world(of, engine=Engine(images=(image("db"),))), {})
    assert (check.status, "web still to be built" in check.message) == (Status.OK, True)
    syntax = based({}, "# syntax=docker/dockerfile:1.4\nFROM base:1")
    check = stack.images(here, syntax)
    assert check.message.endswith("a build asks a registry for docker/dockerfile:1.4 (`# syntax`)")
    pulled = (*here.engine.images, image("frontend", tags=("docker/dockerfile:1.4",)))
    check = stack.images(world(of, engine=Engine(images=pulled)), syntax)
    assert check.message.endswith("both work offline")


def test_an_image_that_another_service_builds_needs_no_registry() -> None:
    job = service("migrate", image="docker.io/library/shop-web")
    check = stack.images(world(model(built("web"), job), engine=Engine(images=())), {})
    assert (check.status, check.message.split(" still")[0]) == (Status.OK, "web")


def test_health_checks_are_judged_by_the_rules_of_a_start() -> None:
    slow = service(
        "db",
        has_healthcheck=True,
        config={"healthcheck": {"test": ["CMD", "x"], "interval": "30s"}},
    )
    assert stack.health(world(model(slow))).status is Status.WARNING
    assert stack.health(world(model(service("job")))).status is Status.OK
    assert stack.health(world(model(WEB))).status is Status.WARNING
    check = stack.health(world(model(service("web"))), {"web": "curl"})
    assert (check.status, "web: its health check runs curl" in check.message) == (
        Status.WARNING,
        True,
    )


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (Watching(524_288, 512, 20), Status.OK),
        (Watching(8_192, 128, 1), Status.WARNING),
        (Watching(524_288, 64, 1), Status.WARNING),
        (Watching(524_288, 512, 500), Status.FAILED),
        (None, Status.SKIPPED),
        (Watching(0, 0), Status.SKIPPED),
    ],
)
def test_limits_of_file_watching(result: Watching | None, status: Status) -> None:
    assert stack.watching(result).status is status


def test_memory_limits_add_up_over_replicas() -> None:
    two = service("a", container_names=("a-1", "a-2"), config={"mem_limit": "1073741824"})
    deployed = service("b", config={"deploy": {"resources": {"limits": {"memory": "512m"}}}})
    assert stack.memory_limits(model(two, deployed, service("c"))) == 2 * 2**30 + 512 * 2**20


def test_a_container_is_tried_with_an_image_of_the_project_that_is_built() -> None:
    of = model(service("db"), built("web"))
    assert stack.probed_image(of, world(of).engine) == "shop-web:latest"
    assert stack.probed_image(of, Engine(images=(image("db"),))) == "shop-db:latest"


def test_a_container_is_tried_with_the_smallest_image_where_the_project_has_none() -> None:
    engine = Engine(images=(image("x", size=5), image("y", size=3)))
    assert stack.probed_image(model(service("db")), engine) == "sha256:y"
    assert stack.probed_image(None, engine) == "sha256:y"
    assert stack.probed_image(None, Engine()) == ""


def test_a_build_is_tried_on_a_base_that_is_here_under_its_name() -> None:
    engine = Engine(images=(image("base", tags=("base:1",)),))
    assert stack.base_image(engine, based({"gone:1": "sha256:2", "base:1": "sha256:b"})) == "base:1"
    assert stack.base_image(engine, based({"gone:1": ""})) == ""


def test_what_is_only_here_and_never_sent_is_no_mount_that_is_sent() -> None:
    away = replace(DAEMON, local=False)
    here, state = ("/p/code", "/p/data"), {"/p/data": NotSent.STATE}

    unsent = stack.mounts(away, here, state)
    sent = stack.mounts(away, here, state, sends=True)
    code = stack.mounts(away, here[:1], sends=True)

    assert unsent.status is sent.status is Status.FAILED
    assert "`stack.remote.mounts: send`" in unsent.hint
    assert "/p/code" not in sent.message
    assert "`restore`" in sent.hint
    assert "mounts: send" not in sent.hint
    assert code.status is Status.OK
