"""Which engine is in force, as the docker client decides it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from composetasks.observe.engine.endpoint import Endpoint, chosen

CERTIFICATES = "/certificates"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HOST", "CONTEXT", "TLS", "TLS_VERIFY", "CERT_PATH"):
        monkeypatch.delenv(f"DOCKER_{name}", raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path


def context(home: Path, name: str, **engine: object) -> Path:
    """Write a context; returns the folder of its certificates, which is not made."""
    key = hashlib.sha256(name.encode()).hexdigest()
    meta = home / "contexts" / "meta" / key / "meta.json"
    meta.parent.mkdir(parents=True)
    meta.write_text(json.dumps({"Name": name, "Endpoints": {"docker": engine}}))
    return home / "contexts" / "tls" / key / "docker"


def test_nothing_said_is_the_local_socket(home: Path) -> None:
    assert chosen() == Endpoint("the default", "unix:///var/run/docker.sock")


def test_a_host_wins_over_a_context(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context(home, "far", Host="tcp://far:2376")
    monkeypatch.setenv("DOCKER_CONTEXT", "far")
    assert chosen() == Endpoint("context far", "tcp://far:2376")
    monkeypatch.setenv("DOCKER_HOST", "ssh://me@other")
    assert chosen() == Endpoint("DOCKER_HOST", "ssh://me@other")


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("tcp://far", "tcp://far:2375"),
        ("far", "tcp://far:2375"),
        ("far:77", "tcp://far:77"),
        (":77", "tcp://localhost:77"),
        ("tcp://", "tcp://localhost:2375"),
        ("tcp://far:77/engine", "tcp://far:77/engine"),
        ("[::1]:77", "tcp://[::1]:77"),
        (" unix:///run/docker.sock ", "unix:///run/docker.sock"),
        ("ssh://me@far", "ssh://me@far"),
        ("tcp://far:port", "tcp://far:port"),
    ],
)
def test_a_host_is_read_as_by_the_docker_client(
    home: Path, monkeypatch: pytest.MonkeyPatch, host: str, address: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    assert chosen() == Endpoint("DOCKER_HOST", address)


def test_a_blank_host_is_none(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", " ")
    assert chosen().how == "the default"


@pytest.mark.parametrize("text", ['{"currentContext": "far"}', '{"auths": {}}', "[]", "{", None])
def test_the_context_in_use(home: Path, text: str | None) -> None:
    certificates = context(home, "far", Host="tcp://far:2376", SkipTLSVerify=True)
    certificates.mkdir(parents=True)
    if text is not None:
        (home / "config.json").write_text(text)
    used = text is not None and "far" in text
    far = Endpoint("context far", "tcp://far:2376", certificates, verified=False)
    assert chosen() == (far if used else Endpoint("the default", "unix:///var/run/docker.sock"))


@pytest.mark.parametrize("engine", [None, {}, {"Host": "x"}])
def test_a_context_that_is_not_there_has_no_address(
    home: Path, monkeypatch: pytest.MonkeyPatch, engine: dict[str, object] | None
) -> None:
    if engine is not None:
        context(home, "far", **engine)
    monkeypatch.setenv("DOCKER_CONTEXT", "far")
    assert chosen() == Endpoint("context far", "x" if engine else "")


@pytest.mark.parametrize(
    ("variables", "certificates", "verified"),
    [
        ({"TLS_VERIFY": "1"}, CERTIFICATES, True),
        ({"TLS": "1"}, CERTIFICATES, False),
        ({"TLS_VERIFY": ""}, None, False),
        ({}, None, False),
    ],
)
def test_tls_is_what_the_docker_client_makes_of_the_variables(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    certificates: str | None,
    verified: bool,
) -> None:
    asked = {"HOST": "tcp://far:2376", "CERT_PATH": CERTIFICATES, **variables}
    for name, value in asked.items():
        monkeypatch.setenv(f"DOCKER_{name}", value)
    result = chosen()
    assert result.certificates == (None if certificates is None else Path(certificates))
    assert result.certificates is None or result.verified == verified


def test_a_socket_needs_no_certificates(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    assert chosen().certificates is None
    monkeypatch.setenv("DOCKER_HOST", "ssh://far")
    assert chosen().certificates is None
