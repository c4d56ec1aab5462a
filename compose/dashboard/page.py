"""The dashboard's page: an overview, the review, all posts, the models; one post with ?post=ID."""

import functools
import os
from collections.abc import Callable
from html import escape
from pathlib import Path
from urllib.parse import urlencode

import streamlit as st

import charts
import curves
import quality
import queries
import review
from card import at_most, how_scored, sign
from connection import store
from finding import Page
from listing import as_csv, table
from pages import Pages
from queries import Filter, Row
from store import Overview, Unavailable

HERE = Path(__file__).parent
REFRESH_SECONDS = 3
PAGE_ROWS = 25
CSV_ROWS = 50_000
# Crawls without a new post, after which the sign goes out.
QUIET_CRAWLS = 3
AWAY = (
    '<p class="away" role="status">The database does not answer.'
    f" This page asks again every {REFRESH_SECONDS} seconds, by itself.</p>"
)
VIEWS = ("Overview", "Review", "Posts", "Models")


def refreshed(draw: Callable[..., None]) -> Callable[..., None]:
    """A part of the page that is drawn again by itself, also while the database is away."""

    @st.fragment(run_every=REFRESH_SECONDS)
    @functools.wraps(draw)
    def part(*given: object) -> None:
        try:
            draw(*given)
        except Unavailable:
            st.html(AWAY)

    return part


@st.cache_data(ttl=REFRESH_SECONDS - 1, show_spinner=False)
def overview_of_all() -> Overview:
    """Read once for however many look at the page."""
    return store().overview()


@refreshed
def overview() -> None:
    """The figures and the charts."""
    found = overview_of_all()
    quiet = QUIET_CRAWLS * 60 * int(os.environ.get("CRAWL_MINUTES", "5"))
    st.html(sign(found.totals.last_scored, quiet))
    if not found.latest:
        st.html("<p>Nothing has been scored yet. The first posts come with the first crawl.</p>")
        return
    st.html(figures(found, found.latest[0]))
    st.html('<h2 class="chart-title">What a threshold flags</h2>')
    now = float(found.latest[0]["threshold"])
    tried = st.slider(
        "Threshold to try", 0.0, 1.0, now, 0.01, key="threshold", persist_state="session"
    )
    total = sum(row["posts"] for row in found.scores)
    would, does = charts.would_flag(found.scores, tried), charts.would_flag(found.scores, now)
    st.html(
        f'<p id="would-flag">From {tried:.2f} on it would flag <strong>{would:,}</strong> of the '
        f"newest {total:,} posts; from {now:.2f}, as now, {does:,}.</p>"
    )
    left, middle, right = st.columns(3)
    left.html(
        '<h2 class="chart-title">Scores, and the threshold tried</h2>'
        + charts.histogram(found.scores, tried)
    )
    middle.html(
        '<h2 class="chart-title">Posts scored over time</h2>' + charts.over_time(found.over_time)
    )
    right.html(
        '<h2 class="chart-title">Text against video</h2>' + charts.text_against_video(found.latest)
    )


def figures(found: Overview, newest: Row) -> str:
    """The row of numbers."""
    totals = found.totals
    average = "–" if totals.average is None else f"{totals.average:.2f}"
    share = f"{totals.flagged / totals.posts:.0%} of all" if totals.posts else ""
    numbers = (
        ("Posts scored", f"{totals.posts:,}", f"by {totals.authors:,} authors"),
        ("Flagged", f"{totals.flagged:,}", share),
        ("To review", at_most(totals.waiting), "flagged, undecided"),
        ("Average score", average, "0 is harmless, 1 is not"),
        ("Threshold", f"{newest['threshold']:g}", how_scored(newest)),
    )
    inner = "".join(
        f"<div><dt>{name}</dt><dd>{number}</dd><dd>{more}</dd></div>"
        for name, number, more in numbers
    )
    return f'<dl class="figures">{inner}</dl>'


def told(found: Page, pages: Pages) -> str:
    """How many there are, and what page of them this is."""
    if found.found is not None:
        return f"{at_most(found.found)} found, page {pages.number}."
    if pages.is_growing(found):
        return f"Page {pages.number}: {len(found.rows)} found so far, looking further."
    return f"Page {pages.number}."


@refreshed
def posts(wanted: Filter) -> None:
    """The posts of the filter, a page at a time."""
    order = st.selectbox(
        "Sorted by", list(queries.ORDERS), key="order", bind="query-params", persist_state="session"
    )
    pages: Pages | None = st.session_state.get("pages")
    if pages is None or (pages.wanted, pages.order) != (wanted, order):
        pages = st.session_state.pages = Pages(wanted, order, PAGE_ROWS)
    found = pages.drawn(lambda after, limit: store().posts(wanted, order, after, limit))
    st.html(f'<p id="found">{told(found, pages)}</p>')
    if found.rows:
        st.html(table(found.rows, link))
    turning = st.container(horizontal=True)
    turning.button(
        "Page before",
        shortcut="Left",
        disabled=pages.number == 1,
        on_click=pages.before,
        key="before",
    )
    turning.button(
        "Next page",
        shortcut="Right",
        disabled=found.last is None or pages.is_growing(found),
        on_click=pages.next,
        args=(found.last,),
        key="after",
    )
    turning.download_button(
        f"CSV of these, {CSV_ROWS:,} rows at most",
        lambda: as_csv(store().all_posts(wanted, order, CSV_ROWS)),
        "posts.csv",
        "text/csv",
        on_click="ignore",
        key="csv",
    )


@refreshed
def one_post(post_id: str) -> None:
    """The post that was asked for, as soon as it is there."""
    row = store().one(post_id)
    if row is None:
        st.html(
            f"<p>No post <code>{escape(post_id)}</code> has been scored yet."
            " This page looks again by itself.</p>"
        )
        return
    review.draw_one(store(), row)


@refreshed
def reviewed(wanted: Filter) -> None:
    """Posts to decide on, one at a time."""
    review.draw(store(), wanted)


@refreshed
def models() -> None:
    """How good the models in use are."""
    found = store().models()
    if found is None:
        st.html("<p>No job has used any models yet.</p>")
        return
    st.html(quality.told(found))
    parts = quality.measured(found)
    if not parts:
        st.html("<p>Their manifest tells no figures of them.</p>")
        return
    names = list(dict.fromkeys(name for groups in parts.values() for name in groups))
    group = st.selectbox("Curves of", names, key="group", bind="query-params")
    for title, groups in parts.items():
        st.html(quality.table(title, groups))
        if group in groups:
            # st.html takes SVG out; there is no text here but words of ours, escaped ones apart.
            st.markdown(curves.drawn(f"{title}, {group}", groups[group]), unsafe_allow_html=True)


def link(post_id: str) -> str:
    """The address of a post; everything else stays as it is chosen."""
    return "?" + urlencode({**st.query_params.to_dict(), "post": post_id})


def chosen() -> Filter:
    """What the reader has set at the side: kept in the address, so that a reload keeps it too."""
    with st.sidebar:
        st.html('<h2 class="chart-title">Filter of Review and Posts</h2>')
        search = st.text_input("Words of the caption", key="search", bind="query-params")
        author = st.text_input("Author", key="author", bind="query-params")
        language = st.text_input("Language", key="language", bind="query-params")
        verdict = st.selectbox(
            "Verdict", (*queries.VERDICTS, "any"), key="verdict", bind="query-params"
        )
        decision = st.selectbox(
            "Decision",
            (*queries.DECISIONS, "any"),
            key="decision",
            bind="query-params",
        )
        low, high = st.slider("Score", 0.0, 1.0, (0.0, 1.0), 0.01, key="score", bind="query-params")
        hours = st.selectbox("Scored", list(queries.HOURS), key="hours", bind="query-params")
    return Filter(
        search=search or "",
        author=author or "",
        language=language or "",
        verdict=verdict,
        decision=decision,
        low=low,
        high=high,
        hours=queries.HOURS[hours],
    )


def main() -> None:
    """The page, from top to bottom."""
    st.set_page_config(page_title="TikTok Safety", page_icon="🛡️", layout="wide")
    st.html(HERE / "page.css")
    wanted = chosen()
    heading, search = st.columns([3, 2], vertical_alignment="center")
    heading.html('<h1 class="safety-title">TikTok Safety</h1>')
    asked = search.text_input(
        "Post",
        key="post",
        bind="query-params",
        placeholder="Find a post by its id",
        label_visibility="collapsed",
    )
    post_id = (asked or "").strip()
    if post_id:
        others = {name: value for name, value in st.query_params.items() if name != "post"}
        address = escape("?" + urlencode(others))
        st.html(f'<a class="back" href="{address}" target="_self">← all posts</a>')
        one_post(post_id)
        return
    view = st.segmented_control(
        "View",
        VIEWS,
        default=VIEWS[0],
        required=True,
        key="view",
        bind="query-params",
        label_visibility="collapsed",
    )
    if view == "Review":
        reviewed(wanted)
    elif view == "Posts":
        posts(wanted)
    elif view == "Models":
        models()
    else:
        overview()


main()
