"""`inv doctor` on real engines: one that is well, and one thing broken at a time."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import ssl
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.engine import busybox, own_engine
from tests.engine.own_engine import OwnEngine
from tests.engine.stacks import docker
from tests.project import Project, Ran

TOY = """
services:
  web:
    image: ct-test/busybox
    user: "1000"
    command: [sleep, "3600"]
"""
DISK = "400m"
"""Less than a start needs, by the doctor's own rule, and enough for dockerd and a tiny image."""


@pytest.fixture
def toy(project: Project) -> Project:
    project.compose(TOY)
    return project


def failed(ran: Ran) -> dict[str, str]:
    """What failed, each with its message; every one has its hint."""
    results = [one for one in ran.document["checks"] if one["status"] == "failed"]
    assert all(one["hint"] for one in results)
    assert ran.code == (1 if results else 0)
    return {one["name"]: one["message"] for one in results}


# --- the engine -----------------------------------------------------------------------------


def test_on_an_engine_that_is_well_a_container_and_a_build_run(toy: Project) -> None:
    result = toy.inv("doctor", "--json").checks
    assert {name: result[name]["status"] for name in ("engine", "container", "model")} == {
        "engine": "ok",
        "container": "ok",
        "model": "ok",
    }
    assert result["container"]["message"].startswith("a container ran, from")
    assert result["build"]["message"].startswith("a build ran")
    left = docker("ps", "-aq", "--filter", f"label=composetasks.doctor={toy.name}")
    assert left == ""


@pytest.fixture
def small(tmp_path: Path) -> Iterator[OwnEngine]:
    """An engine of this test's own, on a small disk, with the tiny image on it."""
    if why := own_engine.missing():
        if os.environ.get("REQUIRE_ENGINE") == "1":
            pytest.fail(f"REQUIRE_ENGINE=1, and no engine can be started here: {why}")
        pytest.skip(f"no engine can be started here ({why}); this test did not run")
    archive = subprocess.run(
        ["docker", "save", busybox.TAG], check=True, capture_output=True, timeout=120
    ).stdout
    # The path of a socket is short.
    folder = Path("/tmp") / f"ct-{os.getpid()}-{tmp_path.name[-12:]}"
    try:
        with own_engine.own_engine(folder, DISK) as engine:
            engine.docker("load", stdin=archive)
            yield engine
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_an_engine_that_was_stopped(toy: Project, small: OwnEngine) -> None:
    toy.environment["DOCKER_HOST"] = small.url
    assert "engine" not in failed(toy.inv("doctor", "--json"))
    own_engine.stop(small)
    ran = toy.inv("doctor", "--json")
    [(name, message)] = failed(ran).items()
    assert name == "engine"
    assert str(small.socket) in message
    assert "start" in ran.checks["engine"]["hint"]
    assert ran.checks["container"]["status"] == "skipped"
    assert ran.checks["model"]["status"] == "ok"


def test_a_full_disk_where_images_live(toy: Project, small: OwnEngine) -> None:
    toy.environment["DOCKER_HOST"] = small.url
    with contextlib.suppress(OSError), (small.data / "full").open("wb") as stream:
        while True:
            stream.write(bytes(1 << 20))
    ran = toy.inv("doctor", "--json")
    result = failed(ran)
    assert f"free where images are stored ({small.data})" in result["disk"]
    assert "no space left on device" in result["container"]
    assert ran.checks["engine"]["status"] == "ok"
    assert ran.checks["model"]["status"] == "ok"


# --- who asks -------------------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user takes root")
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="there is no setpriv")
def test_a_user_without_permission_for_the_socket(toy: Project) -> None:
    """The engine's own socket, asked by a user whom it is not for."""
    address = docker("context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
    path = Path(toy.environment.get("DOCKER_HOST", address).removeprefix("unix://"))
    if not path.is_socket() or path.stat().st_mode & 0o006:
        pytest.skip("this engine's socket is for everybody, or there is none")
    program = (
        "import os\n"
        "from composetasks.observe.doctor.daemon import daemon\n"
        "from composetasks.run.failure import TaskFailure\n"
        # Of what is imported later nothing may be readable to another user.
        "import docker, docker.context, requests, docker.constants, docker.utils\n"
        "import docker.transport, urllib3, grp, pwd, shutil, subprocess\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "try: daemon()\n"
        "except TaskFailure as failure: print(int(failure.code), failure.message, failure.hint)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**toy.environment, "HOME": "/nonexistent", "DOCKER_HOST": f"unix://{path}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(f"5 no permission to use the engine at unix://{path}")
    assert "log in again" in done.stdout


# --- programs, builders ---------------------------------------------------------------------


def test_an_old_plugin_in_path(toy: Project, tmp_path: Path) -> None:
    old = tmp_path / "bin" / "docker-compose"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho 'docker-compose version 1.29.2, build x'\n")
    old.chmod(0o755)
    path = f"{old.parent}{os.pathsep}{toy.environment['PATH']}"
    result = toy.inv("doctor", "--json", PATH=path).checks
    assert result["compose"]["status"] == "warning"
    assert f"{old} is 1.29.2" in result["compose"]["message"]
    assert str(old) in result["compose"]["hint"]
    assert {result[name]["status"] for name in ("engine", "container", "model")} == {"ok"}


def test_a_builder_that_nobody_knows_any_more(toy: Project, tmp_path: Path) -> None:
    name = f"buildx_buildkit_{toy.name}0"
    label = ["--label", f"com.docker.compose.project={toy.name}"]
    docker("create", "--name", name, *label, busybox.TAG)
    docker("volume", "create", *label, f"{name}_state")
    result = toy.inv("doctor", "--json").checks["builders"]
    assert result["status"] == "warning"
    assert name in result["message"]
    assert f"{name}_state" in result["message"]
    assert result["hint"]


# --- certificates ---------------------------------------------------------------------------


class Index(BaseHTTPRequestHandler):
    """A package index that has nothing."""

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


def authority(folder: Path, name: str, *names: str) -> tuple[Path, Path]:
    """A certificate that is its own authority, for some names, and its key."""
    folder.mkdir(exist_ok=True)
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    subject = ["-subj", f"/CN={name}", "-addext", f"subjectAltName={','.join(names)}"]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    argv = ["openssl", "req", "-x509", *kind, *subject, *files]
    subprocess.run(argv, check=True, capture_output=True)
    return certificate, key


@pytest.fixture
def index(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """An index on the address of the engine's bridge, and the authority to believe it by."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl")
    address = docker(
        "network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}"
    )
    certificate, key = authority(tmp_path / "ca", "right", f"IP:{address}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    try:
        server = ThreadingHTTPServer((address, 0), Index)
    except OSError:
        pytest.skip(f"the engine's bridge ({address}) is not on this machine")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"https://{address}:{server.server_port}/simple/", certificate
    server.shutdown()
    server.server_close()


@pytest.fixture
def image(project: Project) -> Iterator[Any]:
    """Makes an image of the project that has an authority in it."""
    tag = f"{project.name}-ca"

    def make(certificate: Path) -> str:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            tar.add(certificate, "etc/ssl/certs/ca-certificates.crt")
        subprocess.run(
            ["docker", "import", "-", tag], input=buffer.getvalue(), check=True, capture_output=True
        )
        return tag

    yield make
    docker("image", "rm", "-f", tag, check=False)


def with_image(project: Project, tag: str) -> None:
    project.compose(f"services: {{web: {{image: {tag}, user: '1000', command: [x]}}}}\n")


def test_an_image_with_the_wrong_authorities(
    project: Project, index: tuple[str, Path], image: Any, tmp_path: Path
) -> None:
    address, right = index
    wrong, _ = authority(tmp_path / "ca", "wrong", "DNS:nowhere.test")
    with_image(project, image(wrong))
    own = {"PIP_INDEX_URL": address, "SSL_CERT_FILE": str(right), "PIP_CERT": str(right)}
    own |= dict.fromkeys(("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"), "")
    ran = project.inv("doctor", "--json", **own)
    message = failed(ran)["certificates"]
    assert message.startswith("this host trusts the certificate of")
    assert "a container from" in message
    assert "/etc/ssl/certs/ca-certificates.crt" in message
    assert "update-ca-certificates" in ran.checks["certificates"]["hint"]
    assert ran.checks["container"]["status"] == "ok"

    with_image(project, image(right))
    result = project.inv("doctor", "--json", **own).checks["certificates"]
    assert (result["status"], "a container" in result["message"]) == ("ok", True), result


def test_a_host_with_the_wrong_authorities(
    toy: Project, index: tuple[str, Path], tmp_path: Path
) -> None:
    address, _ = index
    wrong, _ = authority(tmp_path / "ca", "wrong", "DNS:nowhere.test")
    own = {"PIP_INDEX_URL": address, "SSL_CERT_FILE": str(wrong), "PIP_CERT": str(wrong)}
    own |= dict.fromkeys(("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"), "")
    ran = toy.inv("doctor", "--json", **own)
    message = failed(ran)["certificates"]
    assert "is not trusted" in message
    assert f"this host, by {wrong}" in message
    assert "SSL_CERT_FILE" in ran.checks["certificates"]["hint"]
