"""An engine behind TLS, named by variables or by a context, on a machine where other programs are
told other certificate authorities."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine import busybox
from tests.faults.own_engine import OwnEngine
from tests.project import TASKS, Project, own_environment
from tests.reach.tls import behind_tls, certificates

LOOP = '["sh", "-c", "trap \'exit 0\' TERM; while :; do sleep 1; done"]'


@pytest.fixture
def laptop(tmp_path: Path, engine: OwnEngine) -> Iterator[Project]:
    """A project on a machine that knows the engine's port, and has a client folder without a
    ``config.json`` but with the plugins; ``certificates`` lie beside it."""
    certificates(tmp_path / "certificates")
    other = tmp_path / "other.pem"
    other.write_bytes((tmp_path / "certificates" / "cert.pem").read_bytes())
    made = Project(tmp_path / "project", own_environment(), "ct-reach-tls")
    made.write("tasks.py", TASKS)
    made.compose(f"services:\n  web: {{image: {busybox.TAG}, init: true, command: {LOOP}}}\n")
    with behind_tls(engine.address, tmp_path / "certificates") as port:
        made.environment.update(REQUESTS_CA_BUNDLE=str(other), PORT=str(port))
        yield made
    engine.clear()


def test_by_variables(laptop: Project, tmp_path: Path) -> None:
    where = {
        "DOCKER_HOST": f"tcp://127.0.0.1:{laptop.environment['PORT']}",
        "DOCKER_CERT_PATH": str(tmp_path / "certificates"),
    }

    verified = laptop.inv("up", DOCKER_TLS_VERIFY="1", **where)
    plain = laptop.inv("status", **where)

    assert verified.code == 0, verified.err
    # As with the docker client: a folder of certificates alone asks for nothing.
    assert plain.code == 5


def test_by_a_context_without_a_configuration_file(laptop: Project, tmp_path: Path) -> None:
    folder, certs = tmp_path / "docker", tmp_path / "certificates"
    laptop.environment["DOCKER_CONFIG"] = str(folder)
    files = (f"{kind}={certs}/{kind}.pem" for kind in ("ca", "cert", "key"))
    endpoint = ",".join([f"host=tcp://127.0.0.1:{laptop.environment['PORT']}", *files])
    argv = ["docker", "context", "create", "far", "--docker", endpoint]
    subprocess.run(argv, env=laptop.environment, check=True, capture_output=True)
    assert not (folder / "config.json").exists()

    ran = laptop.inv("up", DOCKER_CONTEXT="far")
    unknown = laptop.inv("status", DOCKER_CONTEXT="nowhere")

    assert ran.code == 0, ran.err
    assert unknown.code == 5
    assert "there is no docker context nowhere" in unknown.err


def test_an_engine_that_proves_to_be_another_is_not_used(laptop: Project, tmp_path: Path) -> None:
    certificates(tmp_path / "others")

    ran = laptop.inv(
        "status",
        DOCKER_HOST=f"tcp://127.0.0.1:{laptop.environment['PORT']}",
        DOCKER_CERT_PATH=str(tmp_path / "others"),
        DOCKER_TLS_VERIFY="1",
    )

    assert ran.code == 5
    assert "certificate" in ran.err.lower()
