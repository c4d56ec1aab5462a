"""Which image's build begins first."""

from __future__ import annotations

from composetasks.facts import BuildImage, Step
from composetasks.plan.images.build_order import longest_first


def build(name: str, *needs: Step, services: int = 1) -> Step:
    return Step(
        operation=BuildImage(),
        target=name,
        reason="",
        service=name,
        services=tuple(f"{name}{number}" for number in range(services)),
        needs=tuple(step.id for step in needs),
    )


def order(steps: list[Step], **seconds: float) -> list[str]:
    return [step.target for step in longest_first(steps, seconds)]


A, B, C = build("a"), build("b"), build("c")


def test_the_longest_begins_first() -> None:
    assert order([A, B, C], a=10, b=30, c=20) == ["b", "c", "a"]


def test_what_others_stand_on_counts_with_them() -> None:
    child = build("child", A)
    assert order([A, B, child], a=10, b=25, child=20) == ["a", "b", "child"]


def test_what_nobody_knows_comes_before_what_is_known() -> None:
    assert order([A, B, C], a=10, b=30) == ["c", "b", "a"]


def test_what_more_services_wait_for_comes_first_where_nothing_is_known() -> None:
    assert order([A, B, build("shared", services=3)]) == ["shared", "a", "b"]


def test_those_that_are_alike_stay_in_the_plans_order() -> None:
    assert order([B, A, C]) == ["b", "a", "c"]
