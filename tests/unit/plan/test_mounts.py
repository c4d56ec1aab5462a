"""What is said of mount sources that are not there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from composetasks.facts import Action, Mount, Step
from composetasks.plan.mounts import made_as_folders
from tests.unit.worlds import model, service, world


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("/etc/app.conf", True),
        ("/app/.env.local", True),
        ("/docker-entrypoint-initdb.d", False),
        ("/etc/nginx/conf.d/", False),
        ("/usr/local/lib/python3.11", False),
        ("/root/.ssh", False),
        ("/data", False),
    ],
)
def test_a_missing_source_is_told_where_its_place_is_named_as_a_file(
    target: str, said: bool
) -> None:
    web = service("web", mounts=(Mount("bind", "/srv/shop/gone", target),))
    of = replace(world(model(web)), missing=frozenset(["/srv/shop/gone"]))
    start = Step(Action.CREATE_CONTAINER, "shop-web-1", "", service="web")
    assert bool(list(made_as_folders(of, [start]))) == said
