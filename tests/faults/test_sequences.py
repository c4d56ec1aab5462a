"""Seeded random sequences of tasks and faults, against tiny services.

FAULT_SEQUENCES says how many of them (each takes about half a minute), FAULT_SEED where their
seeds begin: one of a failure is run again by its number.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.engine.stacks import docker
from tests.faults.own_engine import OwnEngine
from tests.project import Project, Ran, own_environment

SEQUENCES = int(os.environ.get("FAULT_SEQUENCES", "4"))
SEED = int(os.environ.get("FAULT_SEED", "1"))
STEPS = 8
TASKS = """
from composetasks import collection
ns = collection(config={"stack": {"state": {
    "data": {"group": "rows"}, "points": {"group": "rows", "path": "state/points"}}}})
"""
STACK = """
services:
  db:
    image: ct-test/busybox
    init: true
    command: [sleep, "3600"]
    stop_grace_period: 1s
    environment: {WEIGHT: "%(weight)s"}
    volumes: ["data:/data", "./state/points:/points"]
  web:
    build: web
    init: true
    command: [sleep, "3600"]
    stop_grace_period: 1s
    depends_on: [db]
  job:
    image: ct-test/busybox
    command: ["true"]
    depends_on: {db: {condition: service_started}}
volumes: {data: {}}
"""
SERVICES = ("db", "web", "job")
VERBS = {
    "up": ("up",),
    "down": ("down", "--yes"),
    "build": ("build",),
    "reset-state": ("reset-state", "--yes"),
    "snapshot": ("snapshot",),
}
LONGEST_RUN = 4.0
"""Within so many seconds a run is interrupted or killed."""

Content = tuple[str, str]


class Sequence(RuleBasedStateMachine):
    """A project, what its state may be, and containers of somebody else."""

    engine: OwnEngine

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []
        self.place = Path(tempfile.mkdtemp(prefix="ct-fault-"))
        self.name = f"ct-fault-{uuid.uuid4().hex[:8]}"
        self.project = Project(self.place, own_environment(), self.name)
        self.weight = self.edits = self.fills = 0
        self.may_be: set[Content] = {("", "")}
        self.kept: dict[str, Content] = {}
        self.in_the_way: str = ""
        self.begun = False
        self.others: dict[str, Any] = {}
        self.before: Content = ("", "")

    # --- what is looked at ------------------------------------------------------------------

    def content(self) -> Content:
        """What is in the volume and in the folder, read from outside."""
        volume = self.engine.folder / "data" / "volumes" / f"{self.name}_data" / "_data"
        results = []
        for folder in (volume, self.place / "state" / "points"):
            try:
                results.append((folder / "token").read_text())
            except FileNotFoundError:
                results.append("")
        return results[0], results[1]

    def inv(self, *arguments: str) -> Ran:
        ran = self.project.inv(*arguments)
        self.told.append(f"inv {' '.join(arguments)}: {ran.code}")
        assert ran.code not in (2, 3), self.story(ran.err)
        return ran

    def story(self, end: str = "") -> str:
        return "\n".join(["", *self.told, end])

    def expect(self, ran: Ran) -> None:
        """A task may be refused for a container in the way, and for nothing else."""
        allowed = {0, 4, 9} if self.in_the_way else {0}
        assert ran.code in allowed, self.story(ran.err)

    def empty(self, *arguments: str) -> None:
        plan = self.project.plan(*arguments)
        assert plan == [], self.story(f"the plan of inv {' '.join(arguments)} is not empty: {plan}")

    @staticmethod
    def seen(name: str) -> Any:
        record = json.loads(docker("inspect", name))[0]
        return record["Id"], record["State"]["Status"], record["State"]["StartedAt"]

    # --- tasks ------------------------------------------------------------------------------

    @initialize(chance=st.integers(0, 2**64))
    def begin(self, chance: int) -> None:
        # What is tried first is all zeros, and the same for each seed.
        assume(chance != 0)
        self.begun = True
        self.project.write("tasks.py", TASKS)
        self.project.write("web/Dockerfile", "FROM ct-test/busybox\nCOPY page /\n")
        self.project.write("web/page", "0")
        (self.place / "state" / "points").mkdir(parents=True)
        self.compose()
        options = ("--label", "whose=another", "ct-test/busybox")
        always = ("-d", "--init", "--restart", "always")
        docker("run", *always, "--name", f"{self.name}-web", *options, "sleep", "3600")
        docker("create", "--name", f"{self.name}-db", *options)
        self.others = {name: self.seen(name) for name in (f"{self.name}-web", f"{self.name}-db")}

    def compose(self) -> None:
        self.project.compose(STACK % {"weight": self.weight})

    @rule()
    def up(self) -> None:
        ran = self.inv("up")
        self.expect(ran)
        if ran.code == 0:
            self.empty("up")

    @rule(service=st.sampled_from(SERVICES))
    def up_one(self, service: str) -> None:
        ran = self.inv("up", service)
        self.expect(ran)
        if ran.code == 0:
            self.empty("up", service)

    @rule()
    def down(self) -> None:
        ran = self.inv("down", "--yes")
        self.expect(ran)
        if ran.code == 0:
            self.empty("down")

    @rule()
    def build(self) -> None:
        self.expect(self.inv("build"))
        self.empty("build")

    @rule()
    def clean(self) -> None:
        self.expect(self.inv("clean-orphans", "--yes"))
        self.empty("clean-orphans")

    @rule()
    def reset(self) -> None:
        ran = self.inv("reset-state", "--yes")
        self.expect(ran)
        if ran.code == 0:
            self.may_be = {("", "")}
            self.look_for_snapshots()

    @rule()
    def refused(self) -> None:
        """Without consent, nothing is emptied."""
        ran = self.inv("reset-state")
        assert ran.code in (0, 4, 9), self.story(ran.err)

    @rule()
    def snapshot(self) -> None:
        self.expect(self.inv("snapshot"))
        self.look_for_snapshots()

    @precondition(lambda self: self.kept)
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.kept)))
        ran = self.inv("restore", name, "--yes")
        self.expect(ran)
        if ran.code == 0:
            self.may_be = {self.kept[name]}
            self.look_for_snapshots()

    def look_for_snapshots(self) -> None:
        """Those that are new hold what the state was before."""
        for manifest in (self.place / ".composetasks" / "snapshots").glob("[!.]*/manifest.json"):
            self.kept.setdefault(manifest.parent.name, self.before)

    # --- people -----------------------------------------------------------------------------

    @rule()
    def fill(self) -> None:
        """The services write."""
        volume = self.engine.folder / "data" / "volumes" / f"{self.name}_data" / "_data"
        if not volume.exists():
            return
        self.fills += 1
        for folder in (volume, self.place / "state" / "points"):
            (folder / "token").write_text(f"{self.fills}")
        self.may_be = {(f"{self.fills}", f"{self.fills}")}
        self.told.append(f"state is {self.fills}")

    @rule()
    def edit_compose(self) -> None:
        self.weight += 1
        self.compose()
        self.told.append("edit compose.yaml")

    @rule()
    def edit_build(self) -> None:
        self.edits += 1
        self.project.write("web/page", f"{self.name} {self.edits}")
        self.told.append("edit web/page")

    @rule(service=st.sampled_from(SERVICES), way=st.sampled_from(("kill", "stop", "rm -f")))
    def by_hand(self, service: str, way: str) -> None:
        name = f"{self.name}-{service}-1"
        if self.in_the_way != name:
            docker(*way.split(), name, check=False)
            self.told.append(f"docker {way} {service}")

    @precondition(lambda self: not self.in_the_way)
    @rule(service=st.sampled_from(("db", "web")), runs=st.booleans())
    def foreign(self, service: str, runs: bool) -> None:
        """Somebody else's container takes one of our names."""
        name = f"{self.name}-{service}-1"
        docker("rm", "-f", name, check=False)
        verb = ("run", "-d") if runs else ("create",)
        docker(*verb, "--init", "--name", name, "ct-test/busybox", "sleep", "3600")
        self.told.append(f"a foreign {service}, {'running' if runs else 'stopped'}")
        if runs:
            self.in_the_way = name
            self.others[name] = self.seen(name)

    @precondition(lambda self: self.in_the_way)
    @rule()
    def foreign_goes(self) -> None:
        docker("rm", "-f", self.in_the_way)
        del self.others[self.in_the_way]
        self.in_the_way = ""
        self.told.append("the foreign one goes")

    # --- faults -----------------------------------------------------------------------------

    @rule(
        verb=st.sampled_from(sorted(VERBS)),
        number=st.sampled_from((signal.SIGKILL, signal.SIGINT)),
        part=st.floats(0.05, 1),
    )
    def cut_short(self, verb: str, number: signal.Signals, part: float) -> None:
        before = self.content()
        child = self.project.start(*VERBS[verb])
        try:
            _, err = child.communicate(timeout=part * LONGEST_RUN)
        except subprocess.TimeoutExpired:
            child.send_signal(number)
            _, err = child.communicate(timeout=60)
        self.told.append(
            f"inv {verb}, {number.name} after {part * LONGEST_RUN:.1f} s: {child.returncode}"
        )
        assert "Traceback" not in err, self.story(err)
        allowed = {0, 4, 9, 130, -signal.SIGKILL, -signal.SIGINT}
        assert child.returncode in allowed, self.story(err)
        if verb == "reset-state":
            self.may_be = {before, ("", "")}
        self.look_for_snapshots()

    @rule(crash=st.booleans())
    def engine_restarts(self, crash: bool) -> None:
        self.told.append("the engine crashes" if crash else "the engine restarts")
        self.engine.kill() if crash else self.engine.stop()
        self.engine.start()
        for name in self.others:
            self.others[name] = self.seen(name)
        if self.in_the_way and self.others[self.in_the_way][1] != "running":
            # It has no restart policy, and is in nobody's way any more.
            del self.others[self.in_the_way]
            self.in_the_way = ""

    # --- what holds -------------------------------------------------------------------------

    @invariant()
    def state_is_what_it_was_unless_consent_was_given(self) -> None:
        result = self.content()
        if not self.begun:
            return
        assert result in self.may_be, self.story(f"state is {result}, may be {self.may_be}")
        self.before = result

    @invariant()
    def others_are_untouched(self) -> None:
        for name, before in self.others.items():
            assert self.seen(name) == before, self.story(f"{name} was {before}")

    def teardown(self) -> None:
        if not self.begun:
            shutil.rmtree(self.place)
            return
        try:
            if self.in_the_way:
                self.foreign_goes()
            ran = self.inv("up")
            assert ran.code == 0, self.story(ran.err)
            self.empty("up")
            self.state_is_what_it_was_unless_consent_was_given()
            self.others_are_untouched()
        finally:
            self.engine.clear()
            shutil.rmtree(self.place)
            record = os.environ.get("FAULT_RECORD")
            if record:
                with contextlib.suppress(OSError), open(record, "a") as stream:
                    stream.write(" | ".join(self.told) + "\n")


@pytest.mark.parametrize("number", range(SEED, SEED + SEQUENCES))
def test_whatever_happens_the_next_start_heals(engine: OwnEngine, number: int) -> None:
    Sequence.engine = engine
    run_state_machine_as_test(
        seed(number)(type(f"Sequence{number}", (Sequence,), {})),
        settings=settings(
            max_examples=1,
            stateful_step_count=STEPS,
            database=None,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
        # Without it many a sequence has no step at all.
        _min_steps=STEPS,
    )
