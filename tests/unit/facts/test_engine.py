"""What a container is to a project is told by what Compose sets, not by what an image handed on."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from composetasks.facts import Container, Role, role

REPLICA = {"project": "shop", "service": "web", "container-number": "1", "config-hash": "a"}
REPLICA |= {"oneoff": "False"}
ONE_OFF = {**REPLICA, "oneoff": "True", "slug": "5"}
HOOK = {"project": "shop", "service": "web", "hook": "pre_start", "hook-index": "0"}
INHERITED = {"project": "shop", "service": "web", "version": "5.6.1"}


def labels(own: Mapping[str, str]) -> dict[str, str]:
    return {f"com.docker.compose.{name}": value for name, value in own.items()}


def container(own: Mapping[str, str], *, copied: bool = False) -> Container:
    return Container("id", "mine", "i", "i", "running", labels=labels(own), copied=copied)


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (REPLICA, Role.REPLICA),
        (ONE_OFF, Role.ONE_OFF),
        ({**ONE_OFF, "container-number": ""}, Role.ONE_OFF),
        (HOOK, Role.HELPER),
        ({**REPLICA, "hook": "pre_start"}, Role.HELPER),
        ({"project": "shop", "relay": "db"}, Role.HELPER),
        ({}, Role.STRANGER),
        (INHERITED, Role.STRANGER),
        ({**REPLICA, "project": ""}, Role.STRANGER),
        ({**REPLICA, "config-hash": ""}, Role.STRANGER),
        ({**REPLICA, "container-number": "0"}, Role.STRANGER),
        ({**REPLICA, "container-number": "one"}, Role.STRANGER),
        ({**REPLICA, "oneoff": ""}, Role.STRANGER),
    ],
)
def test_a_role_is_told_by_all_that_compose_sets(own: Mapping[str, str], expected: Role) -> None:
    assert role(labels(own)) is expected


@pytest.mark.parametrize("copied", [False, True])
def test_what_inherited_labels_belongs_to_no_project(copied: bool) -> None:
    stranger = container(REPLICA if copied else INHERITED, copied=copied)
    assert (stranger.project, stranger.service, stranger.number) == ("", "", 0)
    assert not stranger.replica
    # Compose itself looks at the labels alone, and there at the hash.
    assert stranger.mistaken_for("shop") == ("web" if copied else "")
    assert stranger.mistaken_for("bakery") == ""


def test_what_is_of_a_project_is_mistaken_for_nothing() -> None:
    for own in (REPLICA, ONE_OFF, HOOK):
        assert container(own).mistaken_for("shop") == ""
        assert container(own).project == "shop"
