"""What a plan says for people decides nothing: with every reason and all evidence replaced by
nonsense, the same is done."""

from __future__ import annotations

from typing import Any

from tests.engine.busybox import TAG
from tests.engine.planned import Planned

NONSENSE = """
from dataclasses import fields, replace
import composetasks.apply.carry_out as apply
from composetasks import collection
from composetasks.facts import Evidence

ns = collection(config={"stack": {"services": {"db": {"live": ["true"]}}}})
nonsense = Evidence(**{field.name: "nonsense" for field in fields(Evidence)})
as_it_is = apply.carry_out


def scrambled(plan, world, tools):
    steps = [replace(step, reason="nonsense", because=(nonsense,)) for step in plan.steps]
    return as_it_is(replace(plan, steps=tuple(steps)), world, tools)


apply.carry_out = scrambled
"""


def write(planned: Planned, *, second: bool) -> None:
    """A project, or the same with something changed of each kind that a step has data for."""
    own = f"{planned.name}-main"
    services: dict[str, Any] = {
        # A name that moves from one of ours to another.
        "a": {} if second else {"container_name": own},
        "b": {"container_name": own} if second else {},
        # A definition of a network, and an inline config: Compose recreates for neither.
        "c": {"networks": ["changing"]},
        "d": {"configs": [{"source": "inline", "target": "/inline"}]},
        "db": {"volumes": ["data:/data"]},
        "built": {"image": f"{planned.name}-built", "build": "./built"},
    }
    planned.write(
        services,
        networks={"changing": {"labels": {"edition": "2" if second else "1"}}},
        configs={"inline": {"content": "2" if second else "1"}},
        volumes={"data": {}},
    )
    (planned.folder / "tasks.py").write_text(NONSENSE)
    built = planned.folder / "built"
    built.mkdir(exist_ok=True)
    (built / "Dockerfile").write_text(f"FROM {TAG}\nRUN head -c 16 /dev/urandom > /random\n")


def ran(planned: Planned, *arguments: str) -> str:
    done = planned.inv(*arguments)
    assert done.code == 0, done.err
    return done.err


def image(planned: Planned) -> str:
    return planned.docker("image", "inspect", "-f", "{{.Id}}", f"{planned.name}-built")


def test_nonsense_for_every_reason_and_all_evidence_changes_nothing_that_is_done(
    planned: Planned,
) -> None:
    write(planned, second=False)
    ran(planned, "up")
    paused = planned.docker("inspect", "-f", "{{.Id}}", f"{planned.name}-db-1")
    planned.docker("pause", paused)
    write(planned, second=True)

    ran(planned, "up")

    there = {one.name: one.service for one in planned.world().engine.containers}
    assert there[f"{planned.name}-main"] == "b"
    assert there[f"{planned.name}-a-1"] == "a"
    inspect = ["inspect", "-f", "{{.State.Status}}", paused]
    assert planned.docker(*inspect) == "running"
    edition = ["network", "inspect", "-f", "{{.Labels.edition}}", f"{planned.name}_changing"]
    assert planned.docker(*edition) == "2"
    assert planned.docker("exec", f"{planned.name}-d-1", "cat", "/inline") == "2"
    ran(planned, "up", "--plan", "--exit-code")

    before = image(planned)
    ran(planned, "build", "built", "--no-cache")
    assert image(planned) != before

    planned.docker("exec", paused, "sh", "-c", "echo old > /data/file")
    ran(planned, "snapshot", "kept", "--live")
    assert (planned.folder / ".composetasks/snapshots/kept").is_dir()
    ran(planned, "reset-state", "--no-snapshot", "--yes")
    assert planned.docker("exec", f"{planned.name}-db-1", "ls", "/data") == ""
    ran(planned, "restore", "kept", "--yes")
    assert planned.docker("exec", f"{planned.name}-db-1", "cat", "/data/file") == "old"
    ran(planned, "down")
    assert [one for one in planned.world().engine.containers if one.project == planned.name] == []
