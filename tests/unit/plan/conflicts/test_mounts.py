"""What is said of mount sources that are not there, or that the engine once made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from composetasks.facts import CreateContainer, Mount, NotSent, Step
from composetasks.plan.conflicts.mounts import (
    folders_for_files,
    from_elsewhere,
    without_source,
)
from tests.unit.worlds import model, service, world


@pytest.mark.parametrize(
    ("source", "target", "meant"),
    [
        ("/srv/shop/nginx.conf", "/etc/nginx/nginx.conf", True),
        ("/srv/shop/my.cnf", "/etc/mysql/conf.d/server.cnf", True),
        ("/srv/shop/.env.local", "/app/.env.local", True),
        ("/srv/shop/init.d", "/docker-entrypoint-initdb.d", False),
        ("/srv/shop/conf.d", "/etc/nginx/conf.d/", False),
        ("/srv/shop/python3.11", "/usr/local/lib/python3.11", False),
        ("/srv/shop/.ssh", "/root/.ssh", False),
        ("/srv/shop/site", "/var/www/example.com", False),
        ("/srv/shop/data", "/data", False),
    ],
)
@pytest.mark.parametrize("field", ["missing", "empty_folders"])
def test_a_folder_is_told_where_both_sides_are_named_as_a_file(
    source: str, target: str, meant: bool, field: str
) -> None:
    web = service("web", mounts=(Mount("bind", source, target),))
    changes: dict[str, Any] = {field: frozenset({source})}
    start = Step(CreateContainer(), "shop-web-1", "", service="web")
    warnings = list(folders_for_files(world(model(web), **changes), [start]))
    assert [source in one for one in warnings] == [True] * meant


def test_many_are_one_line() -> None:
    mounts = tuple(Mount("bind", f"/srv/{n}.conf", f"/etc/{n}.conf") for n in range(9))
    of = world(model(service("web", mounts=mounts)), missing=frozenset(m.source for m in mounts))
    start = Step(CreateContainer(), "shop-web-1", "", service="web")
    [warning] = folders_for_files(of, [start])
    assert all(f"/srv/{n}.conf" in warning for n in range(9))


def test_elsewhere_what_only_this_host_has_blocks_its_service() -> None:
    web = service("web", mounts=(Mount("bind", "/p/conf", "/conf"), Mount("bind", "/p/db", "/db")))
    start = Step(CreateContainer(), "shop-web-1", "", service="web")
    away = world(
        model(web),
        remote="ssh://far",
        missing=frozenset({"/p/conf", "/p/db"}),
        only_here=frozenset({"/p/conf"}),
    )

    [blocker] = without_source(away, [start])

    assert (blocker.target, blocker.code, blocker.service) == ("/p/conf", 6, "web")
    assert blocker.message.endswith("does not exist at ssh://far")
    assert list(without_source(replace(away, only_here=frozenset()), [start])) == []


@pytest.mark.parametrize(
    ("why", "way"),
    [
        (None, "`stack.remote.mounts: send`"),
        (NotSent.STATE, "`restore`"),
        (NotSent.KIND, "create it there"),
    ],
)
def test_a_way_is_named_that_leads_there(why: NotSent | None, way: str) -> None:
    web = service("web", mounts=(Mount("bind", "/p/conf", "/conf"),))
    start = Step(CreateContainer(), "shop-web-1", "", service="web")
    conf = frozenset({"/p/conf"})
    away = world(model(web), remote="ssh://far", missing=conf, only_here=conf)

    [blocker] = without_source(replace(away, not_sent={"/p/conf": why} if why else {}), [start])

    assert way in blocker.hint
    assert ("mounts: send" in blocker.hint) == (why is None)


def test_elsewhere_whose_files_are_mounted_is_told_in_one_line() -> None:
    here = model(service("web"))
    inside = f"{here.directory}/site"
    mounts = (Mount("bind", inside, "/a"), Mount("bind", "/var/run/docker.sock", "/b"))
    of = model(service("web", mounts=mounts))
    start = Step(CreateContainer(), "shop-web-1", "", service="web")

    [warning] = from_elsewhere(world(of, remote="tcp://build:2376"), [start])

    assert warning == (
        f"{inside} (web): mounted from the engine's host, tcp://build:2376, not from this machine"
    )
    assert list(from_elsewhere(world(of), [start])) == []
