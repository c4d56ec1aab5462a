"""settings.py: .env has what it needs, and keeps what a user wrote."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest

from bootstrap.settings import OF_ROLES, EnvFile, provide
from bootstrap.stack import Failure
from tests.bootstrap.machine import Machine

BOTH = "compose/compose.yaml:compose/compose.airgap.yaml"
MODEL = {
    "name": "shop",
    "services": {
        "db": {
            "secrets": [{"source": "postgres_password"}],
            "volumes": [{"type": "volume", "source": "data", "target": "/data"}],
        },
        "page": {"secrets": [{"source": "reader_password"}]},
    },
    "volumes": {"data": {"name": "shop_data"}},
}


@pytest.fixture
def root(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose engine holds nothing of the stack."""
    monkeypatch.setenv("PATH", str(machine.bin))
    monkeypatch.setenv("STATE", str(machine.state))
    engine(machine)
    return machine.checkout


def engine(
    machine: Machine, password: str = "", volume: str = "", *, in_environment: bool = False
) -> None:
    """An engine with a container that was given the password, in a file or in its environment, and
    a volume."""
    (machine.state / "model.json").write_text(json.dumps(MODEL))
    variables = ["A=b", *([f"POSTGRES_PASSWORD={password}"] if in_environment else [])]
    container = {"Id": "123", "Name": "/postgres", "Config": {"Env": variables}}
    (machine.state / "containers.json").write_text(json.dumps([container]))
    machine.has(
        "docker",
        f"""
case "$1 $2" in
    "compose -f") cat "$STATE/model.json" ;;
    "ps -aq") [ -z "{password}" ] || echo 123 ;;
    "inspect 123") cat "$STATE/containers.json" ;;
    "cp --follow-link") [ -n "{password}" ] && [ "$3" = 123:/run/secrets/postgres_password ] \\
        && echo "{password}" > "$4" ;;
    "volume inspect") [ "$3" = "{volume}" ] ;;
esac""",
    )


def lines(root: Path) -> list[str]:
    return [line for line in (root / ".env").read_text().splitlines() if line[:1] != "#"]


def test_a_first_one_is_made_for_its_owner_alone(root: Path) -> None:
    said = provide(root, "airgap", {})
    files, base, password, *of_roles = lines(root)
    assert files == f"COMPOSE_FILE={BOTH}"
    assert base == "BASE_IMAGE=composetasks/base:bookworm"
    assert len(password.removeprefix("POSTGRES_PASSWORD=")) >= 24
    assert [line.partition("=")[0] for line in of_roles] == list(OF_ROLES)
    assert len({line.partition("=")[2] for line in (password, *of_roles)}) == 6
    assert stat.S_IMODE((root / ".env").stat().st_mode) == 0o600
    assert ".env created" in said
    assert password.partition("=")[2] not in said


def test_a_second_run_changes_nothing(root: Path) -> None:
    provide(root, "hub", {})
    before = (root / ".env").stat()
    assert provide(root, "hub", {}) == ".env exists"
    after = (root / ".env").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_with_a_registry_the_base_image_needs_no_line(root: Path) -> None:
    provide(root, "hub", {})
    assert lines(root)[0] == "COMPOSE_FILE=compose/compose.yaml"
    assert not any(line.startswith("BASE_IMAGE") for line in lines(root))


def test_what_a_user_wrote_stays_and_the_rest_is_added(root: Path) -> None:
    mine = "# mine\nTEXT_WEIGHT=0.4\nexport POSTGRES_PASSWORD='a b'\nFEED_PORT=8001"
    (root / ".env").write_text(mine)
    provide(root, "hub", {})
    text = (root / ".env").read_text()
    assert text.startswith(f"{mine}\nCOMPOSE_FILE=compose/compose.yaml\n")
    added = text.splitlines()[len(mine.splitlines()) + 1 :]
    assert [line.partition("=")[0] for line in added] == list(OF_ROLES)


def test_another_source_corrects_the_stacks_own_values_and_says_so(root: Path) -> None:
    (root / ".env").write_text(
        "COMPOSE_FILE=compose/compose.yaml\nBASE_IMAGE=debian:bookworm-slim\nPOSTGRES_PASSWORD=x\n"
    )
    said = provide(root, "airgap", {})
    assert lines(root)[:2] == [f"COMPOSE_FILE={BOTH}", "BASE_IMAGE=composetasks/base:bookworm"]
    assert "COMPOSE_FILE corrected" in said
    provide(root, "hub", {})
    assert lines(root)[:2] == [
        "COMPOSE_FILE=compose/compose.yaml",
        "BASE_IMAGE=debian:bookworm-slim",
    ]


def test_a_users_own_files_and_base_are_left_alone_with_a_note(root: Path) -> None:
    mine = "COMPOSE_FILE=compose/compose.yaml:mine.yaml\nBASE_IMAGE=mine:1\nPOSTGRES_PASSWORD=x\n"
    mine += "".join(f"{name}=x\n" for name in OF_ROLES)
    (root / ".env").write_text(mine)
    assert "is yours and is kept" in provide(root, "airgap", {})
    assert (root / ".env").read_text() == mine


def test_a_password_of_the_environment_is_not_written_down(root: Path) -> None:
    provide(root, "hub", dict.fromkeys(("POSTGRES_PASSWORD", *OF_ROLES), "given"))
    assert not any("PASSWORD" in line for line in lines(root))


@pytest.mark.parametrize("in_environment", [True, False])
def test_a_lost_file_takes_the_password_over_from_the_database_container(
    machine: Machine, root: Path, in_environment: bool
) -> None:
    engine(machine, password="old=one", volume="shop_data", in_environment=in_environment)
    said = provide(root, "hub", {})
    assert "POSTGRES_PASSWORD=old=one" in lines(root)
    assert "taken from container postgres" in said
    assert "old=one" not in said


def test_a_database_whose_password_nobody_knows_is_not_shut_out(
    machine: Machine, root: Path
) -> None:
    engine(machine, volume="shop_data")
    with pytest.raises(Failure) as caught:
        provide(root, "hub", {})
    assert caught.value.code == 6
    assert "docker volume rm shop_data" in caught.value.following
    assert "POSTGRES_PASSWORD=only-for-development" in caught.value.following
    assert not (root / ".env").exists()


def test_copies_of_the_stack_need_no_password_of_its_database(machine: Machine, root: Path) -> None:
    engine(machine, volume="shop_data")
    provide(root, "airgap", {}, with_password=False)
    assert lines(root) == [f"COMPOSE_FILE={BOTH}", "BASE_IMAGE=composetasks/base:bookworm"]
    with pytest.raises(Failure):
        provide(root, "airgap", {})


def test_a_link_is_followed_and_line_endings_stay(root: Path) -> None:
    elsewhere = root / "elsewhere.env"
    elsewhere.write_bytes(b"POSTGRES_PASSWORD=x\r\nCOMPOSE_FILE=compose/compose.yaml\r\n")
    (root / ".env").symlink_to(elsewhere)
    provide(root, "airgap", {})
    assert (root / ".env").is_symlink()
    text = elsewhere.read_bytes()
    assert text.startswith(f"POSTGRES_PASSWORD=x\r\nCOMPOSE_FILE={BOTH}\r\n".encode())


def test_the_last_line_of_a_variable_is_the_one_that_counts() -> None:
    env = EnvFile("A=1\nB=2\nA=3")
    env.set("A", "4")
    env.set("C", "5")
    assert env.text == "A=1\nB=2\nA=4\nC=5\n"


def test_the_part_prints_one_line_and_its_failures_with_the_next_thing_to_do(
    machine: Machine,
) -> None:
    python = machine.checkout / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    engine(machine)
    ran = machine.run("settings.sh", "hub")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.startswith("bootstrap: settings: .env created")
    ran = machine.run("settings.sh", "registry")
    assert ran.code == 2
    assert ran.err.splitlines()[-1] == "  next: use hub or airgap"
