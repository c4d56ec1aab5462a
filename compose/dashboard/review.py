"""The review: flagged posts by score, one at a time, decided on by a button or its key.

The post that is shown stays until it is decided on or passed over, whatever comes meanwhile. There
is no login: a name is taken on trust, and stands in the trail.
"""

from html import escape

import streamlit as st

from card import card, trail
from clips import clip
from queries import Filter, Row
from store import Store, Unavailable

KEYS = {"keep": "K", "remove": "D", "unsure": "U"}
ORDER = "highest score"
NOTHING_LEFT = "No post is left that the filter finds."


def draw(store: Store, wanted: Filter) -> None:
    """The post whose turn it is, and what can be done with it."""
    state = st.session_state
    # Right before the buttons: one Tab leaves the field, and letters are keys again.
    name = st.text_input(
        "Your name, for decisions", key="who", bind="query-params", persist_state="session"
    )
    who = (name or "").strip()
    if state.get("review_of") != wanted:
        state.review_of, state.passed, state.shown = wanted, None, None
    state.setdefault("done", [])
    row, goes_on = _turn(store, wanted)
    said = state.get("said", "")
    if said:
        st.html(f'<p id="said" role="status">{escape(said)}</p>')
    if not who:
        st.html("<p>Give your name to decide: it stands in the trail.</p>")
    if row is None:
        nothing = "None found yet, looking further." if goes_on else NOTHING_LEFT
        st.html(f'<p id="nothing-left">{nothing}</p>')
    _buttons(store, wanted, who, row)
    if row is not None:
        video, words = st.columns([1, 2])
        with video:
            play(row["video_url"])
        words.html(card(row) + trail(store.trail(row["post_id"])))


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def _fetched(url: str) -> bytes | str | None:
    return clip(url)


def play(url: str) -> None:
    """The clip, or a sentence in its place."""
    found = _fetched(url)
    if found is None:
        st.html("<p>Its clip can't be had.</p>")
    else:
        st.video(found, muted=True, autoplay=True, loop=True, alt="The post's clip")


def _turn(store: Store, wanted: Filter) -> tuple[Row | None, bool]:
    """The post whose turn it is; where there is none, whether the next drawing looks further."""
    state = st.session_state
    row = store.one(state.shown) if state.shown else None
    goes_on = False
    if row is None:
        found = store.posts(wanted, ORDER, state.passed, 1)
        row = found.rows[0] if found.rows else None
        goes_on = row is None and found.last is not None
        if goes_on:
            # What has been looked at is not looked at again.
            state.passed = found.last
    state.shown = row and row["post_id"]
    return row, goes_on


def _buttons(store: Store, wanted: Filter, who: str, row: Row | None) -> None:
    # As many beside each other as there is room for.
    buttons = st.container(horizontal=True)
    for decision, key in KEYS.items():
        buttons.button(
            decision.capitalize(),
            key=decision,
            shortcut=key,
            disabled=row is None or not who,
            on_click=_decide,
            args=(store, wanted, who, row, decision),
            width="stretch",
        )
    state = st.session_state
    buttons.button(
        "Skip",
        key="skip",
        shortcut="Right",
        disabled=row is None,
        on_click=_skip,
        args=(row,),
        width="stretch",
    )
    buttons.button(
        "Undo",
        key="undo",
        shortcut="Z",
        disabled=not state.done or not who,
        on_click=_undo,
        args=(store, who),
        width="stretch",
    )
    buttons.button(
        "From the top",
        key="top",
        shortcut="T",
        disabled=state.passed is None,
        on_click=_skip,
        args=(None,),
        width="stretch",
    )


def _skip(row: Row | None) -> None:
    st.session_state.passed, st.session_state.shown, st.session_state.said = row, None, ""


def _decide(store: Store, wanted: Filter, who: str, row: Row, decision: str) -> None:
    state = st.session_state
    try:
        done = store.decide(row["post_id"], decision, who, row["decision"])
    except Unavailable:
        state.said = "Not decided: the database does not answer."
        return
    if not done:
        state.said = f"Not decided: somebody has decided on {row['post_id']} meanwhile."
        return
    state.done.append((row["post_id"], row["decision"], decision))
    state.said = f"{row['post_id']}: {decision}"
    # One that the filter still finds must not come again at once.
    state.passed = state.passed if wanted.decision == "undecided" else row
    state.shown = None


def _undo(store: Store, who: str) -> None:
    state = st.session_state
    post_id, before, after = state.done[-1]
    try:
        done = store.decide(post_id, before, who, after)
    except Unavailable:
        state.said = "Not undone: the database does not answer."
        return
    state.done.pop()
    state.shown = post_id
    state.said = (
        f"{post_id}: {before or 'undecided'} again"
        if done
        else f"Not undone: somebody has decided on {post_id} since."
    )
