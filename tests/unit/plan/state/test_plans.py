"""What is stopped, kept, emptied, restored and started again, in which order, and why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from composetasks.facts import (
    Action,
    Consent,
    Dependency,
    ExitCode,
    Plan,
    RecreateContainer,
    Snapshot,
    SnapshotPart,
    StartContainer,
    State,
    Step,
    World,
)
from composetasks.plan.state.names import SplitGroup, UnknownState, next_name, select
from composetasks.plan.state.plans import plan_reset, plan_restore, plan_snapshot
from tests.unit.worlds import container, model, service, world

DONE = "service_completed_successfully"


def state(name: str, *users: str, **changes: Any) -> State:
    """A full volume that the containers of ``users`` have mounted."""
    fields: dict[str, Any] = {
        "name": name,
        "kind": "volume",
        "source": name,
        "place": f"shop_{name}",
        "services": users,
        "containers": tuple(f"id-{user}-1" for user in users),
        "bytes": 1_500_000,
        "files": 12,
        "folders": 1,
        "modified": "2026-01-31T12:00:00Z",
    }
    return State(**{**fields, **changes})


def actions(plan: Plan) -> list[tuple[Action, str]]:
    return [(step.action, step.target) for step in plan.steps]


def step(plan: Plan, action: Action, target: str) -> Step:
    return next(one for one in plan.steps if (one.action, one.target) == (action, target))


DB = state("data", "db")
SHOP = world(
    model(service("db"), service("web", depends_on=["db"]), service("other")),
    [container("db"), container("web"), container("other")],
    state=(DB,),
)


# --- what is meant --------------------------------------------------------------------------


def names(*result: State) -> list[str]:
    return [one.name for one in result]


KAFKA = state("log", group="stream")
POINTS = state("points", group="stream", kind="folder", source="state/points")
JARS = state("jars", cache=True)
ALL = (DB, JARS, KAFKA, POINTS)


def test_everything_is_meant_but_caches() -> None:
    assert names(*select(ALL, (), ())) == ["data", "log", "points"]


def test_a_group_goes_together() -> None:
    assert names(*select(ALL, ["log"], ())) == ["log", "points"]
    assert names(*select(ALL, ["stream"], ())) == ["log", "points"]


def test_a_cache_is_meant_where_it_is_named() -> None:
    assert names(*select(ALL, ["jars"], ())) == ["jars"]


def test_a_group_does_not_bring_its_caches() -> None:
    cache = replace(JARS, group="stream")
    assert names(*select((KAFKA, cache), ["log"], ())) == ["log"]


def test_what_is_kept_keeps_its_group() -> None:
    assert names(*select(ALL, (), ["log"])) == ["data"]


def test_a_folder_is_also_known_by_its_path() -> None:
    assert names(*select(ALL, ["state/points"], ())) == ["log", "points"]


@pytest.mark.parametrize("keep", ["log", "points", "stream"])
def test_a_group_is_not_split(keep: str) -> None:
    with pytest.raises(SplitGroup):
        select(ALL, ["log"], [keep])


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownState) as caught:
        select(ALL, ["dta"], ())
    assert caught.value.existing == ("data", "jars", "log", "points")


def test_numbered_names_go_on_above_the_last() -> None:
    there = [Snapshot("before-reset-2", "", 0), Snapshot("before-reset-x", "", 0)]
    assert next_name(there, "before-reset") == "before-reset-3"
    assert next_name((), "snapshot") == "snapshot-1"


# --- reset ----------------------------------------------------------------------------------


def test_users_and_their_dependents_are_stopped_and_started_again() -> None:
    plan = plan_reset(SHOP, [DB], snapshot=True)
    assert actions(plan) == [
        (Action.STOP_CONTAINER, "shop-web-1"),
        (Action.STOP_CONTAINER, "shop-db-1"),
        (Action.SNAPSHOT, "before-reset-1"),
        (Action.EMPTY_STATE, "data"),
        (Action.START_CONTAINER, "shop-db-1"),
        (Action.START_CONTAINER, "shop-web-1"),
    ]
    assert plan.unchanged == ("other",)


def test_each_step_needs_what_comes_before_it() -> None:
    plan = plan_reset(SHOP, [DB], snapshot=True)
    stop_web, stop_db, keep, empty, start_db, start_web = plan.steps
    assert stop_web.needs == ()
    assert stop_db.needs == (stop_web.id,)
    assert set(keep.needs) == {stop_web.id, stop_db.id}
    assert keep.id in empty.needs
    assert empty.id in start_db.needs
    assert {start_db.id, empty.id} <= set(start_web.needs)


def test_emptying_needs_consent_and_the_rest_none() -> None:
    plan = plan_reset(SHOP, [DB], snapshot=True)
    assert [one.target for one in plan.steps if one.consent is not Consent.NONE] == ["data"]
    assert step(plan, Action.EMPTY_STATE, "data").consent is Consent.YES


def test_only_what_no_snapshot_keeps_is_lost_for_good() -> None:
    assert step(plan_reset(SHOP, [DB], snapshot=True), Action.EMPTY_STATE, "data").destroys == ()
    [lost] = step(plan_reset(SHOP, [DB], snapshot=False), Action.EMPTY_STATE, "data").destroys
    assert lost == "data: 1.5 MB in 12 files, last written 2026-01-31T12:00:00Z"


def test_the_plan_says_what_is_there_and_who_uses_it() -> None:
    said = step(plan_reset(SHOP, [DB], snapshot=True), Action.EMPTY_STATE, "data")
    assert said.reason == "volume shop_data, used by db"
    assert said.because[0].old == "1.5 MB in 12 files, last written 2026-01-31T12:00:00Z"
    assert said.services == ("db",)


def test_what_did_not_run_is_not_started() -> None:
    stopped = replace(
        SHOP, engine=replace(SHOP.engine, containers=(container("db", state="exited"),))
    )
    assert actions(plan_reset(stopped, [DB], snapshot=False)) == [(Action.EMPTY_STATE, "data")]


@pytest.mark.parametrize("changes", [{"files": 0, "folders": 0}, {"exists": False}])
def test_what_is_empty_needs_nothing(changes: dict[str, Any]) -> None:
    assert plan_reset(SHOP, [replace(DB, **changes)], snapshot=True).steps == ()


def test_folders_alone_are_something() -> None:
    assert plan_reset(SHOP, [replace(DB, files=0, folders=3)], snapshot=False).steps != ()


def test_a_container_of_others_that_uses_it_blocks() -> None:
    labels = {"com.docker.compose.project": "theirs"}
    stranger = container("db", id="id-x", name="theirs-1", labels=labels)
    used = replace(DB, containers=(*DB.containers, "id-x"))
    of = replace(SHOP, engine=replace(SHOP.engine, containers=(*SHOP.engine.containers, stranger)))
    plan = plan_reset(of, [used], snapshot=True)
    [blocker] = plan.blockers
    assert (blocker.target, blocker.code) == ("theirs-1", ExitCode.CONFLICT)
    assert (Action.STOP_CONTAINER, "theirs-1") not in actions(plan)


def test_a_one_off_is_stopped_with_consent_and_not_started_again() -> None:
    one_off = container(
        "db", id="id-run", name="shop-db-run", labels={"com.docker.compose.oneoff": "True"}
    )
    used = replace(DB, containers=("id-run",))
    of = world(SHOP.model, [one_off])
    plan = plan_reset(of, [used], snapshot=False)
    assert actions(plan) == [
        (Action.STOP_CONTAINER, "shop-db-run"),
        (Action.EMPTY_STATE, "data"),
    ]
    assert plan.steps[0].consent is Consent.YES


def job_world(*running: str) -> World:
    """A job that fills the database, and a server that waits for its end."""
    of = model(
        service("db"),
        service("job", depends_on=["db"]),
        service("web", depends_on=[Dependency("job", DONE)]),
    )
    there = [
        container("db", state="running" if "db" in running else "exited"),
        container("job", state="exited", exit_code=0),
        container("web", state="running" if "web" in running else "exited"),
    ]
    return world(of, there, state=(DB,))


def test_a_job_whose_work_is_emptied_runs_again() -> None:
    plan = plan_reset(job_world("db", "web"), [DB], snapshot=False)
    starts = [one for one in plan.steps if one.action is Action.START_CONTAINER]
    assert [one.target for one in starts] == ["shop-db-1", "shop-job-1", "shop-web-1"]
    assert starts[1].reason == "its results were in the state that is replaced"
    assert starts[1].id in starts[2].needs


def test_compose_makes_such_a_job_without_looking_at_what_it_depends_on() -> None:
    """It would recreate the database for an edit that is for the next start, and not start it."""
    of = job_world("db", "web")
    now = {n: replace(one, config_hash="new") for n, one in of.model.services.items()}
    plan = plan_reset(replace(of, model=replace(of.model, services=now)), [DB], snapshot=False)
    made = step(plan, Action.RECREATE_CONTAINER, "shop-job-1").operation
    assert isinstance(made, RecreateContainer)
    assert not made.sees_dependencies


def test_where_nothing_runs_such_a_job_is_forgotten() -> None:
    plan = plan_reset(job_world(), [DB], snapshot=False)
    assert actions(plan) == [
        (Action.EMPTY_STATE, "data"),
        (Action.REMOVE_CONTAINER, "shop-job-1"),
    ]
    assert plan.steps[1].needs == (plan.steps[0].id,)


def test_an_edit_is_for_the_next_start_and_what_ran_is_started_as_it_was() -> None:
    edited = model(
        service("cfg", config_hash="new"),
        service("db", config_hash="new", depends_on=["cfg"]),
        service("web", config_hash="new", depends_on=["db"]),
    )
    there = [container("cfg"), container("db"), container("web")]
    plan = plan_snapshot(world(edited, there, state=(DB,)), "kept", {})
    again = StartContainer(as_it_was=True)
    assert [(one.target, one.operation) for one in plan.steps[-2:]] == [
        ("shop-db-1", again),
        ("shop-web-1", again),
    ]
    assert plan.steps[-2].id in plan.steps[-1].needs
    assert {step.service for step in plan.steps} == {"db", "web"}


def test_a_stopped_dependency_is_started_with_what_needs_it() -> None:
    of = world(
        model(service("feed"), service("db", depends_on=["feed"])),
        [container("feed", state="exited", exit_code=1), container("db")],
        state=(DB,),
    )
    plan = plan_reset(of, [DB], snapshot=False)
    start = step(plan, Action.START_CONTAINER, "shop-feed-1")
    assert start.reason == "exited with code 1, and db depends on it"


# --- snapshot -------------------------------------------------------------------------------


def test_a_snapshot_keeps_all_but_caches_and_loses_nothing() -> None:
    of = replace(SHOP, state=(DB, JARS))
    plan = plan_snapshot(of, "before", {})
    keep = step(plan, Action.SNAPSHOT, "before")
    assert [one.name for one in keep.because] == ["data"]
    assert all(one.consent is Consent.NONE for one in plan.steps)


def test_a_live_service_is_paused_and_stops_nobody() -> None:
    plan = plan_snapshot(SHOP, "before", {"db": ("sync",)})
    assert actions(plan) == [(Action.SNAPSHOT, "before")]
    paused = plan.steps[0].because[-1]
    assert (paused.kind, paused.name) == ("paused", "shop-db-1")
    assert paused.detail == "paused while it is read, after `sync`"


def test_a_live_service_that_depends_on_a_stopped_one_is_stopped() -> None:
    of = replace(SHOP, state=(DB, state("more", "web")))
    plan = plan_snapshot(of, "before", {"web": ()})
    assert (Action.STOP_CONTAINER, "shop-web-1") in actions(plan)


# --- restore --------------------------------------------------------------------------------

KEPT = Snapshot(
    "before",
    "2026-01-30T00:00:00Z",
    100,
    (SnapshotPart("data", "volume", 2_000, 3, 0),),
    {"db": "sha256:db"},
)


def test_a_job_whose_work_is_put_back_runs_again() -> None:
    """The state of then may be that of an older program."""
    plan = plan_restore(job_world("db", "web"), KEPT, snapshot=False)
    starts = [one for one in plan.steps if one.action is Action.START_CONTAINER]
    assert [one.target for one in starts] == ["shop-db-1", "shop-job-1", "shop-web-1"]
    assert starts[1].id in starts[2].needs
    assert actions(plan_restore(job_world(), KEPT, snapshot=False)) == [
        (Action.RESTORE_STATE, "data"),
        (Action.REMOVE_CONTAINER, "shop-job-1"),
    ]


@pytest.mark.parametrize(
    ("special", "made_here", "consent"),
    [
        (0, False, Consent.YES),
        (2, True, Consent.YES),
        (2, False, Consent.FORCE),
        (None, False, Consent.FORCE),
    ],
)
def test_what_is_special_in_a_snapshot_from_elsewhere_needs_force(
    special: int | None, made_here: bool, consent: Consent
) -> None:
    parts = (SnapshotPart("data", "volume", 2_000, 3, special),)
    plan = plan_restore(SHOP, replace(KEPT, state=parts, made_here=made_here), snapshot=True)
    assert step(plan, Action.RESTORE_STATE, "data").consent is consent


def test_what_is_replaced_is_kept_first() -> None:
    plan = plan_restore(SHOP, KEPT, snapshot=True)
    assert actions(plan)[2:4] == [
        (Action.SNAPSHOT, "before-restore-1"),
        (Action.RESTORE_STATE, "data"),
    ]
    restore = step(plan, Action.RESTORE_STATE, "data")
    assert (restore.consent, restore.destroys) == (Consent.YES, ())
    assert restore.because[1].new == "2.0 kB in 3 files"
    assert plan.warnings == ()


def test_without_a_snapshot_what_is_replaced_is_lost() -> None:
    plan = plan_restore(SHOP, KEPT, snapshot=False)
    assert step(plan, Action.RESTORE_STATE, "data").destroys != ()


def test_another_image_and_missing_state_are_warned_of() -> None:
    old = replace(
        KEPT,
        state=(*KEPT.state, SnapshotPart("gone", "volume", 1, 1)),
        images={"db": "sha256:older"},
    )
    plan = plan_restore(SHOP, old, snapshot=True)
    assert plan.warnings == (
        "snapshot before contains gone, which is not in the model",
        "db ran another image when snapshot before was taken",
    )


def test_every_active_service_is_in_a_step_or_unchanged() -> None:
    for plan in (
        plan_reset(SHOP, [DB], snapshot=True),
        plan_snapshot(SHOP, "x", {}),
        plan_restore(SHOP, KEPT, snapshot=True),
    ):
        named = {name for one in plan.steps for name in one.services}
        assert named | set(plan.unchanged) == set(SHOP.model.services)
