"""Which instances outlived their owners, told from the labels on the engine and the folders."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from composetasks.facts import (
    INSTANCE_LABEL,
    OWNER_LABEL,
    AbandonedInstance,
    Container,
    Engine,
    Network,
    Volume,
    World,
)
from composetasks.observe.instances.abandoned import with_abandoned
from composetasks.run import owner
from composetasks.store import folder
from tests.unit.worlds import container, model, service


def _mine() -> owner.Owner:
    result = owner.of(os.getpid())
    assert result is not None
    return result


LIVING = _mine()
DEAD = replace(LIVING, started="1").text
ELSEWHERE = replace(LIVING, started="1", host="elsewhere").text
EARLIER = replace(LIVING, boot="another").text


def labels(text: str, name: str = "two", project: str = "shop-two") -> dict[str, str]:
    return {
        "com.docker.compose.project": project,
        INSTANCE_LABEL: name,
        **({OWNER_LABEL: text} if text else {}),
    }


def of(text: str, **changes: str) -> Container:
    return container("db", id=text, name="shop-two-db-1", labels=labels(text, **changes))


def found(place: Path, *containers: Container, own: str | None = None) -> World:
    here = model(service("db"))
    if own:
        here = replace(here, project=f"shop-{own}", instance=own)
    return with_abandoned(World(here, Engine(containers)), place)


@pytest.mark.parametrize("text", [DEAD, EARLIER], ids=["another start", "another boot"])
def test_an_instance_of_an_ended_process_is_an_orphan_and_apart(text: str, tmp_path: Path) -> None:
    network = Network("n", "shop-two_default", labels(text))
    volume = Volume("shop-two_data", labels(text))
    own = container("db")
    world = World(model(service("db")), Engine((own, of(text)), (), (network,), (volume,)))
    seen = with_abandoned(world, tmp_path)
    assert seen.abandoned == (
        AbandonedInstance("two", "shop-two", text, "", (of(text),), (network,), (volume,)),
    )
    assert seen.engine == Engine((own,))


@pytest.mark.parametrize(
    "text",
    [LIVING.text, ELSEWHERE, "", "nonsense", "1 2 3", "-1 2 3 4"],
    ids=["living", "elsewhere", "none", "nonsense", "short", "negative"],
)
def test_one_of_a_living_a_foreign_or_no_process_is_none(text: str, tmp_path: Path) -> None:
    assert found(tmp_path, of(text)).abandoned == ()
    assert found(tmp_path, of(text)).engine.containers == (of(text),)


def test_one_of_another_project_is_no_concern(tmp_path: Path) -> None:
    assert found(tmp_path, of(DEAD, project="other-two")).abandoned == ()
    assert found(tmp_path, of(DEAD, project="shop")).abandoned == ()


def test_a_folder_alone_is_an_orphan_too(tmp_path: Path) -> None:
    for name, text in (("dead", DEAD), ("living", LIVING.text), ("by-hand", "")):
        (tmp_path / name).mkdir()
        folder.write_json(tmp_path / name / "owner.json", {"owner": text})
    [orphan] = found(tmp_path).abandoned
    assert (orphan.instance, orphan.place) == ("dead", str(tmp_path / "dead"))


def test_a_new_owner_keeps_the_folder(tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    folder.write_json(tmp_path / "two" / "owner.json", {"owner": DEAD})
    [orphan] = found(tmp_path, of(DEAD), own="two").abandoned
    assert (orphan.project, orphan.place) == ("shop-two", "")
    assert found(tmp_path, own="two").abandoned == ()


def test_the_folder_of_another_checkout_is_known_by_its_override_and_its_record(
    tmp_path: Path,
) -> None:
    place = tmp_path / ".composetasks" / "instances" / "two"
    place.mkdir(parents=True)
    files = "com.docker.compose.project.config_files"
    one = of(DEAD)
    one = replace(one, labels={**one.labels, files: f"/x,{place}/compose.override.yaml"})
    [orphan] = found(tmp_path / "none", one).abandoned
    assert orphan.place == ""
    folder.write_json(place / "owner.json", {"owner": DEAD})
    [orphan] = found(tmp_path / "none", one).abandoned
    assert orphan.place == str(place)
