"""What is found in the way of a start, and what the table says is done about it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from composetasks.facts import (
    Action,
    Consent,
    Container,
    Engine,
    ExitCode,
    Model,
    Mount,
    Resource,
    Step,
    Volume,
    World,
)
from composetasks.plan.conflicts.claims import Findings
from composetasks.plan.conflicts.conflicts import after
from composetasks.plan.conflicts.origin import ContainerState, Origin, origin
from composetasks.plan.conflicts.policy import CONSENT, IN_THE_WAY, LEFT_OVER, Treatment
from tests.unit.plan.conflicts.finding import in_the_way, leftovers
from tests.unit.worlds import HERE, container, model, network, service, world

DB = service("db", container_names=("postgres",))
WORKING_DIR = "com.docker.compose.project.working_dir"
CONFIG_FILES = "com.docker.compose.project.config_files"
STATES = {
    "created": ContainerState.STOPPED,
    "exited": ContainerState.STOPPED,
    "dead": ContainerState.DEAD,
    "running": ContainerState.RUNNING,
    "paused": ContainerState.PAUSED,
    "restarting": ContainerState.RESTARTING,
    "removing": ContainerState.REMOVING,
}
PATHS = {str(HERE): str(HERE), "/gone": None, "/other": "/other", "/other/x.yaml": "/other/x.yaml"}


def by_hand(name: str = "postgres", **changes: Any) -> Container:
    fields: dict[str, Any] = {
        "id": f"id-{name}",
        "name": name,
        "image": "postgres:15",
        "image_id": "sha256:pg",
        "state": "exited",
        "networks": {"bridge": "net-bridge"},
    }
    return Container(**{**fields, **changes})


def made_by(who: Origin, **changes: Any) -> Container:
    """A container of that origin."""
    labels: dict[str, str] = {}
    made = "db"
    if who is Origin.BY_HAND:
        return by_hand(**changes)
    if who is Origin.OTHER_PROJECT:
        labels = {"com.docker.compose.project": "bakery", WORKING_DIR: "/srv/bakery"}
    elif who is Origin.OTHER_CHECKOUT:
        labels = {WORKING_DIR: "/other"}
    elif who is Origin.GONE_CHECKOUT:
        made, labels = "cache", {WORKING_DIR: "/gone"}
    elif who is Origin.ONE_OFF:
        labels = {"com.docker.compose.oneoff": "True"}
    elif who is Origin.HELPER:
        labels = {"com.docker.compose.hook": "pre_start"}
    elif who is Origin.OTHER_FILES:
        made, labels = "debug", {CONFIG_FILES: f"{HERE}/compose.yaml,/other/x.yaml"}
    elif who is Origin.NO_SERVICE:
        made = "cache"
    elif who is Origin.INACTIVE:
        made = "debug"
    elif who is Origin.OURS:
        made = "web"
    return container(made, labels=labels, **{"name": "postgres", **changes})


def of(who: Origin) -> Model:
    inactive = ("debug",) if who is Origin.INACTIVE else ()
    return model(DB, service("web"), inactive=inactive)


def seen(of: Model, *containers: Container, **changes: Any) -> World:
    return world(of, containers, **{"paths": PATHS, **changes})


def found(of: World, *names: str, force: bool = False) -> Findings:
    return in_the_way(of, *names, force=force)


# --- who made it ----------------------------------------------------------------------------


@pytest.mark.parametrize("who", Origin)
def test_the_maker_of_a_container_is_told_by_its_labels(who: Origin) -> None:
    assert origin(seen(of(who)), made_by(who)) is who


def test_a_project_whose_folder_is_gone_may_be_this_one_under_its_old_name() -> None:
    gone = found(seen(model(DB), made_by(Origin.OTHER_PROJECT), paths={"/srv/bakery": None}))
    [blocker] = gone.blockers
    assert "by Compose project bakery in /srv/bakery, which is gone, service db" in blocker.message
    assert blocker.hint.startswith("if that folder was renamed to this one, `COMPOSE_PROJECT_NAME=")
    [blocker] = found(seen(model(DB), made_by(Origin.OTHER_PROJECT))).blockers
    assert "COMPOSE_PROJECT_NAME" not in blocker.hint


def test_checkouts_are_compared_by_real_path() -> None:
    one = container("db", labels={WORKING_DIR: "/link"})
    paths = {str(HERE): "/real", "/link": "/real"}
    assert origin(world(model(DB), [one], paths=paths), one) is Origin.OURS


def test_a_file_that_is_gone_does_not_make_a_container_one_of_other_files() -> None:
    one = container("cache", labels={CONFIG_FILES: "/gone"})
    assert origin(seen(model(DB), one), one) is Origin.NO_SERVICE


# --- the table, row by row ------------------------------------------------------------------


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("who", Origin)
def test_what_holds_a_needed_name_is_treated_as_the_table_says(who: Origin, state: str) -> None:
    treatment = IN_THE_WAY[who][STATES[state]]
    one = made_by(who, state=state)
    got = found(seen(of(who), one))
    steps = [step for step in got.steps if step.key == one.id]
    codes = [blocker.code for blocker in got.blockers]
    if treatment in (Treatment.REFUSE, Treatment.REFUSE_UNLESS_FORCED):
        assert steps == []
        assert codes == [ExitCode.CONFLICT]
        return
    assert codes == []
    [step] = steps
    expected = Action.RENAME_CONTAINER
    if treatment is not Treatment.RENAME:
        expected = Action.REMOVE_CONTAINER
    assert (step.action, step.consent) == (expected, CONSENT[treatment])


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("who", Origin)
def test_force_consents_to_the_removal_of_what_is_not_ours_and_runs(
    who: Origin, state: str
) -> None:
    treatment = IN_THE_WAY[who][STATES[state]]
    one = made_by(who, state=state)
    got = found(seen(of(who), one), force=True)
    if treatment is Treatment.REFUSE:
        assert [blocker.code for blocker in got.blockers] == [ExitCode.CONFLICT]
    elif treatment is Treatment.REFUSE_UNLESS_FORCED:
        [step] = got.steps
        assert (step.action, step.consent) == (Action.REMOVE_CONTAINER, Consent.FORCE)
        assert got.blockers == ()


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("who", Origin)
def test_left_overs_are_treated_as_the_table_says(who: Origin, state: str) -> None:
    treatment = LEFT_OVER[who][STATES[state]]
    service_of = {Origin.OTHER_CHECKOUT: "web", Origin.GONE_CHECKOUT: "old"}.get(who)
    one = made_by(who, state=state, name="something")
    if service_of:
        labels = {**one.labels, "com.docker.compose.service": service_of}
        one = replace(one, labels=labels)
    got = leftovers(seen(of(who), one))
    steps = [step for step in got.steps if step.key == one.id]
    if treatment is Treatment.REFUSE:
        assert got.blockers[0].code is ExitCode.CONFLICT
    elif treatment is Treatment.SPARE:
        assert steps == []
        assert any("something is not removed" in warning for warning in got.warnings)
    elif treatment is Treatment.NOTHING:
        broken = who is Origin.OURS and state in ("dead", "removing")
        assert bool(steps) is broken
    else:
        [step] = steps
        assert (step.action, step.consent) == (Action.REMOVE_CONTAINER, CONSENT[treatment])


# --- names ----------------------------------------------------------------------------------


def test_the_card_tells_maker_state_image_volumes_and_networks() -> None:
    anonymous = "5f" * 32
    one = by_hand(
        exit_code=137,
        since="2026-03-01T10:00:00Z",
        volumes={"/var/lib/postgresql/data": "pgold", "/tmp": anonymous},
    )
    [step] = found(seen(model(DB), one)).steps
    assert step.reason == (
        "holds the name postgres, which service db needs; created by hand (`docker run` or "
        "`docker create`); exited (137) since 2026-03-01T10:00:00Z; image postgres:15; volumes "
        f"{anonymous[:12]}… (anonymous), pgold; network bridge; its volumes are kept"
    )
    assert step.destroys == ()
    assert step.services == ("db",)
    volumes = {e.name for e in step.because if e.field == "volume"}
    assert volumes == {"pgold", anonymous}


def test_a_refusal_names_two_commands_that_resolve_it() -> None:
    [blocker] = found(seen(model(DB), by_hand(state="running"))).blockers
    assert (blocker.code, blocker.kind, blocker.target) == (ExitCode.CONFLICT, "name", "postgres")
    assert "`docker rename postgres postgres-before`" in blocker.hint
    assert "`docker stop postgres && docker rm postgres`" in blocker.hint
    assert "--force" in blocker.hint
    assert "created by hand" in blocker.message


def test_another_project_is_named_with_its_folder() -> None:
    [blocker] = found(seen(model(DB), made_by(Origin.OTHER_PROJECT))).blockers
    assert "Compose project bakery in /srv/bakery" in blocker.message


def test_names_of_services_that_are_not_started_are_nobodys_concern() -> None:
    assert found(seen(model(DB, service("web")), by_hand()), "web") == Findings()


def test_our_own_container_holds_its_name_rightly() -> None:
    assert found(seen(model(DB), container("db", name="postgres"))) == Findings()


def test_a_name_that_moved_to_another_service_of_ours_is_taken_without_a_loss() -> None:
    db, web = service("db", container_names=("main",)), service("web")
    was = container("web", id="0123456789abcdef", name="main", state="running")
    [step] = found(seen(model(db, web), was)).steps
    assert (step.action, step.target, step.consent) == (
        Action.RENAME_CONTAINER,
        "main",
        Consent.NONE,
    )
    assert [(e.old, e.new) for e in step.because] == [("main", "shop-web-1")]


def test_two_services_that_swap_names_get_there_over_a_temporary_one() -> None:
    a = service("a", container_names=("y",), config_hash="a-is-y")
    b = service("b", container_names=("x",), config_hash="b-is-x")
    here = seen(model(a, b), container("a", id="a" * 64, name="x"), container("b", name="y"))
    new = [e.new for step in found(here).steps for e in step.because]
    assert new == [f"{'a' * 12}_x", "id-b-1_y"]


def test_a_name_that_no_container_is_made_for_is_nobodys_concern() -> None:
    """Compose gives a name when it makes a container, and goes by labels ever after."""
    stranger = by_hand("shop-web-1", state="running")
    renamed = container("web", name="web-before")
    assert found(seen(model(service("web")), renamed, stranger)) == Findings()
    again = model(service("web", config_hash="other"))
    [blocker] = found(seen(again, renamed, stranger)).blockers
    assert blocker.target == "shop-web-1"
    # Of three, the second is gone: what is recreated is called the fourth.
    names = tuple(f"shop-web-{number}" for number in (1, 2, 3))
    web = service("web", container_names=names)
    left = [container("web", 1), container("web", 3)]
    assert found(seen(model(web), *left, by_hand("shop-web-2", state="running"))) == Findings()
    [blocker] = found(seen(model(web), *left, by_hand("shop-web-4", state="running"))).blockers
    assert blocker.target == "shop-web-4"


def test_two_of_ours_that_want_one_name_are_told_before_anything_starts() -> None:
    here = seen(model(service("a", container_names=("shop-b-1",)), service("b")))
    [blocker] = found(here).blockers
    assert blocker.code is ExitCode.CONFLICT
    assert "services a and b both want the container name shop-b-1" in blocker.message


# --- checkouts ------------------------------------------------------------------------------


def test_another_checkout_is_refused_with_the_instance_hint() -> None:
    ours = container("web")
    theirs = made_by(Origin.OTHER_CHECKOUT, state="exited")
    [blocker] = found(seen(model(DB, service("web")), ours, theirs), force=True).blockers
    assert (blocker.code, blocker.kind, blocker.target) == (
        ExitCode.CONFLICT,
        "checkout",
        "/other",
    )
    assert "`inv up --instance shop`" in blocker.hint


def test_the_folder_in_a_command_is_quoted() -> None:
    elsewhere = container("db", labels={WORKING_DIR: "/my shop"})
    here = replace(seen(model(service("db")), elsewhere), paths={**PATHS, "/my shop": "/my shop"})
    [blocker] = found(here).blockers
    assert "--project-directory '/my shop' down" in blocker.hint


def test_containers_of_a_checkout_that_is_gone_are_taken_over_as_by_compose() -> None:
    one = container("db", name="shop-db-1", labels={WORKING_DIR: "/gone"})
    here = seen(model(service("db")), one)
    assert origin(here, one) is Origin.OURS
    assert found(here).steps == ()
    debug = container("debug", labels={WORKING_DIR: "/gone"})
    assert origin(seen(model(DB, inactive=("debug",)), debug), debug) is Origin.INACTIVE


# --- recreations that broke off -------------------------------------------------------------


def recreated(**changes: Any) -> Container:
    return container("db", **{"id": "new", "name": "249662c60a09_shop-db-1", **changes})


def done(steps: tuple[Step, ...]) -> list[tuple[str, str, str]]:
    return [(step.action.value, step.target, step.consent.value) for step in steps]


def test_a_temporary_name_is_repaired() -> None:
    got = found(seen(model(service("db")), recreated()))
    assert done(got.steps) == [("rename-container", "249662c60a09_shop-db-1", "none")]
    assert got.steps[0].because[0].new == "shop-db-1"


def test_a_replacement_that_never_ran_goes_and_the_original_stays() -> None:
    here = seen(model(service("db")), container("db"), recreated(state="created"))
    assert done(found(here).steps) == [("remove-container", "249662c60a09_shop-db-1", "none")]


def test_a_replacement_that_runs_takes_the_place_of_what_it_replaced() -> None:
    here = seen(model(service("db")), container("db", state="exited"), recreated())
    steps = found(here).steps
    assert done(steps) == [
        ("remove-container", "shop-db-1", "none"),
        ("rename-container", "249662c60a09_shop-db-1", "none"),
    ]
    assert steps[1].needs == (steps[0].id,)


def test_where_both_run_the_replacement_needs_consent_to_go() -> None:
    here = seen(model(service("db")), container("db"), recreated())
    assert done(found(here).steps) == [("remove-container", "249662c60a09_shop-db-1", "yes")]


def test_the_name_is_given_back_after_who_took_it_is_gone() -> None:
    here = seen(model(service("db")), by_hand("shop-db-1"), recreated())
    steps = found(here).steps
    assert [step.action for step in steps] == [Action.REMOVE_CONTAINER, Action.RENAME_CONTAINER]
    assert steps[1].needs == (steps[0].id,)


def test_a_name_that_merely_looks_temporary_is_left_alone() -> None:
    one = service("db", container_names=("249662c60a09_db",))
    assert found(seen(model(one), container("db", name="249662c60a09_db"))) == Findings()


# --- leftovers ------------------------------------------------------------------------------


def test_up_only_says_that_there_are_left_overs() -> None:
    orphan = container("cache", state="exited")
    got = found(seen(model(service("db")), orphan))
    assert got.steps == ()
    said = "leftovers of this project: 1 container (shop-cache-1); `inv clean-orphans` removes them"
    assert got.warnings == (f"{said} (--plan lists them all)",)


def test_empty_networks_of_ours_are_left_over_and_those_in_use_are_not() -> None:
    old = network("shop_old", id="net-old")
    theirs = replace(network("bakery_default", id="net-b"), labels={})
    networks = (network(), old, theirs)
    here = seen(model(service("db")), container("db"))
    here = replace(here, engine=replace(here.engine, networks=networks))
    assert done(leftovers(here).steps) == [("remove-network", "shop_old", "none")]


def test_a_network_goes_with_the_last_left_over_on_it() -> None:
    orphan = container("cache", state="exited", networks={"shop_old": "net-old"})
    here = seen(model(service("db")), orphan)
    old = replace(network("shop_old", id="net-old"))
    here = replace(here, engine=replace(here.engine, networks=(old,)))
    steps = leftovers(here).steps
    assert [step.action for step in steps] == [Action.REMOVE_CONTAINER, Action.REMOVE_NETWORK]
    assert steps[1].needs == (steps[0].id,)


def test_nothing_is_left_over_of_a_stack_as_it_should_be() -> None:
    assert leftovers(seen(model(service("db")), container("db"), by_hand("x"))) == Findings()


# --- volumes --------------------------------------------------------------------------------


def with_volume(*volumes: Volume) -> World:
    db = service("db", mounts=(Mount("volume", "data", "/data"),))
    here = seen(model(db, volumes={"data": Resource("data", "shop_data")}))
    return replace(here, engine=replace(here.engine, volumes=volumes))


def namesake(project: str, name: str) -> Volume:
    labels = {"com.docker.compose.project": project, "com.docker.compose.volume": "data"}
    return Volume(name, labels if project else {}, "2026-01-01T00:00:00Z")


def test_a_namesake_of_a_project_that_was_this_one_is_pointed_out() -> None:
    [warning] = found(with_volume(namesake("shop-old", "shop-old_data"))).warnings
    assert "shop_data" in warning
    assert "shop-old_data of Compose project shop-old" in warning


def test_it_was_this_one_where_its_containers_are_of_this_folder() -> None:
    of = with_volume(namesake("store", "store_data"))
    assert found(of).warnings == ()
    labels = {"com.docker.compose.project": "store"}
    here = container("db", id="s", name="store-db-1", labels=labels)
    of = replace(of, engine=replace(of.engine, containers=(here,)))
    [warning] = found(of).warnings
    assert "store_data of Compose project store in /srv/shop" in warning


def test_a_folder_that_a_volume_stands_for_begins_with_what_is_in_it() -> None:
    of = with_volume(namesake("shop-old", "shop-old_data"))
    bound = {"driver_opts": {"type": "none", "o": "bind", "device": "/srv/data"}}
    volumes = {"data": replace(of.model.volumes["data"], config=bound)}
    assert found(replace(of, model=replace(of.model, volumes=volumes))).warnings == ()


def test_of_many_namesakes_all_are_named() -> None:
    many = [
        replace(namesake(f"shop{n}", f"shop{n}_data"), created=f"2026-01-0{n}T00:00:00Z")
        for n in range(1, 6)
    ]
    [warning] = found(with_volume(*many)).warnings
    assert all(f"shop{n}_data" in warning for n in range(1, 6))


@pytest.mark.parametrize(
    "volumes",
    [
        (),
        (namesake("shop", "shop_data"), namesake("shop-old", "shop-old_data")),
        (namesake("store", "store_data"),),
        (namesake("", "store_data"),),
    ],
)
def test_no_warning_where_no_volume_is_missed(volumes: tuple[Volume, ...]) -> None:
    assert found(with_volume(*volumes)).warnings == ()


# --- the world after ------------------------------------------------------------------------


def test_after_the_steps_nothing_is_in_the_way() -> None:
    here = seen(
        model(DB, service("web"), service("api")),
        by_hand(),
        recreated(
            id="n", name="249662c60a09_shop-api-1", labels={"com.docker.compose.service": "api"}
        ),
        container("old", state="exited"),
    )
    steps = leftovers(here).steps
    left = after(here, steps)
    assert leftovers(left).steps == ()
    assert [one.name for one in left.engine.containers] == ["shop-api-1"]
    assert after(left, ()) is left


def test_the_same_world_gives_the_same_finding() -> None:
    here = seen(model(DB), by_hand(), container("old", state="exited"))
    shuffled = replace(
        here, engine=Engine(tuple(reversed(here.engine.containers)), networks=here.engine.networks)
    )
    assert found(here) == found(here)
    assert {step.id for step in leftovers(here).steps} == {
        step.id for step in leftovers(shuffled).steps
    }
