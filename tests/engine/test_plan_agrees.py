"""What a plan predicts is what happens: by Compose itself, and by a start of ours.

Models and edits are generated; PLAN_EXAMPLES says how many of them (each takes some seconds).
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from docker import APIClient
from hypothesis import HealthCheck, Phase, example, given, note, settings
from hypothesis import strategies as st

from composetasks.facts import Action, Plan, World
from composetasks.observe.engine.inventory import connect
from composetasks.plan.start.start import StartOptions, plan_start
from tests.engine.busybox import TAG
from tests.engine.generated import Edit, bare, edited, edits, valid
from tests.engine.planned import Planned

EXAMPLES = int(os.environ.get("PLAN_EXAMPLES", "0"))
FEW = 2
"""How many examples of each property a usual run takes, beside those written out below."""
BY_HAND = ("stop", "kill", "rm -f")

generated = settings(
    max_examples=EXAMPLES or FEW,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


@dataclass(frozen=True)
class Change:
    """A round: edits to the model, then what a person does to one container."""

    edits: tuple[Edit, ...] = ()
    by_hand: str = ""
    container: int = 0
    new_image: bool = False


changes = st.builds(
    Change,
    edits=st.lists(edits, max_size=3).map(tuple),
    by_hand=st.sampled_from(("", "", *BY_HAND)),
    container=st.integers(0, 5),
    new_image=st.sampled_from((False, False, False, True)),
)


@dataclass(frozen=True)
class Seen:
    """A container as far as a start may change it."""

    id: str
    started: str
    name: str


Happened = dict[tuple[str, int], str]


class Stack:
    """A generated project on the engine."""

    def __init__(self, folder: Path, client: APIClient) -> None:
        self.planned = Planned(folder, client)
        self.client = client
        self.image = f"{self.planned.name}:latest"
        self.images = 0
        self.retag()

    def retag(self) -> None:
        """Give the project's tag to an image of another id."""
        self.images += 1
        text = f"FROM {TAG}\nLABEL test.number={self.images}\n"
        argv = ["docker", "build", "-q", "-t", self.image, "-"]
        subprocess.run(argv, input=text, text=True, check=True, capture_output=True)

    def write(self, model: dict[str, Any]) -> None:
        document = valid(model, self.planned.name, self.image)
        note(json.dumps(document))
        self.planned.folder.mkdir(exist_ok=True)
        (self.planned.folder / "compose.yaml").write_text(json.dumps(document))

    def seen(self) -> dict[tuple[str, int], Seen]:
        """The containers of the project by service and number."""
        label = f"com.docker.compose.project={self.planned.name}"
        results = {}
        for container in self.client.containers(all=True, filters={"label": [label]}):
            labels = container["Labels"]
            key = (
                labels["com.docker.compose.service"],
                int(labels["com.docker.compose.container-number"]),
            )
            inspected = self.client.inspect_container(container["Id"])
            started = inspected["State"]["StartedAt"]
            results[key] = Seen(container["Id"], started, inspected["Name"].lstrip("/"))
        return results

    def by_hand(self, change: Change) -> None:
        containers = sorted(one.name for one in self.seen().values())
        if change.by_hand and containers:
            name = containers[change.container % len(containers)]
            note(f"docker {change.by_hand} {name}")
            self.planned.docker(*change.by_hand.split(), name)
        if change.new_image:
            note("the tag goes to another image")
            self.retag()


def happened(before: dict[tuple[str, int], Seen], after: dict[tuple[str, int], Seen]) -> Happened:
    """What became of each container, those left alone not among them."""
    result: Happened = {}
    for key in before.keys() | after.keys():
        if key not in after:
            result[key] = "removed"
        elif key not in before:
            result[key] = "created"
        elif before[key].id != after[key].id:
            result[key] = "recreated"
        elif before[key].started != after[key].started:
            result[key] = "started"
    return result


def predicted(plan: Plan, world: World) -> Happened:
    """The same, as a plan says it."""
    words = {
        Action.CREATE_CONTAINER: "created",
        Action.RECREATE_CONTAINER: "recreated",
        Action.START_CONTAINER: "started",
        Action.REMOVE_CONTAINER: "removed",
    }
    by_id = {container.id: container for container in world.engine.containers}
    result: Happened = {}
    for step in plan.steps:
        if step.action not in words:
            continue
        if step.key:
            key = (by_id[step.key].service, by_id[step.key].number)
        else:
            fixed = world.model.services[step.service].config.get("container_name")
            key = (step.service, 1 if fixed else int(step.target.rsplit("-", 1)[1]))
        result[key] = words[step.action]
    return result


@contextmanager
def stack_in(folder: Path) -> Iterator[Stack]:
    client = connect()
    stack = Stack(folder, client)
    try:
        yield stack
    finally:
        stack.planned.remove_everything()
        client.remove_image(stack.image, force=True)
        client.close()


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Path]:
    """Folders for one example each."""

    def each() -> Iterator[Path]:
        number = 0
        while True:
            number += 1
            yield tmp_path / f"example-{number}"

    return each()


def _shared(number: int, *kinds: str) -> list[Edit]:
    """Edits that bind the second service to the first."""
    return [Edit(kind, 1, number) for kind in kinds]


models = st.tuples(st.integers(1, 4), st.lists(edits, max_size=6))


@generated
@given(models, st.lists(changes, min_size=1, max_size=2))
@example((2, _shared(0, "network_mode")), [Change(), Change((Edit("environment", 0, 1),))])
@example((2, _shared(0, "volumes_from", "pid")), [Change((), "rm -f", 0)])
@example((2, [Edit("scale", 0, 3)]), [Change((), "rm -f", 0), Change((Edit("scale", 0, 2),))])
@example((2, [Edit("depends_on", 1, 1)]), [Change((), "stop", 0, True)])
def test_compose_does_what_the_plan_says(
    folders: Iterator[Path], made: tuple[int, list[Edit]], rounds: list[Change]
) -> None:
    with stack_in(next(folders)) as stack:
        model = edited(bare(made[0]), made[1])
        stack.write(model)
        stack.planned.by_compose("up", "-d")
        for change in rounds:
            model = edited(model, list(change.edits))
            stack.write(model)
            stack.by_hand(change)
            before = stack.seen()
            # Compose does not see an edit of an inline config; a start of ours does.
            world = replace(stack.planned.world(), old_contents={})
            plan = plan_start(world, (), StartOptions(wait=False))
            note(f"steps: {[(s.id, s.reason) for s in plan.steps]}")
            assert plan.blockers == ()
            stack.planned.by_compose("up", "-d")
            after = stack.seen()
            assert predicted(plan, world) == happened(before, after)


@generated
@given(models, st.lists(changes, min_size=1, max_size=2))
@example((2, _shared(0, "network_mode")), [Change((Edit("environment", 0, 1),))])
@example((2, [Edit("scale", 0, 3)]), [Change((), "rm -f", 0), Change((Edit("scale", 0, 2),))])
def test_a_start_does_what_its_plan_says_and_leaves_an_empty_one(
    folders: Iterator[Path], made: tuple[int, list[Edit]], rounds: list[Change]
) -> None:
    with stack_in(next(folders)) as stack:
        model = edited(bare(made[0]), made[1])
        stack.write(model)
        stack.planned.up()
        for change in rounds:
            model = edited(model, list(change.edits))
            stack.write(model)
            stack.by_hand(change)
            before = stack.seen()
            world = stack.planned.world()
            plan = stack.planned.plan()
            note(f"steps: {[(s.id, s.reason) for s in plan.steps]}")
            stack.planned.do(plan)
            assert predicted(plan, world) == happened(before, stack.seen())
            assert [step.id for step in stack.planned.plan().steps] == []
