"""Which jobs are done, and why their work is due again."""

from __future__ import annotations

from typing import Any

from composetasks.facts import Action, Container, Dependency, Ended, Model, Mount, Run, Step, World
from composetasks.facts.jobs import rests_on, sortable
from composetasks.plan.start.jobs import due, is_done, mounted_at_start
from composetasks.plan.start.services import plan_services
from tests.unit.worlds import container, model, service, world

AFTER = "service_completed_successfully"
SQL = Mount("bind", "/srv/shop/sql", "/sql", read_only=True)
OUT = Mount("bind", "/srv/shop/out", "/out")


def at(second: int) -> str:
    return f"2026-01-01T00:00:{second:02d}.000000000Z"


def shop(*, awaited: bool = True) -> Model:
    condition = AFTER if awaited else "service_started"
    return model(
        service("db"),
        service("job", depends_on=["db"], mounts=(SQL,)),
        service("web", depends_on=[Dependency("job", condition)]),
    )


JOB = container("job", state="exited", exit_code=0)
RUNS = {
    "id-db-1": Run(at(1)),
    "id-job-1": Run(at(2), at(3)),
    "id-web-1": Run(at(4)),
}


def ended(*, by_itself: bool = True, **changes: Any) -> dict[str, Ended]:
    fields: dict[str, Any] = {"started": at(2), "until": at(4), "mounted": {SQL.source: "a"}}
    return {JOB.id: Ended(JOB.id, by_itself=by_itself, **{**fields, **changes})}


def of(*, awaited: bool = True, containers: Any = None, runs: Any = None, **changes: Any) -> World:
    there = [container("db"), JOB, container("web")] if containers is None else containers
    fields: dict[str, Any] = {"ended": ended(), "mounted": {"job": {SQL.source: "a"}}, **changes}
    return world(shop(awaited=awaited), there, runs=runs or RUNS, **fields)


def steps(seen: World) -> list[Step]:
    images = {name: f"sha256:{name}" for name in seen.model.services}
    return list(plan_services(seen, tuple(seen.model.services), images))


def actions(seen: World) -> list[tuple[Action, str]]:
    return [(step.action, step.service) for step in steps(seen)]


def done(seen: World, job: Container = JOB) -> bool:
    return is_done(seen, seen.model.services["job"], job)


def test_done_is_what_ended_by_itself_in_its_own_start() -> None:
    assert done(of(awaited=False))
    assert not done(of(awaited=False, ended={}))
    assert not done(of(awaited=False, ended=ended(by_itself=False)))
    assert not done(of(awaited=False, ended=ended(started=at(1)))), "another run of it"
    assert not done(of(), container("job", state="exited", exit_code=1))
    assert not done(of(), container("job"))


def test_what_others_wait_for_is_done_unless_its_start_saw_otherwise() -> None:
    assert done(of(ended={}))
    assert not done(of(ended=ended(by_itself=False)))


def test_a_worker_that_was_stopped_is_started() -> None:
    [step] = steps(of(awaited=False, ended={}))
    assert (step.action, step.reason) == (Action.START_CONTAINER, "exited with code 0")


def test_nothing_is_due_where_nothing_changed() -> None:
    assert steps(of()) == []


def test_work_is_due_when_what_it_rests_on_is_started_again() -> None:
    again = {**RUNS, "id-db-1": Run(at(9))}
    [step] = steps(of(runs=again))
    assert (step.action, step.service) == (Action.START_CONTAINER, "job")
    assert step.reason == "it depends on db, created or started since it ended"
    # In its own start others may be started after it has ended.
    assert steps(of(runs={**RUNS, "id-db-1": Run(at(4))})) == []


def test_work_is_due_when_this_plan_makes_what_it_rests_on() -> None:
    gone = of(containers=[JOB, container("web")])
    assert actions(gone) == [(Action.CREATE_CONTAINER, "db"), (Action.START_CONTAINER, "job")]
    stopped = of(containers=[container("db", state="exited", exit_code=137), JOB])
    assert actions(stopped)[:2] == [(Action.START_CONTAINER, "db"), (Action.START_CONTAINER, "job")]


def test_a_job_after_a_job_is_due_with_it() -> None:
    chain = model(
        service("first"),
        service("second", depends_on=[Dependency("first", AFTER)]),
        service("web", depends_on=[Dependency("second", AFTER)]),
    )
    jobs = [container(name, state="exited", exit_code=0) for name in ("first", "second")]
    failed = container("first", state="exited", exit_code=1)
    assert actions(world(chain, [*jobs, container("web")])) == []
    assert actions(world(chain, [failed, jobs[1], container("web")])) == [
        (Action.START_CONTAINER, "first"),
        (Action.START_CONTAINER, "second"),
    ]


def test_work_is_due_when_what_it_mounts_has_changed() -> None:
    [step] = steps(of(mounted={"job": {SQL.source: "b"}}))
    assert (step.action, step.reason) == (
        Action.START_CONTAINER,
        "./sql, which it mounts, has changed",
    )
    [step] = steps(of(ended={}))
    assert step.reason == "./sql, which it mounts, may have changed"


def test_an_inline_config_that_changed_recreates_the_job() -> None:
    job = service("job", inline={"/etc/it": "new"})
    seen = world(
        model(job, service("web", depends_on=[Dependency("job", AFTER)])),
        [JOB, container("web")],
        runs=RUNS,
        ended=ended(mounted={"/etc/it": "old"}),
        mounted={"job": {"/etc/it": "new"}},
    )
    [step] = steps(seen)
    assert step.action is Action.RECREATE_CONTAINER
    assert [(one.kind, one.name) for one in step.because] == [("content", "/etc/it")]


def test_its_networks_count_when_it_runs_again() -> None:
    off = container("job", state="exited", exit_code=0, networks={})
    there = [container("db"), off, container("web")]
    assert steps(of(containers=there)) == []
    assert actions(of(containers=there, mounted={"job": {SQL.source: "b"}})) == [
        (Action.RECREATE_CONTAINER, "job")
    ]


def test_work_rests_on_who_shares_a_volume_but_not_on_who_waits_for_it() -> None:
    data = (Mount("volume", "data", "/data"),)
    of = model(
        service("db", mounts=data),
        service("seed", mounts=data),
        service("web", mounts=data, depends_on=[Dependency("seed", AFTER)]),
        service("later", mounts=data, depends_on=["web"]),
        service("other"),
    )
    assert rests_on(of, "seed") == ("db",)


def test_who_waits_for_a_job_is_told_where_each_service_depends_on_all_before_it() -> None:
    data = (Mount("volume", "data", "/data"),)
    names = [f"s{number:02}" for number in range(60)]
    chain = [service(one, depends_on=names[:at], mounts=data) for at, one in enumerate(names)]
    assert rests_on(model(*chain, service("seed", mounts=data)), "seed") == tuple(names)
    assert rests_on(model(*chain), "s01") == ("s00",)


def test_what_a_job_may_write_counts_as_it_was_afterwards() -> None:
    job = service("job", mounts=(SQL, OUT))
    before = {SQL.source: "a", OUT.source: "a"}
    now = {SQL.source: "b", OUT.source: "b", "/new": "b"}
    assert mounted_at_start(job, before, now) == {SQL.source: "a", OUT.source: "b", "/new": "b"}


def test_times_of_the_engine_sort_as_text() -> None:
    assert sortable("2026-01-01T00:00:02Z") == at(2)
    assert sortable("2026-01-01T00:00:02.5Z") < sortable("2026-01-01T00:00:02.51Z")


def test_who_shares_namespaces_is_started_again_with_them() -> None:
    shared = model(
        service("vpn"),
        service("app", config={"network_mode": "service:vpn"}, depends_on=["vpn"]),
    )
    both = [container("vpn"), container("app")]
    runs = {"id-vpn-1": Run(at(1)), "id-app-1": Run(at(2))}
    again = [(Action.STOP_CONTAINER, "app"), (Action.START_CONTAINER, "app")]
    assert actions(world(shared, both, runs=runs)) == []
    assert actions(world(shared, both, runs={**runs, "id-vpn-1": Run(at(3))})) == again
    stopped = [container("vpn", state="exited", exit_code=137), container("app")]
    assert actions(world(shared, stopped)) == [(Action.START_CONTAINER, "vpn"), *again]


def test_due_is_asked_of_the_very_job() -> None:
    seen = of()
    assert list(due(seen, seen.model.services["job"], JOB, {"db"})) != []
    assert list(due(seen, seen.model.services["job"], JOB, {"web"})) == []
