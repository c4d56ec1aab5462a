"""Many runs at once: on one instance one works and the others wait or say so; on instances of
their own none is in another's way."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.engine.stacks import docker
from tests.faults.runs import failed
from tests.project import Project, Ran

AT_ONCE = 8
STACK = """
services:
  db:
    image: ct-test/busybox
    init: true
    command: [sleep, "1000"]
    volumes: ["data:/data"]
  web:
    build: web
    init: true
    command: [sleep, "1000"]
    depends_on: [db]
volumes: {data: {}}
"""


@pytest.fixture
def stack(project: Project) -> Project:
    project.compose(STACK)
    project.write("web/Dockerfile", "FROM ct-test/busybox\nRUN echo one > /one\n")
    return project


def at_once(project: Project, *commands: tuple[str, ...]) -> list[Ran]:
    with ThreadPoolExecutor(len(commands)) as pool:
        return list(pool.map(lambda arguments: project.inv(*arguments), commands))


def ids(name: str) -> list[str]:
    label = f"label=com.docker.compose.project={name}"
    return docker("ps", "--no-trunc", "-q", "--filter", label).split()


def test_on_one_instance_the_others_say_who_holds_the_lock(stack: Project) -> None:
    ran = at_once(stack, *[("up",)] * AT_ONCE)
    assert {one.code for one in ran} <= {0, 75}
    assert 0 in {one.code for one in ran}
    for one in ran:
        if one.code == 75:
            failed(one, 75, "another run holds the lock", "--wait-lock")
    assert len(ids(stack.name)) == 2
    assert stack.plan("up") == []


def test_on_one_instance_they_wait_where_they_may(stack: Project) -> None:
    ran = at_once(stack, *[("up", "--wait-lock", "100")] * AT_ONCE)
    assert [one.code for one in ran] == [0] * AT_ONCE, [one.err for one in ran if one.code]
    # One did it all, and the others found it done.
    assert sum("nothing to do" in one.out for one in ran) == AT_ONCE - 1
    assert len(ids(stack.name)) == 2
    assert stack.plan("up") == []


def test_on_instances_of_their_own_all_come_up(stack: Project) -> None:
    names = [f"i{number}" for number in range(AT_ONCE)]
    ran = at_once(stack, *[("up", "--instance", name) for name in names])
    assert [one.code for one in ran] == [0] * AT_ONCE, [one.err for one in ran if one.code]
    results = {name: ids(f"{stack.name}-{name}") for name in names}
    assert [len(one) for one in results.values()] == [2] * AT_ONCE
    for name in names:
        assert stack.plan("up", "--instance", name) == []
    assert stack.inv("down", "--instance", "i0").code == 0
    assert {name: ids(f"{stack.name}-{name}") for name in names[1:]} == {
        name: results[name] for name in names[1:]
    }


def test_a_chain_of_starts_and_ends_leaves_one_or_the_other(stack: Project) -> None:
    wait = ("--wait-lock", "100")
    commands = [("up", *wait), ("down", "--yes", *wait)] * (AT_ONCE // 2)
    ran = at_once(stack, *commands)
    assert {one.code for one in ran} == {0}, [one.err for one in ran if one.code]
    assert len(ids(stack.name)) in (0, 2)
    assert stack.inv("up").code == 0
    assert stack.plan("up") == []
