"""Where images come from: said, kept, or found out by asking the engine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bootstrap.source import decide, registry_error
from bootstrap.stack import Failure
from tests.bootstrap.machine import Machine

MODEL = {
    "name": "shop",
    "services": {
        "db": {"image": "postgres:15"},
        "broker": {"image": "apache/kafka:4.1.0"},
        "page": {"image": "shop-page", "build": {"context": "."}},
    },
}
NO_HOST = "dial tcp: lookup registry-1.docker.io: no such host"


@pytest.fixture
def root(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(machine.bin))
    monkeypatch.setenv("STATE", str(machine.state))
    (machine.state / "model.json").write_text(json.dumps(MODEL))
    return machine.checkout


def registry(machine: Machine, answers: tuple[str, ...], local: tuple[str, ...] = ()) -> None:
    """An engine that gets these images from a registry, and has those."""
    answered = " ".join(f"*/distribution/{name}/json*) good=yes ;;" for name in answers)
    present = " ".join(f"{name}) exit 0 ;;" for name in local)
    machine.has(
        "docker",
        f"""
answer() {{
    printf 'HTTP/1.1 %s\\r\\nContent-Length: %s\\r\\n\\r\\n%s' "$1" "${{#2}}" "$2"
}}
case "$1 $2" in
    "compose -f") cat "$STATE/model.json" ;;
    "image inspect") for image; do :; done; case $image in {present} *) exit 1 ;; esac ;;
    "system dial-stdio")
        read -r asked; good=
        case $asked in {answered} esac
        if [ -n "$good" ]; then answer '200 OK' '{{"Descriptor": {{}}}}'
        else answer '500 Internal Server Error' '{{"message": "{NO_HOST}"}}'; fi ;;
esac""",
    )


EVERY = ("postgres:15", "apache/kafka:4.1.0", "debian:bookworm-slim")


def test_a_registry_that_answers_for_every_image_is_used(machine: Machine, root: Path) -> None:
    registry(machine, EVERY)
    assert decide(root, {}) == ("hub", "a registry answers")


def test_where_none_answers_images_are_made_from_packages(machine: Machine, root: Path) -> None:
    registry(machine, ())
    source, reason = decide(root, {})
    assert source == "airgap"
    assert NO_HOST in reason


def test_one_that_answers_for_some_images_alone_is_named_with_them(
    machine: Machine, root: Path
) -> None:
    registry(machine, ("debian:bookworm-slim", "postgres:15"))
    source, reason = decide(root, {})
    assert source == "airgap"
    assert "not for apache/kafka:4.1.0" in reason
    assert "answers for postgres:15, debian:bookworm-slim" in reason
    assert "IMAGE_SOURCE=hub" in reason


def test_images_that_are_here_need_no_registry(machine: Machine, root: Path) -> None:
    registry(machine, (), local=("postgres:15", "apache/kafka:4.1.0"))
    assert decide(root, {})[0] == "hub"


@pytest.mark.parametrize("wanted", ["hub", "airgap"])
@pytest.mark.parametrize("place", ["environment", ".env"])
def test_what_is_said_is_not_asked(machine: Machine, root: Path, wanted: str, place: str) -> None:
    machine.has("docker", "exit 1")
    if place == ".env":
        (root / ".env").write_text(f"IMAGE_SOURCE={wanted}\n")
    environment = {"IMAGE_SOURCE": wanted} if place == "environment" else {}
    assert decide(root, environment)[0] == wanted
    assert machine.calls == []


def test_airgap_is_kept_until_told_otherwise(machine: Machine, root: Path) -> None:
    (root / ".env").write_text("COMPOSE_FILE=compose/compose.yaml:compose/compose.airgap.yaml\n")
    registry(machine, EVERY)
    assert decide(root, {})[0] == "airgap"
    assert machine.calls == []


def test_an_unknown_source_is_wrong_usage(root: Path) -> None:
    with pytest.raises(Failure) as caught:
        decide(root, {"IMAGE_SOURCE": "hubb"})
    assert caught.value.code == 2
    assert "auto, hub, airgap" in caught.value.why


def test_a_model_that_compose_can_not_read_is_said_in_its_words(
    machine: Machine, root: Path
) -> None:
    machine.has("docker", "echo 'services.db.ports must be a list' >&2; exit 15")
    with pytest.raises(Failure) as caught:
        decide(root, {})
    assert caught.value.code == 6
    assert "must be a list" in caught.value.why


def test_a_registry_that_hangs_is_given_up(
    machine: Machine, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.has("docker", "exec sleep 60")
    monkeypatch.setattr("bootstrap.source.ANSWER_SECONDS", 0.2)
    assert registry_error("postgres:15") == "no answer within 0.2 s"


def test_an_answer_that_is_none_is_an_error(machine: Machine, root: Path) -> None:
    machine.has("docker", "exit 1")
    assert "can't be read" in registry_error("postgres:15")
