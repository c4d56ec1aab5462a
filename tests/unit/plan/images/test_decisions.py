"""Which images are built, retagged, pulled or left alone, and because of what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from composetasks.facts import (
    Action,
    Build,
    BuildImage,
    BuildInputs,
    Consent,
    Engine,
    Evidence,
    ExitCode,
    Hidden,
    Image,
    Mount,
    Service,
    Shared,
    World,
)
from composetasks.plan.images.decisions import plan_images
from composetasks.plan.images.tags import old_tags
from composetasks.plan.images.why_built import differences
from composetasks.plan.start.start import without_builds
from composetasks.store.build_records import combined
from tests.unit.worlds import built, container, model, service

T = TypeVar("T")
A, B, C = "a" * 24, "b" * 24, "c" * 24


def inputs(name: str, digest: str = A, **changes: Any) -> BuildInputs:
    return BuildInputs(**{"service": name, "digest": digest, **changes})


def world(
    services: Sequence[Service],
    images: Sequence[Image] = (),
    wanted: Mapping[str, BuildInputs] | None = None,
    recorded: Sequence[BuildInputs] = (),
) -> World:
    if wanted is None:
        wanted = {one.name: inputs(one.name) for one in services if one.build}
    return World(
        model=model(*services),
        engine=Engine(images=tuple(images)),
        inputs=wanted,
        built={one.digest: one for one in recorded},
    )


def image(identity: str, *tags: str, **changes: Any) -> Image:
    return Image(f"sha256:{identity}", tags, **changes)


WEB = built("web")
PRESENT = image("web", "shop-web:latest", f"shop-web:ct-{A}")


def only(result: Sequence[T]) -> T:
    (one,) = result
    return one


# --- built images ---------------------------------------------------------------------------


def test_an_image_with_the_wanted_digest_is_left_alone() -> None:
    plan = plan_images(world([WEB], [PRESENT]), ["web"])
    assert plan.steps == ()
    assert plan.image_of == {"web": "sha256:web"}


def test_images_of_the_same_inputs_stay_where_they_are() -> None:
    images = [PRESENT, image("job", "shop-job:latest", f"shop-job:ct-{A}")]
    for order in (images, images[::-1]):
        plan = plan_images(world([WEB, built("job")], order), ["web", "job"])
        assert plan.steps == ()
        assert plan.image_of == {"web": "sha256:web", "job": "sha256:job"}


def test_an_image_that_is_not_here_is_built() -> None:
    plan = plan_images(world([WEB]), ["web"])
    step = only(plan.steps)
    assert (step.action, step.target, step.key) == (Action.BUILD_IMAGE, "shop-web:latest", "")
    assert step.because == (Evidence(kind="no-image"),)
    assert plan.image_of == {"web": None}


def test_one_of_other_inputs_is_built_and_the_files_that_differ_are_named() -> None:
    old = image("old", "shop-web:latest", f"shop-web:ct-{B}")
    was = inputs("web", B, files={"web/a": "f 644 1", "web/b": "f 644 1", "web/c": "f 644 1"})
    now = inputs("web", A, files={"web/a": "f 644 2", "web/c": "f 644 1", "web/d": "f 644 1"})
    step = only(plan_images(world([WEB], [old], {"web": now}, [was]), ["web"]).steps)
    assert step.because == (
        Evidence(kind="file", path="web/a", change="modified"),
        Evidence(kind="file", path="web/b", change="removed"),
        Evidence(kind="file", path="web/d", change="added"),
    )
    assert step.reason == "3 files changed, web/a among them"
    assert step.key == "sha256:old"


def test_one_changed_file_is_the_reason_itself() -> None:
    old = image("old", "shop-web:latest", f"shop-web:ct-{B}")
    was, now = inputs("web", B, files={"web/a": "1"}), inputs("web", A, files={"web/a": "2"})
    step = only(plan_images(world([WEB], [old], {"web": now}, [was]), ["web"]).steps)
    assert step.reason == "web/a was modified"


def test_of_very_many_files_the_rest_is_counted() -> None:
    was = inputs("web", B, files={f"web/{n:04}": "1" for n in range(1004)})
    now = inputs("web", A, files={f"web/{n:04}": "2" for n in range(1004)})
    results = list(differences(was, now))
    assert [one.path for one in results[:10]] == [f"web/{n:04}" for n in range(10)]
    assert results[1000:] == [Evidence(kind="files", detail="and 4 more")]
    old = image("old", "shop-web:latest", f"shop-web:ct-{B}")
    step = only(plan_images(world([WEB], [old], {"web": now}, [was]), ["web"]).steps)
    assert step.reason == "1004 files changed, web/0000 among them"


def test_an_image_nobody_recorded_is_built() -> None:
    """One that ``docker compose build`` made has no digest tag, one whose record was deleted
    has nothing to compare with."""
    for tags in (("shop-web:latest",), ("shop-web:latest", f"shop-web:ct-{B}")):
        step = only(plan_images(world([WEB], [image("old", *tags)]), ["web"]).steps)
        assert step.because == (Evidence(kind="no-record"),)


def test_an_image_of_the_same_inputs_is_tagged_instead_of_built() -> None:
    old = image("old", "shop-web:latest", f"shop-web:ct-{B}")
    same = image("same", f"shop-web:ct-{A}")
    plan = plan_images(world([WEB], [old, same]), ["web"])
    step = only(plan.steps)
    assert (step.action, step.target, step.key) == (
        Action.RETAG_IMAGE,
        "shop-web:latest",
        "sha256:same",
    )
    assert plan.image_of == {"web": "sha256:same"}


def test_so_is_one_that_another_checkout_built() -> None:
    same = image("same", "other-web:latest", f"other-web:ct-{A}")
    assert only(plan_images(world([WEB], [same]), ["web"]).steps).action is Action.RETAG_IMAGE


def test_services_that_share_an_image_share_its_step() -> None:
    shared = "shop/app:1"
    services = [
        built("web", image=shared),
        built("worker", image=shared),
        service("beat", image=shared),
        service("other"),
    ]
    there = image("other", "shop-other:latest")
    plan = plan_images(world(services, [there]), ["beat", "worker", "other"])
    assert only(plan.steps).services == ("web", "worker", "beat")
    assert plan.image_of == {"web": None, "beat": None, "worker": None, "other": "sha256:other"}


def test_of_different_builds_of_one_image_the_first_is_taken_and_said_so() -> None:
    services = [built("web", image="x:1"), built("worker", image="x:1")]
    wanted = {"web": inputs("web", A), "worker": inputs("worker", B)}
    plan = plan_images(world(services, (), wanted), ["worker"])
    assert only(plan.steps).service == "web"
    assert "different build inputs" in only_text(plan.warnings)


def only_text(texts: Sequence[str]) -> str:
    (text,) = texts
    return text


def test_what_is_odd_about_the_inputs_is_said_where_they_are_built() -> None:
    wanted = {"web": inputs("web", warnings=("it is large",))}
    assert plan_images(world([WEB], [], wanted), ["web"]).warnings == ("it is large",)
    assert plan_images(world([WEB], [PRESENT], wanted), ["web"]).warnings == ()


# --- options as evidence --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "old", "new", "evidence", "reason"),
    [
        (
            "build-arg.V",
            "1",
            "2",
            Evidence(kind="build-arg", name="V", old="1", new="2"),
            "build arg V changed",
        ),
        (
            "build-arg.V",
            None,
            "2",
            Evidence(kind="build-arg", name="V", new="2"),
            "build arg V changed",
        ),
        ("target", "a", "b", Evidence(kind="target", old="a", new="b"), "target changed"),
        (
            "base-image.python:3.11",
            "sha256:1",
            "sha256:2",
            Evidence(kind="base-image", name="python:3.11", old="sha256:1", new="sha256:2"),
            "base image python:3.11 changed",
        ),
        (
            "dockerfile",
            "FROM a\nRUN b\nCMD c",
            "FROM a\nRUN d\nCMD c",
            Evidence(kind="dockerfile", old="RUN b", new="RUN d"),
            "Dockerfile changed",
        ),
        (
            "dockerfile",
            "FROM a\nCMD c",
            "FROM a\nRUN d\nCMD c",
            Evidence(kind="dockerfile", new="RUN d"),
            "Dockerfile changed",
        ),
        (
            "dockerfile",
            "FROM a\nRUN d\nCMD c",
            "FROM a\nCMD c",
            Evidence(kind="dockerfile", old="RUN d"),
            "Dockerfile changed",
        ),
    ],
)
def test_an_option_that_differs_is_shown_old_and_new(
    key: str, old: str | None, new: str | None, evidence: Evidence, reason: str
) -> None:
    was = inputs("web", B, options={} if old is None else {key: old})
    now = inputs("web", A, options={} if new is None else {key: new})
    there = image("old", "shop-web:latest", f"shop-web:ct-{B}")
    step = only(plan_images(world([WEB], [there], {"web": now}, [was]), ["web"]).steps)
    assert step.because == (evidence,)
    assert step.reason == reason


def test_long_values_are_cut() -> None:
    was, now = inputs("web", B, options={"dockerfile": "RUN " + "x" * 500}), inputs("web", A)
    (evidence,) = differences(was, now)
    assert evidence.old is not None
    assert len(evidence.old) == 200


# --- images upon images ---------------------------------------------------------------------


def chain(images: Sequence[Image], lower: str = A, upper: str = B) -> World:
    services = [built("lower"), built("upper")]
    wanted = {
        "lower": inputs("lower", lower),
        "upper": inputs("upper", upper, bases={"service:lower": f"ct-{lower}"}),
    }
    return world(services, images, wanted)


LOWER = image("lower", "shop-lower:latest", f"shop-lower:ct-{A}")
UPPER = image("upper", "shop-upper:latest", f"shop-upper:ct-{B}")


def test_what_an_image_is_built_upon_is_built_before_it() -> None:
    plan = plan_images(chain([]), ["upper"])
    assert [step.service for step in plan.steps] == ["lower", "upper"]
    assert plan.steps[1].needs == (plan.steps[0].id,)


def test_what_needs_no_build_needs_nothing_below_either() -> None:
    assert plan_images(chain([UPPER]), ["upper"]).steps == ()


def test_a_base_that_only_lost_its_tag_is_tagged_before() -> None:
    elsewhere = image("lower", f"shop-lower:ct-{A}")
    plan = plan_images(chain([elsewhere]), ["upper"])
    assert [step.action for step in plan.steps] == [Action.RETAG_IMAGE, Action.BUILD_IMAGE]
    assert plan.steps[1].needs == (plan.steps[0].id,)


def test_a_rebuilt_base_takes_what_stands_on_it_along() -> None:
    plan = plan_images(chain([LOWER, UPPER]), ["lower", "upper"], no_cache=True)
    assert [step.service for step in plan.steps] == ["lower", "upper"]
    assert plan.steps[1].needs == (plan.steps[0].id,)


def test_but_not_one_that_was_not_asked_for() -> None:
    plan = plan_images(chain([LOWER, UPPER]), ["upper"], no_cache=True)
    assert [step.service for step in plan.steps] == ["upper"]


# --- no cache, and newer bases --------------------------------------------------------------


def test_without_cache_everything_asked_for_is_built() -> None:
    step = only(plan_images(world([WEB], [PRESENT]), ["web"], no_cache=True).steps)
    assert step.because == (Evidence(kind="no-cache"),)


@pytest.mark.parametrize(
    ("images", "pulls"),
    [
        ((), True),
        ((Image("sha256:p", ("python:3.11",), digests=("python@sha256:1",)),), True),
        ((Image("sha256:p", ("python:3.11",)),), False),
    ],
)
def test_a_newer_base_is_looked_for_where_it_came_from_a_registry(
    images: tuple[Image, ...], pulls: bool
) -> None:
    wanted = {"web": inputs("web", bases={"python:3.11": "sha256:p"})}
    plan = plan_images(world([WEB], [PRESENT, *images], wanted), ["web"], pull=True)
    assert [step.because for step in plan.steps] == [(Evidence(kind="pull"),)] * pulls


def test_a_base_that_is_newer_in_its_registry_is_built_upon_where_the_model_says_pull() -> None:
    wanted = {"web": inputs("web", bases={"python:3.11": "sha256:p"})}
    due = replace(world([WEB], [PRESENT], wanted), outdated=frozenset({"web"}))
    step = only(plan_images(due, ["web"], to_run=True).steps)
    assert step.operation == BuildImage(pull=True)
    assert step.because == (Evidence(kind="pull"),)


def test_the_model_s_no_cache_is_meant_where_a_build_is_asked_for() -> None:
    web = replace(WEB, build=Build("/shop/web", "Dockerfile", {"no_cache": True}))
    of = world([web], [PRESENT])
    assert only(plan_images(of, ["web"]).steps).operation == BuildImage(no_cache=True)
    assert plan_images(of, ["web"], to_run=True).steps == ()


# --- images that are pulled -----------------------------------------------------------------

DB = service("db", image="postgres:15")


# --- what somebody else put on a tag ----------------------------------------------------------

OURS, HIS = image("ours", f"shop-web:ct-{A}"), image("his", "shop-web:latest")


def test_what_somebody_put_on_the_tag_after_us_is_used() -> None:
    plan = plan_images(world([WEB], [OURS, HIS]), ["web"])
    assert plan.steps == ()
    assert plan.image_of == {"web": HIS.id}
    assert "inv build --no-cache web" in only(plan.warnings)


@pytest.mark.parametrize(
    ("ours", "his", "undigested"),
    [
        (OURS, image("his", "shop-web:latest", f"shop-web:ct-{B}"), ()),
        (OURS, image("his", "shop-web:latest", f"other-web:ct-{B}"), ()),
        (OURS, HIS, (HIS.id,)),
        (image("ours", f"other-web:ct-{A}"), HIS, ()),
    ],
    ids=["another branch", "another checkout", "built while files changed", "never ours here"],
)
def test_what_was_built_here_makes_way(
    ours: Image, his: Image, undigested: tuple[str, ...]
) -> None:
    seen = replace(world([WEB], [ours, his]), undigested=frozenset(undigested))
    step = only(plan_images(seen, ["web"]).steps)
    assert (step.action, step.key) == (Action.RETAG_IMAGE, ours.id)


def test_where_a_file_was_edited_since_what_is_on_disk_counts() -> None:
    seen = replace(world([WEB], [OURS, HIS]), edited={"web": "web/app.py"})
    assert only(plan_images(seen, ["web"]).steps).action is Action.RETAG_IMAGE


def test_once_the_inputs_changed_it_is_built_over() -> None:
    seen = world([WEB], [OURS, HIS], {"web": inputs("web", B)})
    assert only(plan_images(seen, ["web"]).steps).action is Action.BUILD_IMAGE


# --- what nobody sees -------------------------------------------------------------------------

OLDER = image("older", "shop-web:latest", f"shop-web:ct-{B}")
HIDDEN = Hidden(("web/src",), ("web/src/lock", "web/src/filled"))


def edited(*paths: str, **options: str) -> World:
    """A world whose image of ``web`` was built before ``paths`` were edited."""
    before = inputs("web", B, files={"web/src/a": "f 1"}, options={"dockerfile": "FROM x"})
    files = {**before.files, **dict.fromkeys(paths, "f 2")}
    changed = {"files": files, "options": {**before.options, **options}, "hidden": HIDDEN}
    return world([WEB], [OLDER], {"web": inputs("web", A, **changed)}, [before])


def test_a_start_needs_no_build_for_what_is_mounted_over_its_copy() -> None:
    seen = edited("web/src/a", "web/src/sub/new")
    plan = plan_images(seen, ["web"], to_run=True)
    assert (plan.steps, plan.image_of) == ((), {"web": OLDER.id})
    assert only(plan_images(seen, ["web"]).steps).action is Action.BUILD_IMAGE


@pytest.mark.parametrize(
    "seen",
    [
        edited("web/other"),
        edited("web/src2"),
        edited("web/src/lock"),
        edited("web/src/a", "web/src/filled/b"),
        edited("web/src/a", target="x"),
    ],
    ids=["elsewhere", "a longer name", "read by others", "fills a volume", "an option too"],
)
def test_but_for_anything_else(seen: World) -> None:
    assert only(plan_images(seen, ["web"], to_run=True).steps).action is Action.BUILD_IMAGE


def test_and_where_others_use_the_image() -> None:
    seen = edited("web/src/a")
    child = {**seen.inputs, "app": inputs("app", C, bases={"shop-web": f"ct-{A}"})}
    upon = replace(seen, model=model(WEB, built("app")), inputs=child)
    mount = service("app", mounts=(Mount("image", "shop-web", "/w"),))
    for other in (upon, replace(seen, model=model(WEB, mount))):
        steps = plan_images(other, ["web"], to_run=True).steps
        assert [step.action for step in steps] == [Action.BUILD_IMAGE]


# --- more names for an image ------------------------------------------------------------------


def tagged(name: str, *tags: str) -> Service:
    """A service that builds its image and names ``tags`` in its build section."""
    return built(name, build=Build("/srv", "Dockerfile", {"tags": list(tags)}))


def test_a_tag_of_two_services_is_the_first_ones() -> None:
    services = [tagged("web", "all:1"), tagged("api", "all:1")]
    wanted = {"web": inputs("web", A), "api": inputs("api", B)}
    api = image("api", "shop-api:latest", f"shop-api:ct-{B}")
    seen = world(services, [PRESENT, api], wanted)
    step = only(plan_images(seen, ["api", "web"]).steps)
    assert (step.target, step.service, step.key) == ("all:1", "web", PRESENT.id)


def test_an_instance_takes_no_tag_from_another_one() -> None:
    stack, theirs = [tagged("web", "all:1")], image("x", "all:1", f"shop-web:ct-{B}")
    seen = world(stack, [PRESENT, theirs])
    assert only(plan_images(seen, ["web"]).steps).target == "all:1"
    seen = replace(seen, model=replace(seen.model, instance="other"))
    assert plan_images(seen, ["web"]).steps == ()


def test_who_runs_a_tag_of_another_ones_build_waits_for_that() -> None:
    services = [tagged("base", "stone:1"), service("web", image="docker.io/library/stone:1")]
    plan = plan_images(world(services), ["web"])
    step = only(plan.steps)
    assert (step.action, step.services) == (Action.BUILD_IMAGE, ("base", "web"))
    assert plan.image_of["web"] is None


def test_what_mounts_an_image_waits_for_it_and_goes_on_running_its_own() -> None:
    mount = Mount("image", "shop-data", "/data")
    seen = world([built("data"), service("web", mounts=(mount,))], [image("w", "shop-web")])
    plan = plan_images(seen, ["web"])
    assert only(plan.steps).services == ("data", "web")
    assert plan.image_of == {"web": "sha256:w", "data": None}
    assert without_builds(seen, plan).image_of["web"] == "sha256:w"


def test_an_image_that_is_here_is_not_pulled() -> None:
    plan = plan_images(world([DB], [image("pg", "postgres:15")]), ["db"])
    assert plan.steps == ()
    assert plan.image_of == {"db": "sha256:pg"}


def test_one_that_is_not_is_and_once_for_all_who_run_it() -> None:
    other = service("replica", image="postgres:15")
    plan = plan_images(world([DB, other]), ["db", "replica"])
    step = only(plan.steps)
    assert (step.action, step.target) == (Action.PULL_IMAGE, "postgres:15")
    assert step.services == ("db", "replica")
    assert plan.image_of == {"db": None, "replica": None}


@pytest.mark.parametrize(
    ("policy", "here", "pulled"),
    [
        ("always", True, True),
        ("missing", True, False),
        ("if_not_present", False, True),
        ("never", True, False),
    ],
)
def test_a_pull_policy_is_followed(policy: str, here: bool, pulled: bool) -> None:
    db = service("db", image="postgres:15", config={"pull_policy": policy})
    images = [image("pg", "postgres:15")] if here else []
    assert bool(plan_images(world([db], images), ["db"]).steps) is pulled


def test_an_image_is_pulled_for_all_who_run_it_once_one_of_them_asks() -> None:
    often = service("often", image="postgres:15", config={"pull_policy": "every_12h"})
    of = world([often, DB], [image("pg", "postgres:15")])
    assert plan_images(of, ["often", "db"]).steps == ()
    due = replace(of, outdated=frozenset({"often"}))
    assert plan_images(due, ["db"]).steps == ()
    plan = plan_images(due, ["db", "often"])
    step = only(plan.steps)
    assert (step.service, step.services) == ("often", ("db", "often"))
    assert step.reason == "pull_policy is every_12h"
    assert plan.image_of == {"db": None, "often": None}


@pytest.mark.parametrize(
    ("policy", "seconds"),
    [
        ("refresh", 0.0),
        ("daily", 86400.0),
        ("weekly", 604800.0),
        ("every_1w2d", 777600.0),
        ("every_90m", 5400.0),
        ("always", None),
        ("if_not_present", None),
        ("", None),
    ],
)
def test_a_pull_policy_may_be_a_period(policy: str, seconds: float | None) -> None:
    assert service("db", config={"pull_policy": policy}).pulled_every == seconds


def test_an_image_that_must_not_be_pulled_and_is_not_here_blocks() -> None:
    db = service("db", image="postgres:15", config={"pull_policy": "never"})
    plan = plan_images(world([db]), ["db"])
    assert plan.steps == ()
    assert [(one.target, one.code) for one in plan.blockers] == [("postgres:15", ExitCode.INVALID)]


# --- old images -----------------------------------------------------------------------------


def test_the_last_five_builds_of_a_service_are_kept() -> None:
    built_before = [image(f"{n}", f"shop-web:ct-{n:024x}", created=n) for n in range(8)]
    steps = old_tags(world([WEB], [PRESENT, *built_before]))
    assert [step.target for step in steps] == [
        f"shop-web:ct-{n:024x}" for n in (2, 1, 0)
    ]  # and the present one, which is in use
    assert {step.consent for step in steps} == {Consent.YES}
    assert {step.action for step in steps} == {Action.REMOVE_IMAGE}


def test_what_runs_or_is_wanted_or_has_a_name_is_not_old() -> None:
    images = [
        *(image(f"{n}", f"shop-web:ct-{n:024x}", created=n + 10) for n in range(5)),
        image("runs", f"shop-web:ct-{B}"),
        image("named", f"shop-web:ct-{C}", "shop-web:release"),
        image("wanted", f"shop-web:ct-{A}"),
        image("other", f"elsewhere-web:ct-{'d' * 24}"),
        image("old", f"shop-web:ct-{'e' * 24}"),
    ]
    looked_at = world([WEB], images)
    running = Engine(containers=(container("web", image_id="sha256:runs"),), images=tuple(images))
    looked_at = World(looked_at.model, running, looked_at.inputs)
    assert [step.key for step in old_tags(looked_at)] == ["sha256:old"]


def test_the_digest_of_inputs_has_the_digits_a_tag_is_looked_for_by() -> None:
    digest = combined("core", {"a": "b"})
    there = image("web", "shop-web:latest", f"shop-web:ct-{digest}")
    was, now = inputs("web", digest, files={"a": "1"}), inputs("web", A, files={"a": "2"})
    step = only(plan_images(world([WEB], [there], {"web": now}, [was]), ["web"]).steps)
    assert step.because[0].kind == "file"


# --- the shared registry ----------------------------------------------------------------------

REGISTRY = "registry.local/shop"


def sharing(of: World, **images: str) -> World:
    """``of``, where the registry has these images, by service."""
    return World(**{**vars(of), "shared": Shared(REGISTRY, images)})


THERE = f"{REGISTRY}/web:ct-{A}"


def test_an_image_of_the_same_inputs_is_taken_from_the_registry() -> None:
    plan = plan_images(sharing(world([WEB]), web=THERE), ["web"])
    step = only(plan.steps)
    assert (step.action, step.target) == (Action.PULL_IMAGE, "shop-web:latest")
    assert step.because == (
        Evidence(kind="shared-image", name=THERE),
        Evidence(kind="no-image"),
    )
    assert plan.image_of == {"web": None}


def test_not_where_it_is_here_already_or_a_build_is_asked_for() -> None:
    assert plan_images(sharing(world([WEB], [PRESENT]), web=THERE), ["web"]).steps == ()
    step = only(plan_images(sharing(world([WEB]), web=THERE), ["web"], no_cache=True).steps)
    assert step.action is Action.BUILD_IMAGE


def test_what_stands_on_an_image_from_the_registry_waits_for_it() -> None:
    of = sharing(chain([]), lower=f"{REGISTRY}/lower:ct-{A}")
    plan = plan_images(of, ["upper"])
    assert [step.action for step in plan.steps] == [Action.PULL_IMAGE, Action.BUILD_IMAGE]
    assert plan.steps[1].needs == (plan.steps[0].id,)


def test_the_registry_gets_what_it_lacks_once_it_is_built() -> None:
    plan = plan_images(sharing(world([WEB])), ["web"], push=True)
    build, push = plan.steps
    assert (push.action, push.target) == (Action.PUSH_IMAGE, THERE)
    assert push.needs == (build.id,)
    there = plan_images(sharing(world([WEB], [PRESENT])), ["web"], push=True)
    assert [step.action for step in there.steps] == [Action.PUSH_IMAGE]
    assert plan_images(sharing(world([WEB], [PRESENT]), web=THERE), ["web"], push=True).steps == ()


def test_nothing_is_pushed_without_a_registry_or_without_being_asked() -> None:
    assert plan_images(world([WEB], [PRESENT]), ["web"], push=True).steps == ()
    assert plan_images(sharing(world([WEB], [PRESENT])), ["web"]).steps == ()


def test_an_image_that_several_services_share_is_pushed_once() -> None:
    services = [built("web", image="x:1"), built("worker", image="x:1"), service("db")]
    of = sharing(world(services, [image("x", "x:1", f"x:ct-{A}")]))
    steps = plan_images(of, ["web", "worker"], push=True).steps
    assert [step.service for step in steps] == ["web"]


def test_shared_names_are_lower_case_and_say_no_project() -> None:
    shared = Shared("host:5000/path/")
    assert shared.reference("Web", A) == f"host:5000/path/web:ct-{A}"
    assert shared.cache_reference("Web") == "host:5000/path/web:cache"
