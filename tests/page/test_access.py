"""The page for everybody: what axe-core finds in each view, and texts of any kind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial

import pytest

from tests.page.conftest import ROOT, Page

WIDE, NARROW = (1280, 1100), (390, 844)
VIEWS = {
    "": ".figures",
    "?view=Review": "article.post-card",
    "?view=Review&who=Mai": "article.post-card",
    "?view=Posts": "table.posts",
    "?view=Models": ".curves svg",
    "?post=p0000099": "article.post-card",
}
NOTHING = {
    "": "Nothing has been scored yet",
    "?view=Review&who=Mai": "No post is left",
    "?view=Posts": "0 found",
    "?view=Models": "No job has used any models yet",
    "?post=p0000099": "has been scored yet",
}
MANIFEST = ROOT / "train_eval_module" / "manifest.json"
LONG = "không có khoảng trắng " * 150 + "x" * 3000
TEXTS = ("שלום עולם 🛡️ مرحبا بالعالم", "👩‍👩‍👧‍👦 nhảy 💃🏽🇻🇳", "a\\nb\\t<i>c</i>", LONG)
SIDEWAYS = """
const main = document.querySelector('[data-testid=stMain]');
return main.scrollWidth - main.clientWidth
"""


AT_REST = """
return document.getAnimations().every(one => one.playState !== 'running')
"""


def problems(page: Page) -> dict[str, list[str]]:
    """What axe-core finds that is more than a trifle, when nothing slides or fades any more."""
    page.wait_for(lambda: page.browser.run(AT_REST), "the page is at rest")
    result = page.browser.problems()
    return {
        f"{one['impact']}: {one['rule']}": one["nodes"]
        for one in result
        if one["impact"] != "minor"
    }


def told(page: Page, words: str) -> bool:
    """Whether the page has these words."""
    return words in page.browser.text()


@pytest.fixture
def models(page: Page) -> None:
    """Those of the repository are in use."""
    quoted = MANIFEST.read_text(encoding="utf-8").replace("'", "''")
    page.sql(f"INSERT INTO scoring_models (model, manifest) VALUES ('m0del', '{quoted}')")


@pytest.fixture
def narrow(page: Page) -> Iterator[None]:
    """As wide as a telephone."""
    page.browser.size(*NARROW)
    yield
    page.browser.size(*WIDE)


def test_axe_finds_nothing_where_there_is_nothing(page: Page) -> None:
    for query, says in NOTHING.items():
        page.open(query)
        page.wait_for(partial(told, page, says), f"{query}: {says}")
        assert problems(page) == {}, query


@pytest.mark.usefixtures("models")
def test_axe_finds_nothing_in_any_view(page: Page) -> None:
    page.add(1, 100)
    for query, part in VIEWS.items():
        page.open(query)
        page.wait_for(partial(page.browser.count, part), f"{query}: it is there")
        assert problems(page) == {}, query


@pytest.mark.usefixtures("models", "narrow")
def test_axe_finds_nothing_in_a_narrow_window_and_nothing_is_cut_off(page: Page) -> None:
    page.add(1, 100)
    for query, part in VIEWS.items():
        page.open(query)
        page.wait_for(partial(page.browser.count, part), f"{query}: it is there")
        assert problems(page) == {}, query
        assert page.browser.run(SIDEWAYS) <= 0, query


def test_axe_finds_nothing_while_the_database_is_away(page: Page) -> None:
    page.compose("stop", "postgres")
    try:
        for query in VIEWS:
            page.open(query)
            page.wait_for(lambda: page.browser.count(".away"), f"{query}: it says so")
            assert problems(page) == {}, query
    finally:
        page.compose("start", "postgres")
        page.wait_for(lambda: not page.browser.count(".away"), "it is back by itself")


@pytest.mark.usefixtures("narrow")
def test_captions_of_any_kind_are_read_whole_and_break_no_view(page: Page) -> None:
    page.add(1, len(TEXTS))
    for number, text in enumerate(TEXTS, 1):
        page.sql(
            f"UPDATE scored_posts SET caption = E'{text}', score = 0.9, flagged = true"
            f" WHERE post_id = 'p{number:07d}'"
        )
    for query in ("?view=Review&who=Mai", "?view=Posts", "?post=p0000004"):
        page.open(query)
        page.wait_for(lambda: page.browser.count("[data-post-id]"), f"{query}: posts")
        assert page.browser.run(SIDEWAYS) <= 0, query
    # A caption begins where its own script does, and all of it is there to be judged.
    for number, text in enumerate(TEXTS, 1):
        page.open(f"?post=p{number:07d}")
        caption = page.wait_for(
            lambda: page.browser.run(
                "const e = document.querySelector('.post-card h2');"
                "return e && [e.textContent, getComputedStyle(e).direction]"
            ),
            "the post",
        )
        told = json.loads(f'"{text}"')
        assert caption == [told, "rtl" if number == 1 else "ltr"]
