"""What the dashboard shows and asks, as values."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

import charts
import curves
import finding
import pages
import quality
import queries
import words
from card import card, moment, sign, trail
from clips import clip, inside
from listing import as_csv, table
from queries import Filter
from turn import Find, Turn

EVIL = '=1+1 <b>[x](http://evil)</b>"'
WHEN = datetime(2026, 3, 1, 12, 30, tzinfo=timezone(timedelta(hours=7)))


def a_row(**changes: Any) -> queries.Row:
    """A row as the database gives it."""
    return {
        "post_id": "p1",
        "author": "mai",
        "caption": "a caption",
        "language": "vi",
        "video_url": "http://feed:8000/clips/p1.mp4",
        "text_score": 0.25,
        "video_score": 0.75,
        "score": 0.6,
        "flagged": True,
        "fusion": True,
        "text_weight": 0.3,
        "threshold": 0.5,
        "code_version": "c0de",
        "posted_at": WHEN,
        "scored_at": WHEN,
        "deleted_at": None,
        "decision": None,
        **changes,
    }


def test_no_text_of_a_post_is_markup_or_a_formula() -> None:
    names = ("post_id", "author", "caption", "language", "code_version")
    row = a_row(**dict.fromkeys(names, EVIL))
    line = {"decided_at": WHEN, "decided_by": EVIL, "before": None, "after": "keep"}
    for shown in (card(row), table([row], lambda post_id: f"?post={post_id}"), trail([line])):
        assert "<b>[" not in shown
        assert "&lt;b&gt;[x](http://evil)&lt;/b&gt;&quot;" in shown
    assert "<b>[" not in charts.text_against_video([row])
    cells = list(csv.DictReader(io.StringIO(as_csv([row]))))
    assert cells[0]["caption"] == f"'{EVIL}"
    assert cells[0]["score"] == "0.6"
    assert cells[0]["scored_at"] == "2026-03-01T12:30:00+07:00"


def test_a_time_has_its_date_and_its_zone() -> None:
    assert moment(WHEN) == (
        '<time datetime="2026-03-01T05:30:00+00:00">2026-03-01 05:30:00 UTC</time>'
    )


@pytest.mark.parametrize(
    ("before_now", "state", "words"),
    [
        (None, "off", "waiting for the first post"),
        (timedelta(seconds=5), "on", "last post scored"),
        (timedelta(days=9), "off", "no new post: the last was scored 9 d ago"),
    ],
)
def test_the_sign_is_on_for_a_while_after_a_post(
    before_now: timedelta | None, state: str, words: str
) -> None:
    last = None if before_now is None else datetime.now(timezone.utc) - before_now
    shown = sign(last, 900)
    assert f'data-live="{state}"' in shown
    assert words in shown


def test_a_threshold_flags_what_has_its_score_or_more() -> None:
    scores = [
        {"cent": 28, "flagged": False, "posts": 5},
        {"cent": 29, "flagged": False, "posts": 2},
        {"cent": 100, "flagged": True, "posts": 1},
    ]
    assert [charts.would_flag(scores, at) for at in (0.0, 0.29, 0.3, 1.0)] == [8, 3, 1, 1]
    assert "Scores of the newest 8 posts: 1 of them flagged" in charts.histogram(scores, 0.29)


def test_a_filter_is_conditions_and_values_that_stand_apart() -> None:
    wanted = Filter("", f" @{EVIL} ", "vi", "any", "keep", low=0.2, high=0.9, hours=24)
    given = [EVIL, "vi", 0.2, 0.9, 24]
    counted = queries.count(wanted)
    assert counted[1] == [*given, queries.COUNTED + 1] * 2
    many = {(True, "keep"): queries.COUNTED + 1, (False, "keep"): queries.COUNTED}
    listed = queries.posts(wanted, "oldest", a_row(), 7, many)
    assert listed[1] == [*given, WHEN, "p1", 7, *given, WHEN, "p1", 7]
    searched = replace(wanted, search=EVIL)
    looked = words.look(searched, "oldest", a_row(), 7)
    assert looked[1] == [EVIL, *given, *[24, WHEN, "p1", words.LOOKED] * 2, 7]
    among = [words.narrowed(searched, column) for column in words.narrowing(searched)]
    pages = [words.few(few, searched, "oldest", a_row(), 7) for few in among]
    assert len(among) == len(queries.NARROWING)
    for text, values in (counted, listed, looked, *among, *pages):
        assert text.count("%s") == len(values)
        assert "evil" not in text
    walked, sorted_then = listed[0].split(" UNION ALL ")
    assert "(scored_at, post_id) > (%s, %s)" in walked
    assert walked.endswith("ORDER BY scored_at ASC, post_id ASC LIMIT %s)")
    assert sorted_then.partition(")")[0].count("LIMIT") == 0


def answering(*looks: list[queries.Row], rows: float = 1e6) -> tuple[finding.Ask, list[str]]:
    """A database where a word is so common, and looks give these rows; and what it was asked."""
    asked: list[str] = []
    left = iter(looks)

    def ask(query: queries.Query) -> list[queries.Row]:
        asked.append(query[0])
        if "querytree" in query[0]:
            return [{"words": "'a'"}]
        if query[0].startswith("EXPLAIN"):
            return [{"QUERY PLAN": [{"Plan": {"Plan Rows": rows}}]}]
        return next(left)

    return ask, asked


def looked_at(number: int, wanted: bool) -> queries.Row:
    return a_row(post_id=f"p{number}", number=number, wanted=wanted)


def test_common_words_are_looked_for_until_a_page_is_full() -> None:
    last = looked_at(words.LOOKED, wanted=False)
    results = [looked_at(number, wanted=True) for number in range(1, 5)]
    ask, asked = answering([results[0], last], [results[1], last], results[2:])
    page = finding.find(ask, Filter("a"), "newest", None, 3)
    assert (page.rows, page.last, page.found) == (results[:3], results[2], None)
    assert len(asked) == 2 + 3
    ask, asked = answering([results[0], last], [results[1]])
    page = finding.find(ask, Filter("a"), "newest", None, 3)
    assert (page.rows, page.last, page.found) == (results[:2], None, 2)
    ask, asked = answering([results[0], last], [results[1]])
    page = finding.find(ask, Filter("a"), "newest", results[3], 3)
    assert (page.rows, page.last, page.found) == (results[:2], None, None)


def test_a_page_of_words_that_are_not_found_ends_somewhere_and_the_next_goes_on_from_there() -> (
    None
):
    last = looked_at(words.LOOKED, wanted=False)
    ask, asked = answering(*[[last]] * finding.LOOKS)
    page = finding.find(ask, Filter("a"), "newest", None, 3)
    assert (page.rows, page.last) == ([], last)
    assert len(asked) == 2 + finding.LOOKS


def test_all_posts_with_rare_words_are_looked_at_and_counted() -> None:
    result = [{**a_row(), "found": 2}] * 2
    ask, asked = answering([{"posts": 7}], result[:2], rows=9)
    page = finding.find(ask, Filter("a"), "newest", None, 1)
    assert (page.rows, page.last, page.found) == (result[:1], result[0], 2)
    assert "count(*) OVER ()" in asked[-1]


@pytest.mark.parametrize(
    ("tree", "parts"),
    [
        ("'w0' & 'a' <-> 'b''c'", ["'w0'", "'a'", "'b''c'"]),
        ("'a' | 'b'", ["'a' | 'b'"]),
        ("T", []),
        ("", []),
    ],
)
def test_the_rarest_word_counts_where_all_are_wanted(tree: str, parts: list[str]) -> None:
    assert words.each(tree) == parts


@pytest.mark.parametrize(
    ("wanted", "kinds"),
    [
        (Filter(), [(True, "undecided")]),
        (Filter(decision="keep", verdict="any"), [(True, "keep"), (False, "keep")]),
        (Filter(decision="any", verdict="clear"), [(False, one) for one in queries.DECISIONS]),
    ],
)
def test_a_filter_is_counted_in_the_parts_of_the_indexes_that_it_takes(
    wanted: Filter, kinds: list[queries.Kind]
) -> None:
    assert queries.kinds(wanted) == kinds
    assert queries.count(wanted)[0].count("SELECT count(*)") == 0
    assert queries.count(wanted)[0].count("count(*) AS posts") == len(kinds)


def test_posts_of_checks_are_in_no_list_unless_they_are_asked_for() -> None:
    text, values = queries.count(Filter())
    assert "author <> %s" in text
    assert values == [queries.CHECKS, queries.COUNTED + 1]
    assert "author = %s" in queries.count(Filter(author="verify"))[0]


def test_only_a_clip_of_the_hosts_named_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    assert inside("feed:8000", "other, feed:8000")
    assert inside("Feed:9", "feed")
    assert not inside("feed:9", "feed:8000")
    assert not inside("feed:8000@evil", "feed:8000")
    assert not inside("", "")
    monkeypatch.setenv("CLIP_HOSTS", "feed:8000")
    assert clip("https://example.com/a.mp4") == "https://example.com/a.mp4"
    assert clip("file:///etc/passwd") is None
    assert clip("javascript:alert(1)") is None
    assert clip("http://[") is None


def test_the_figures_of_models_are_shown_whatever_their_manifest_holds() -> None:
    figures = {"count": 1200, "unsafe": 3, "precision": 0.75, "recall": 1.0, "roc_auc": None}
    metrics = {"fusion": {**figures, "by_language": {EVIL: figures}, "by_class": {"dare": 7}}}
    row = {"model": EVIL, "metrics": metrics, "used_at": WHEN}
    ((title, groups),) = quality.measured(row).items()
    assert list(groups) == ["all", f"language {EVIL}"]
    shown = quality.told(row) + quality.table(title, groups)
    assert "<b>[" not in shown
    assert "<td>1,200</td><td>3</td><td>0.750</td><td>1.000</td><td>—</td><td>—</td>" in shown
    assert shown.count('<th scope="row">') == 2
    others: list[Any] = [None, [], 7, {}, {"fusion": "good"}, {"text": {}}]
    for other in others:
        assert quality.measured({**row, "metrics": other}) == {}


def test_a_curve_has_its_points_as_a_line_as_words_and_as_a_table() -> None:
    curve = {
        "threshold": [0, 0.5, 1],
        "precision": [0.5, 0.75, None],
        "recall": [1, 0.5, 0],
        "false_positives": [1, 0.25, 0],
    }
    shown = curves.drawn(f"a\n\n{EVIL}", {"roc_auc": 0.875, "curve": curve})
    assert "<b>[" not in shown
    assert "\n" not in shown
    roc, precision = re.findall('points="(.*?)"', shown)
    assert roc == "200.0,0.0 50.0,100.0 0.0,200.0"
    assert precision == "200.0,100.0 100.0,50.0"
    assert "Area 0.875. from 0.00 on false positives 1.00, recall 1.00" in shown
    assert "<td>0.50</td><td>0.75</td><td>0.50</td><td>0.25</td>" in shown
    assert "<td>1.00</td><td>—</td><td>0.00</td><td>0.00</td>" in shown


@pytest.mark.parametrize(
    "curve",
    [
        None,
        [{"threshold": 0.5}],
        {"threshold": [0.5], "precision": [1], "recall": [1]},
        {"threshold": [0.5], "precision": [1], "recall": [1], "false_positives": []},
        {"threshold": [0.5], "precision": [1], "recall": ["<b>"], "false_positives": [1]},
        {"threshold": [0.5], "precision": [1], "recall": [7], "false_positives": [1]},
        {"threshold": [], "precision": [], "recall": [], "false_positives": []},
    ],
)
def test_a_curve_that_makes_no_sense_is_not_drawn(curve: Any) -> None:
    assert curves.drawn("all", {"curve": curve}) == ""


def test_a_curve_of_one_side_alone_says_so() -> None:
    curve = {
        "threshold": [0, 1],
        "precision": [None, None],
        "recall": [None, None],
        "false_positives": [1, 0],
    }
    assert curves.drawn("all", {"curve": curve}).count("there is nothing to compare") == 2


def looking(result: dict[float, bool], at_once: int) -> Find:
    """Finds posts by score, which are wanted or not, and looks at so many."""

    def find(after: queries.Row | None) -> finding.Page:
        scores = [s for s in sorted(result, reverse=True) if after is None or s < after["score"]]
        looked = scores[:at_once]
        rows = [a_row(post_id=f"p{score}", score=score) for score in looked if result[score]]
        is_all = len(looked) == len(scores)
        return finding.Page(rows[:1], None if is_all else a_row(score=looked[-1]))

    return find


def next_id(turn: Turn, find: Find) -> str | None:
    row = turn.next(find)
    assert turn.shown == (row and row["post_id"])
    return turn.shown


def test_a_post_that_came_before_those_looked_at_has_its_turn_before_none_is_left() -> None:
    results = {0.9: False, 0.8: False, 0.7: False, 0.6: False, 0.5: False}
    find, turn = looking(results, at_once=2), Turn(Filter("a"))
    assert [(next_id(turn, find), turn.none_left) for _ in range(2)] == [(None, False)] * 2
    results[0.95] = True
    assert (next_id(turn, find), turn.none_left) == ("p0.95", False)
    results.pop(0.95)
    turn.decided(a_row(score=0.95))
    assert [(next_id(turn, find), turn.none_left) for _ in range(4)] == [(None, True)] * 4
    results[0.65] = True
    assert [next_id(turn, find) for _ in range(2)] == [None, "p0.65"]
    assert not turn.none_left


def test_what_the_reader_is_past_has_no_turn_until_from_the_top() -> None:
    results = {0.9: True, 0.8: True, 0.7: False, 0.6: False}
    find, turn = looking(results, at_once=1), Turn(Filter("a"))
    for passed in (0.9, 0.8):
        assert next_id(turn, find) == f"p{passed}"
        turn.go_on(a_row(score=passed))
    assert [next_id(turn, find) for _ in range(2)] == [None, None]
    assert turn.none_left
    results[0.9] = False
    turn.go_on(None)
    assert (next_id(turn, find), turn.none_left) == (None, False)
    assert next_id(turn, find) == "p0.8"


@pytest.mark.parametrize(("decision", "then"), [("undecided", "p0.9"), ("any", "p0.7")])
def test_a_post_decided_on_does_not_come_again_at_once(decision: str, then: str) -> None:
    find = looking({0.9: True, 0.8: True, 0.7: True}, at_once=3)
    turn = Turn(Filter(decision=decision))
    turn.decided(a_row(score=0.8))
    assert next_id(turn, find) == then


def finds(scores: dict[float, bool], at_once: int) -> pages.Find:
    """As :func:`looking`, with as many posts as are asked for."""
    next_one = looking(scores, at_once=1)

    def find(after: queries.Row | None, limit: int) -> finding.Page:
        rows: list[queries.Row] = []
        begins, place = after is None, after
        for _ in range(at_once):
            page = next_one(place)
            rows, place = rows + page.rows, page.last
            if place is None:
                return finding.Page(rows, None, len(rows) if begins else None)
            if len(rows) == limit:
                break
        return finding.Page(rows, place)

    return find


def ids_of(page: finding.Page) -> list[str]:
    return [row["post_id"] for row in page.rows]


def test_a_page_whose_posts_are_rare_grows_until_it_is_complete_and_stays_meanwhile() -> None:
    scores = {number / 10: number in {9, 5, 2} for number in range(10)}
    at = pages.Pages(Filter("a"), "highest score", limit=2)
    find = finds(scores, at_once=3)
    drawn = [at.drawn(find) for _ in range(2)]
    assert [(ids_of(page), at.is_growing(page)) for page in drawn] == [
        (["p0.9"], True),
        (["p0.9", "p0.5"], False),
    ]
    scores[0.9], scores[0.8] = False, True
    drawn = [at.drawn(find) for _ in range(2)]
    assert [ids_of(page) for page in drawn] == [["p0.9", "p0.5"], ["p0.8", "p0.5"]]
    at.next(drawn[-1].last)
    drawn = [at.drawn(find) for _ in range(2)]
    assert [(ids_of(page), page.last) for page in drawn][-1] == (["p0.2"], None)
    assert (at.number, drawn[-1].found, at.is_growing(drawn[-1])) == (2, None, False)
    for _ in range(2):
        at.before()
        assert (at.number, ids_of(at.drawn(find))) == (1, ["p0.8"])


@pytest.mark.parametrize("at_once", [1, 4, 20])
def test_all_that_are_found_from_the_top_are_counted(at_once: int) -> None:
    scores = {number / 10: number == 3 for number in range(10)}
    at = pages.Pages(Filter("a"), "highest score", limit=2)
    drawn = [at.drawn(finds(scores, at_once)) for _ in range(10)]
    assert {page.found for page in drawn[:1] if at_once == 20} <= {1}
    assert (ids_of(drawn[-1]), drawn[-1].found) == (["p0.3"], 1)
    assert [at.is_growing(page) for page in drawn].index(False) == -(-10 // at_once) - 1
