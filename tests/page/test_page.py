"""The dashboard in a real browser."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from tests.page.conftest import Page

ROWS = "table.posts tbody tr"
CARD = "article.post-card"
LEAST_CONTRAST = 4.5
SOMETHING = f"{CARD}, {ROWS}, .figures"
AWAY = "The database does not answer"
CAN_KEEP = """
return [...document.querySelectorAll('button')].some(
    e => e.innerText.startsWith('Keep') && !e.disabled)
"""

WATCH_ERRORS = """
const watch = () => document.querySelectorAll('[data-testid=stException]').forEach(
    e => window.errors.push(e.innerText));
window.errors = [];
new MutationObserver(watch).observe(document.body, {childList: true, subtree: true});
"""
"""Keeps the errors that the page shows from now on, however short."""


def found(page: Page, number: str) -> None:
    """Waits until the list says how many posts it has found."""
    says = "return document.querySelector('#found')?.innerText ?? ''"
    page.wait_for(
        lambda: str(page.browser.run(says)).startswith(f"{number} found"), f"{number} found"
    )


def shown(page: Page) -> str:
    """The post under review, "" while there is none."""
    return (page.browser.ids(CARD) or [""])[0]


def told_of(page: Page, decision: str) -> bool:
    """Whether the post that is shown has this decision."""
    return f"Decision: {decision}" in page.browser.text()


def decide_by(page: Page, key: str) -> str:
    """Presses a key at the post under review, which the next one then follows."""
    post = page.wait_for(lambda: shown(page), "a post to decide on")
    page.browser.press(key)
    page.wait_for(lambda: shown(page) not in ("", post), "the next post")
    return post


def remove_and_undo(page: Page) -> None:
    """Decides on the post that was opened, and takes it back: no error is shown meanwhile."""
    for key, decision in (("d", "remove"), ("z", "none yet")):
        page.wait_for(lambda: page.browser.run(CAN_KEEP), "decisions can be made")
        page.browser.run(WATCH_ERRORS)
        page.browser.press(key)
        decided = partial(told_of, page, decision)
        page.wait_for(decided, f"{key}: the post stays, with its decision")
        assert page.browser.run("return window.errors") == []


def ask_for(page: Page, post: str) -> None:
    """Puts another id into the field for one."""
    page.wait_for(lambda: page.browser.focus("Post"), "the field is there")
    page.browser.run("document.activeElement.select()")
    page.browser.press("Backspace", *post, "Enter")
    page.browser.run("document.activeElement.blur()")


def keep_picture(page: Page, name: str) -> None:
    """Keeps a picture of the page for people, where one is asked for."""
    folder = os.environ.get("PAGE_PICTURES")
    if folder:
        Path(folder, f"{name}.png").write_bytes(page.browser.picture())


def test_the_view_and_the_filters_survive_new_posts_and_a_reload(page: Page) -> None:
    page.add(1, 200)
    page.open()
    page.wait_for(lambda: page.browser.click("[role=radio]", "Posts"), "the view can be chosen")
    page.wait_for(lambda: page.browser.focus("Author"), "the filter is there")
    page.browser.press(*"author 3", "Enter")
    before = page.sql("SELECT count(*) FROM scored_posts WHERE flagged AND author = 'author 3'")
    found(page, before)
    page.add(201, 300)
    after = page.sql("SELECT count(*) FROM scored_posts WHERE flagged AND author = 'author 3'")
    assert after != before
    found(page, after)
    assert page.browser.ids(ROWS)
    page.browser.run("location.reload()")
    found(page, after)
    keep_picture(page, "posts")


def test_the_oldest_flagged_of_many_is_found(page: Page) -> None:
    page.add(1, 3000)
    page.open("?view=Posts&order=oldest")
    found(page, "500+")
    assert page.browser.ids(ROWS)[0] == "p0000050"
    page.open("?view=Posts")
    found(page, "500+")
    seen = page.browser.ids(ROWS)
    page.browser.run("document.activeElement.blur()")
    page.browser.press("Right")
    page.wait_for(lambda: "page 2." in page.browser.text(), "the next page by its key")
    page.wait_for(lambda: not set(seen) & set(page.browser.ids(ROWS)), "other posts")
    page.browser.press("Left")
    page.wait_for(lambda: page.browser.ids(ROWS) == seen, "the page before by its key")


def test_words_that_many_captions_have_are_found_page_by_page(page: Page) -> None:
    page.add(1, 5000)
    page.open("?view=Posts&search=2777")
    found(page, "1")
    page.open("?view=Posts&search=caption&order=oldest")
    seen = page.wait_for(lambda: page.browser.ids(ROWS), "the first of them")
    assert seen[0] == "p0000050"
    page.browser.run("document.activeElement.blur()")
    page.browser.press("Right")
    page.wait_for(lambda: "Page 2." in page.browser.text(), "the next page")
    page.wait_for(lambda: page.browser.ids(ROWS)[:1] == ["p0000075"], "it goes on there")
    page.open("?view=Review&who=Mai&search=caption+-evil")
    page.wait_for(lambda: "No post is left" in page.browser.text(), "all were looked at")


def test_ten_posts_are_reviewed_by_keyboard_alone(page: Page) -> None:
    page.add(1, 100)
    page.open("?view=Review")
    page.wait_for(lambda: page.browser.focus("Your name, for decisions"), "a name can be given")
    page.browser.press(*"Mai", "Enter", "Tab")
    page.wait_for(lambda: page.browser.run(CAN_KEEP), "decisions can be made")
    decided = [decide_by(page, key) for key in "kdukdukduk"]
    assert decided == [f"p{n:07d}" for n in range(99, 89, -1)]
    keep_picture(page, "review")
    trail = "SELECT string_agg(after, ' ' ORDER BY number) FROM decisions WHERE decided_by = 'Mai'"
    names = {"k": "keep", "d": "remove", "u": "unsure"}
    assert page.sql(trail).split() == [names[key] for key in "kdukdukduk"]
    page.browser.press("z")
    page.wait_for(lambda: shown(page) == decided[-1], "the last one again")
    last = "SELECT before || ' ' || coalesce(after, 'nothing') FROM decisions ORDER BY number DESC"
    assert page.sql(f"{last} LIMIT 1") == "keep nothing"
    page.compose("restart", "dashboard")
    page.open("?view=Posts&decision=remove")
    found(page, "3")


def test_a_post_of_the_list_is_decided_on_where_it_is_opened(page: Page) -> None:
    page.add(1, 100)
    page.open("?view=Posts&who=Mai")
    page.wait_for(lambda: page.browser.click(f"{ROWS} a", "caption 98"), "a post of the list")
    page.wait_for(lambda: shown(page) == "p0000098", "it is opened")
    remove_and_undo(page)
    trail = "SELECT string_agg(coalesce(after, 'nothing'), ' ' ORDER BY number) FROM decisions"
    assert page.sql(trail) == "remove nothing"


def test_what_is_decided_on_a_post_that_is_asked_for_changes_no_turn(page: Page) -> None:
    page.add(1, 100)
    page.open("?view=Review&who=Mai")
    page.wait_for(lambda: shown(page) == "p0000099", "the first has its turn")
    ask_for(page, "p0000098")
    page.wait_for(lambda: shown(page) == "p0000098", "it is there")
    remove_and_undo(page)
    ask_for(page, "")
    page.wait_for(lambda: shown(page) not in ("", "p0000098"), "the review again")
    assert shown(page) == "p0000099"


def test_a_decision_that_was_not_seen_is_not_overwritten(page: Page) -> None:
    page.add(1, 100)
    page.open("?view=Review&who=Mai")
    post = page.wait_for(lambda: shown(page), "a post to decide on")
    page.sql(f"SELECT decide('{post}', 'keep', 'Another', NULL)")
    # Before the page draws itself again, or after: what counts is the trail.
    page.wait_for(lambda: page.browser.click("button", "Remove"), "the button is there")
    page.wait_for(lambda: "decided" in page.browser.text() or shown(page) != post, "it says so")
    assert (
        page.sql(f"SELECT count(*) FROM decisions WHERE post_id = '{post}' AND before IS NULL")
        == "1"
    )


def test_a_post_changed_after_its_decision_is_undecided_again(page: Page) -> None:
    page.add(99, 99)
    page.sql("SELECT decide('p0000099', 'keep', 'Mai', NULL)")
    page.sql("UPDATE scored_posts SET score = 0.98")
    assert page.sql("SELECT decision FROM scored_posts") == "keep"
    page.sql("UPDATE scored_posts SET caption = 'something else'")
    assert page.sql("SELECT decision IS NULL FROM scored_posts") == "t"
    page.open("?post=p0000099")
    page.wait_for(
        lambda: "(the post was changed), keep" in page.browser.text(), "the trail says so"
    )


def test_the_database_goes_away_and_comes_back(page: Page) -> None:
    page.add(1, 100)
    for query in ("", "?view=Review", "?view=Posts", "?post=p0000007"):
        page.compose("stop", "postgres")
        page.open(query)
        page.wait_for(lambda: AWAY in page.browser.text(), f"{query}: it says so")
        page.compose("start", "postgres")
        page.wait_for(lambda: AWAY not in page.browser.text(), f"{query}: it is back by itself")
        page.wait_for(lambda: page.browser.ids(SOMETHING), f"{query}: posts")


def test_an_empty_table_and_a_post_that_is_none(page: Page) -> None:
    page.open()
    page.wait_for(lambda: "Nothing has been scored yet" in page.browser.text(), "it says so")
    page.open("?view=Review")
    page.wait_for(lambda: "No post is left" in page.browser.text(), "it says so")
    page.open("?post=%5Bx%5D(http%3A%2F%2Fevil)%3Cb%3Ey")
    page.wait_for(lambda: "No post [x](http://evil)<b>y has been" in page.browser.text(), "as text")
    assert page.browser.run("return document.querySelector('a[href*=evil]') === null")


def test_the_sign_goes_out_when_no_post_comes_and_checks_are_in_no_figure(page: Page) -> None:
    page.add(1, 100)
    page.sql(
        "INSERT INTO scored_posts SELECT 'check', 'verify', caption, language, video_url,"
        " text_score, video_score, 1, true, fusion, text_weight, threshold, code_version,"
        " posted_at, crawled_at, scored_at FROM scored_posts LIMIT 1"
    )
    live = "return document.querySelector('.last-sign')?.dataset.live"
    page.open()
    page.wait_for(lambda: page.browser.run(live) == "on", "the sign is on")
    page.wait_for(
        lambda: "POSTS SCORED\n100\n" in page.browser.text().upper(), "no check is counted"
    )
    keep_picture(page, "overview")
    page.sql("UPDATE scored_posts SET scored_at = scored_at - interval '9 days'")
    page.wait_for(lambda: page.browser.run(live) == "off", "the sign is off")
    assert "9 d ago" in page.browser.text()
    assert " UTC" in page.browser.text()


def low_contrasts(page: Page) -> dict[str, float]:
    """The texts that are hard to read."""
    result = page.browser.contrasts()
    return {text: ratio for text, ratio in result.items() if ratio < LEAST_CONTRAST}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_can_be_read(page: Page, scheme: str) -> None:
    page.add(1, 100)
    page.browser.scheme(scheme)
    try:
        for query in ("?view=Overview", "?view=Review&who=Mai", "?view=Posts", "?post=p0000099"):
            page.open(query)
            page.wait_for(lambda: page.browser.count(SOMETHING), "posts are there")
            assert low_contrasts(page) == {}, query
            assert page.browser.run("return document.querySelectorAll('canvas').length") == 0
    finally:
        page.browser.scheme("light")


def test_what_is_being_drawn_again_can_be_read_meanwhile(page: Page) -> None:
    page.compose("stop", "postgres")
    try:
        page.open()
        page.wait_for(lambda: AWAY in page.browser.text(), "it says so")
        # Long enough for what fades to have faded.
        faded = "return document.querySelector('[data-stale=true]')?.getAnimations().length === 0"
        page.wait_for(lambda: page.browser.run(faded), "it is drawn again")
        assert low_contrasts(page) == {}
    finally:
        page.compose("start", "postgres")
        page.wait_for(lambda: AWAY not in page.browser.text(), "it is back by itself")


def test_the_clip_plays_beside_its_post(page: Page) -> None:
    page.add(99, 99)
    page.sql("UPDATE scored_posts SET video_url = 'http://feed:8000/clips/post-001.mp4'")
    page.open("?view=Review&who=Mai")
    plays = "return document.querySelector('video')?.currentTime > 0"
    page.wait_for(lambda: page.browser.run(plays), "the clip plays")
