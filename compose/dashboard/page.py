"""The dashboard's page: what was scored, what was flagged and why; one post with ?post=ID."""

from pathlib import Path

import charts
import pandas as pd
import streamlit as st
from card import ago, card, how_scored
from store import Row, Store, Totals, Unavailable

HERE = Path(__file__).parent
REFRESH_SECONDS = 3
TABLE_ROWS = 16
ROW_PIXELS = 35
COLUMNS = [
    "post_id",
    "caption",
    "author",
    "language",
    "score",
    "text_score",
    "video_score",
    "scored_at",
    "deleted_at",
]


@st.cache_resource
def store() -> Store:
    """One pool of connections for all who look at the page."""
    return Store.from_environment()


@st.cache_data(ttl=REFRESH_SECONDS - 1, show_spinner=False)
def overview() -> tuple[Totals, list[Row]]:
    """Totals and newest rows: read once for however many look at the page."""
    return store().totals(), store().newest()


def last_sign(totals: Totals) -> None:
    """Whether anything happens."""
    last = (
        f"last post scored {ago(totals.last_scored)}"
        if totals.last_scored
        else "waiting for the first post"
    )
    dot = "live" if totals.last_scored else "live off"
    st.html(f'<p class="last-sign"><span class="{dot}"></span>{last}</p>')


def figures(totals: Totals, newest: Row) -> None:
    """The row of numbers."""
    first, second, third, fourth = st.columns(4)
    plain = {"delta_color": "off", "delta_arrow": "off", "border": True}
    first.metric("Posts scored", f"{totals.posts:,}", f"by {totals.authors:,} authors", **plain)
    second.metric(
        "Flagged", f"{totals.flagged:,}", f"{totals.flagged / totals.posts:.0%} of all", **plain
    )
    third.metric("Average score", f"{totals.average:.2f}", "0 is harmless, 1 is not", **plain)
    fourth.metric("Threshold", f"{newest['threshold']:g}", how_scored(newest), **plain)


def table(rows: list[Row]) -> None:
    """Posts with their scores."""
    if not rows:
        st.caption("None.")
        return
    score = {"min_value": 0.0, "max_value": 1.0, "format": "%.2f", "width": "small"}
    st.dataframe(
        pd.DataFrame(rows, columns=COLUMNS),
        hide_index=True,
        height=min(TABLE_ROWS, len(rows) + 1) * ROW_PIXELS + 3,
        column_config={
            "post_id": st.column_config.TextColumn("post", width="small"),
            "caption": st.column_config.TextColumn("caption", width="large"),
            "language": st.column_config.TextColumn("lang", width=60),
            "score": st.column_config.ProgressColumn("score", **score),
            "text_score": st.column_config.NumberColumn("text", format="%.2f", width=70),
            "video_score": st.column_config.NumberColumn("video", format="%.2f", width=70),
            "scored_at": st.column_config.DatetimeColumn("scored", format="HH:mm:ss", width=90),
            "deleted_at": st.column_config.DatetimeColumn("gone", format="MMM D HH:mm", width=100),
        },
    )


@st.fragment(run_every=REFRESH_SECONDS)
def searched(post_id: str) -> None:
    """The post that was asked for, as soon as it is there."""
    try:
        row = store().one(post_id)
    except Unavailable:
        return
    if row is None:
        st.info(f"No post {post_id} has been scored yet. This page looks again by itself.")
    else:
        st.html(card(row))


@st.fragment(run_every=REFRESH_SECONDS)
def all_posts() -> None:
    """Everything else, kept fresh."""
    try:
        totals, rows = overview()
    except Unavailable as error:
        st.warning(
            f"The database does not answer; trying again every {REFRESH_SECONDS} seconds. ({error})"
        )
        return
    last_sign(totals)
    if not rows:
        st.info("Nothing has been scored yet. The first posts come with the crawler's first run.")
        return
    figures(totals, rows[0])
    left, right = st.columns(2)
    with left.container(border=True):
        st.markdown("**Scores**, and the threshold")
        st.altair_chart(charts.histogram(rows))
    with right.container(border=True):
        st.markdown("**Text against video**, one point for each post")
        st.altair_chart(charts.text_against_video(rows))
    flagged = [row for row in rows if row["flagged"]]
    one, two = st.tabs([f"Flagged · {len(flagged)}", f"All · {len(rows)}"])
    with one:
        table(sorted(flagged, key=lambda row: row["score"], reverse=True))
    with two:
        table(rows)


def main() -> None:
    """The page, from top to bottom."""
    st.set_page_config(page_title="TikTok Safety", page_icon="🛡️", layout="wide")
    st.html(HERE / "page.css")
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
        st.html('<a class="back" href="/" target="_self">← all posts</a>')
        searched(post_id)
    else:
        all_posts()


main()
