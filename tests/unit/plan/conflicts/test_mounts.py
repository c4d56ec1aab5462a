"""What is said of mount sources that are not there, or that the engine once made."""

from __future__ import annotations

from typing import Any

import pytest

from composetasks.facts import CreateContainer, Mount, Step
from composetasks.plan.conflicts.mounts import folders_for_files
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
