"""The Makefile's aliases, and the two scripts behind them."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from tests.bootstrap.machine import ROOT, Machine
from tests.project import own_environment

PARTS = ("venv.sh", "engine.sh", "compose.sh", "base.sh", "settings.sh")
CONTRACT = "up down build logs reset status verify doctor test smoke bench clean"


@pytest.fixture(autouse=True)
def scripted_parts(machine: Machine) -> None:
    """Parts that only say they were called, and an ``inv`` and a ``nox`` that work."""
    for part in PARTS:
        machine.put(machine.checkout / "scripts/bootstrap" / part)
    machine.put(machine.checkout / "scripts/bootstrap/base.sh", "echo hub")
    machine.put(machine.checkout / ".venv/bin/python")
    machine.put(machine.checkout / ".venv/bin/inv")
    machine.put(machine.checkout / ".venv/bin/nox")
    machine.put(machine.checkout / "scripts/bootstrap/settings.sh", ': >"$HOME/../checkout/.env"')


def forget(machine: Machine) -> None:
    (machine.state / "calls").unlink()


EVERYTHING = ["venv.sh ", "engine.sh ", "compose.sh ", "base.sh ", "settings.sh hub"]


def test_a_first_up_makes_everything_ready_in_order(machine: Machine) -> None:
    assert machine.run("inv.sh", "up", "--no-wait").code == 0
    assert machine.calls == [*EVERYTHING, "inv up --no-wait"]


def test_a_second_up_does_none_of_it_again(machine: Machine) -> None:
    machine.run("inv.sh", "up")
    forget(machine)
    assert machine.run("inv.sh", "up").code == 0
    assert machine.calls == ["inv up"]


@pytest.mark.parametrize("changed", ["requirements/dev.txt", "scripts/bootstrap/engine.sh"])
def test_a_changed_lock_or_part_has_them_looked_at_again(machine: Machine, changed: str) -> None:
    machine.run("inv.sh", "up")
    forget(machine)
    ready = (machine.checkout / ".composetasks/ready").stat().st_mtime_ns
    os.utime(machine.checkout / changed, ns=(ready + 10**9, ready + 10**9))
    assert machine.run("inv.sh", "up").code == 0
    assert machine.calls == [*EVERYTHING, "inv up"]


@pytest.mark.parametrize("lost", [".env", ".venv/bin/python", ".composetasks/ready"])
def test_what_was_lost_is_made_again(machine: Machine, lost: str) -> None:
    machine.run("inv.sh", "up")
    forget(machine)
    (machine.checkout / lost).unlink()
    machine.run("inv.sh", "up")
    assert machine.calls[:-1] == EVERYTHING


def test_a_part_that_fails_ends_it_with_its_code_and_nothing_counts_as_ready(
    machine: Machine,
) -> None:
    machine.put(machine.checkout / "scripts/bootstrap/engine.sh", "exit 5")
    assert machine.run("inv.sh", "up").code == 5
    assert machine.calls == ["venv.sh ", "engine.sh "]
    assert not (machine.checkout / ".composetasks/ready").exists()


def test_an_engine_that_is_gone_is_started_and_the_task_run_again(machine: Machine) -> None:
    machine.run("inv.sh", "up")
    forget(machine)
    inv = '[ -e "$STATE/tried" ] || { : >"$STATE/tried"; exit 5; }'
    machine.put(machine.checkout / ".venv/bin/inv", inv)
    assert machine.run("inv.sh", "up").code == 0
    assert machine.calls == ["inv up", *EVERYTHING, "inv up"]


def test_with_json_there_is_one_document_so_the_engine_comes_first(machine: Machine) -> None:
    machine.run("inv.sh", "up")
    forget(machine)
    machine.run("inv.sh", "up", "--json")
    assert machine.calls == ["engine.sh ", "inv up --json"]


@pytest.mark.parametrize("code", [1, 2, 4, 6, 7, 8, 9, 75, 130])
def test_any_other_failure_is_the_tasks_own(machine: Machine, code: int) -> None:
    machine.run("inv.sh", "up")
    forget(machine)
    machine.put(machine.checkout / ".venv/bin/inv", f"exit {code}")
    assert machine.run("inv.sh", "up").code == code
    assert machine.calls == ["inv up"]


def test_a_base_image_that_is_gone_is_made_again(machine: Machine) -> None:
    machine.run("inv.sh", "up")
    forget(machine)
    (machine.checkout / ".env").write_text("BASE_IMAGE=composetasks/base:bookworm\n")
    machine.has("docker", "exit 1")
    machine.put(
        machine.checkout / ".venv/bin/inv",
        '[ -e "$STATE/tried" ] || { : >"$STATE/tried"; exit 7; }',
    )
    assert machine.run("inv.sh", "up").code == 0
    assert [call.split()[0] for call in machine.calls].count("inv") == 2


@pytest.mark.parametrize("task", ["down", "status", "logs", "doctor"])
def test_tasks_that_start_nothing_need_the_venv_alone(machine: Machine, task: str) -> None:
    assert machine.run("inv.sh", task).code == 0
    assert machine.calls == ["venv.sh ", f"inv {task}"]


def test_the_tests_run_without_an_engine(machine: Machine) -> None:
    machine.put(machine.checkout / "scripts/bootstrap/engine.sh", "exit 5")
    assert machine.run("nox.sh", "test").code == 0
    assert machine.calls[-1] == "nox -s lint types unit functional engine"


def test_the_tests_fail_without_an_engine_where_one_is_required(machine: Machine) -> None:
    machine.put(machine.checkout / "scripts/bootstrap/engine.sh", "exit 5")
    assert machine.run("nox.sh", "test", REQUIRE_ENGINE="1").code == 5
    assert machine.called("nox") == []


def test_the_smoke_needs_everything_but_the_stacks_own_password(machine: Machine) -> None:
    assert machine.run("nox.sh", "smoke").code == 0
    assert machine.calls == [*EVERYTHING[:-1], "settings.sh hub --no-password", "nox -s smoke"]
    assert not (machine.checkout / ".composetasks/ready").exists()


def test_the_makefile_has_the_contracts_aliases_one_line_each() -> None:
    text = (ROOT / "Makefile").read_text()
    rules = dict(re.findall(r"^([a-z]+): ;\s*@(.+)$", text, re.MULTILINE))
    assert list(rules) == CONTRACT.split()
    assert f".PHONY: {CONTRACT}\n" in text
    assert all(rule.endswith(" $(ARGS)") for rule in rules.values())


def test_make_passes_arguments_on() -> None:
    shown = subprocess.run(
        ["make", "-n", "up", "ARGS=--no-wait dashboard"],
        cwd=ROOT,
        env=own_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.strip() == "scripts/bootstrap/inv.sh up --no-wait dashboard"
