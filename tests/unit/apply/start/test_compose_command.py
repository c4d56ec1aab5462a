"""What Compose says that it is at."""

from __future__ import annotations

from composetasks.apply.start.compose_command import ComposeOperations


def under_way(*lines: str) -> ComposeOperations:
    at = ComposeOperations()
    for line in lines:
        at.hear(line)
    return at


def test_what_it_has_begun_and_not_done() -> None:
    at = under_way(
        " Network shop_default  Creating",
        " Network shop_default  Created",
        " Container shop-db-1  Recreate",
        " Container shop-web-1  Creating",
        "Container shop-web-1 Created",
        " Container shop-web-1  Starting",
        "something else",
    )
    assert str(at) == "shop-db-1 to be recreated, shop-web-1 to start"
    assert "shop-db-1" in at
    assert "shop-web" not in at


def test_a_start_takes_in_its_hooks() -> None:
    at = under_way(" Container shop-web-1  Starting", " Container shop-db-1  Creating")
    assert at.starts("shop-web-1")
    assert not at.starts("shop-db-1")
    assert not under_way(" Container shop-web-1  Starting", " Container shop-web-1  Started").words
