"""Orphans are ended before anything else, and the plan says what that destroys."""

from __future__ import annotations

from dataclasses import replace

from composetasks.facts import AbandonedInstance, Action, Consent, Engine, Plan, Volume, World
from composetasks.plan.instances.abandoned import warnings, with_ends
from tests.unit.worlds import container, model, service

ORPHAN = AbandonedInstance(
    "two",
    "shop-two",
    "77 1 boot host",
    "/x/two",
    (container("db"),),
    (),
    (Volume("shop-two_data"),),
)
WORLD = World(model(service("db")), Engine(), abandoned=(ORPHAN,))


def test_an_orphan_is_ended_by_one_step() -> None:
    [step] = with_ends(Plan("up", "shop"), WORLD).steps
    assert (step.action, step.target) == (Action.END_INSTANCE, "shop-two")
    assert step.consent is Consent.NONE
    assert "process 77" in step.reason
    assert step.destroys == ("volume shop-two_data", "folder /x/two")


def test_what_two_owners_left_of_one_name_are_two_steps() -> None:
    world = replace(WORLD, abandoned=(ORPHAN, replace(ORPHAN, owner="78 1 boot host")))
    plan = with_ends(Plan("up", "shop"), world)
    assert len({step.id for step in plan.steps}) == 2


def test_without_orphans_the_plan_is_as_it_was() -> None:
    plan = Plan("up", "shop")
    assert with_ends(plan, World(model(service("db")), Engine())) is plan


def test_who_only_looks_is_told() -> None:
    [line] = warnings(WORLD)
    assert "instance two" in line
    assert "`inv up`" in line
