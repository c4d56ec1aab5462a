"""How far a service of a swarm is, by its tasks."""

from __future__ import annotations

from typing import Any

import pytest

from composetasks.plan.deploy.convergence import progress

NOW, BEFORE = {"ContainerSpec": {"Image": "new"}}, {"ContainerSpec": {"Image": "old"}}


def service(replicas: int = 2, **changes: Any) -> dict[str, Any]:
    spec = {"Mode": {"Replicated": {"Replicas": replicas}}, "TaskTemplate": NOW}
    return {"ID": "s", "Spec": {**spec, **changes.pop("spec", {})}, **changes}


def task(state: str = "running", wanted: str = "running", **changes: Any) -> dict[str, Any]:
    number = changes.pop("number", 1)
    status = {"State": state, **changes.pop("status", {})}
    fields = {"ID": f"t{number}", "CreatedAt": f"{number:03}", "DesiredState": wanted}
    return {**fields, "Status": status, "Spec": NOW, **changes}


def test_it_is_complete_with_as_many_running_tasks_of_its_spec_as_it_should_have() -> None:
    assert not progress(service(), [task()]).complete
    assert progress(service(), [task(), task(number=2)]).complete
    assert progress(service(0), []).complete


def test_what_runs_of_the_spec_before_does_not_count() -> None:
    old = task(Spec=BEFORE, number=2, wanted="shutdown")
    assert not progress(service(), [task(), old]).complete
    lingering = task(Spec=BEFORE, number=3)
    assert not progress(service(), [task(), task(number=2), lingering]).complete


def test_an_update_that_is_under_way_is_awaited() -> None:
    tasks = [task(), task(number=2)]
    assert not progress(service(UpdateStatus={"State": "updating"}), tasks).complete
    assert progress(service(UpdateStatus={"State": "completed"}), tasks).complete


@pytest.mark.parametrize("state", ["paused", "rollback_started", "rollback_completed"])
def test_an_update_that_swarm_gave_up_has_failed(state: str) -> None:
    update = {"State": state, "Message": "told so"}
    result = progress(service(UpdateStatus=update), [task(), task(number=2)])
    assert result.failed == "told so"


def test_a_task_that_crashes_again_and_again_has_failed() -> None:
    crashes = [task("failed", "shutdown", number=number) for number in (1, 2, 3)]
    assert not progress(service(1), [*crashes[:2], task("ready", "ready", number=4)]).failed
    result = progress(service(1), [*crashes, task("ready", "ready", number=4)])
    assert "3 of its tasks failed" in result.failed
    assert result.task == crashes[-1]


def test_what_failed_before_it_was_deployed_is_long_past() -> None:
    crashes = [task("failed", "shutdown", number=number) for number in (1, 2, 3)]
    result = progress(service(1), [*crashes, task(number=4)], {"t1", "t2", "t3"})
    assert result.complete


def test_one_that_is_not_started_again_has_failed_with_its_first_task() -> None:
    once = service(1, spec={"TaskTemplate": {**NOW, "RestartPolicy": {"Condition": "none"}}})
    failed = task("failed", "shutdown", Spec=once["Spec"]["TaskTemplate"])
    assert progress(once, [failed]).failed


def test_a_job_is_complete_when_its_tasks_are_and_so_is_each_run_of_it() -> None:
    mode = {"ReplicatedJob": {"TotalCompletions": 1}}
    first = service(spec={"Mode": mode}, JobStatus={"JobIteration": {}})
    second = service(spec={"Mode": mode}, JobStatus={"JobIteration": {"Index": 1}})
    done = task("complete", "complete", JobIteration={})
    assert not progress(first, [task(JobIteration={})]).complete
    assert progress(first, [done]).complete
    assert not progress(second, [done]).complete
    assert progress(second, [done, {**done, "ID": "t2", "JobIteration": {"Index": 1}}]).complete


def test_a_global_service_runs_on_each_node_that_swarm_chose() -> None:
    everywhere = service(spec={"Mode": {"Global": {}}})
    assert not progress(everywhere, []).complete
    assert not progress(everywhere, [task(), task("starting", number=2)]).complete
    assert progress(everywhere, [task(), task(number=2)]).complete


@pytest.mark.parametrize("mode", ["Global", "GlobalJob"])
def test_a_global_service_that_no_node_may_run_has_no_tasks(mode: str) -> None:
    placed = {**NOW, "Placement": {"Constraints": ["node.labels.disk == ssd"]}}
    nowhere = service(spec={"Mode": {mode: {}}, "TaskTemplate": placed})
    assert progress(nowhere, [], nodes=[{"node.id": "x1"}]).complete
    assert not progress(nowhere, [], nodes=[{"node.labels.disk": "ssd"}]).complete


def test_a_job_that_is_to_run_nowhere_is_done() -> None:
    assert progress(service(spec={"Mode": {"ReplicatedJob": {"TotalCompletions": 0}}}), []).complete
