"""The review: flagged posts by score, one at a time, decided on by a button or its key.

The post that is shown stays until it is decided on or passed over, whatever comes meanwhile. There
is no login: a name is taken on trust, and stands in the trail.
"""

from collections.abc import Callable
from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from card import at_most, card, trail
from clips import clip
from queries import Filter, Row
from store import Store, Unavailable
from turn import Turn

KEYS = {"keep": "K", "remove": "D", "unsure": "U"}
ORDER = "highest score"
NOTHING_LEFT = "No post is left that the filter finds."


def draw(store: Store, wanted: Filter) -> None:
    """The post whose turn it is, and what can be done with it."""
    state = st.session_state
    who = _who()
    if "turn" not in state or state.turn.wanted != wanted:
        state.turn = Turn(wanted)
    turn: Turn = state.turn
    row = _row(store, turn)
    _told(who, store.count(wanted))
    if row is None:
        nothing = NOTHING_LEFT if turn.none_left else "None found yet, looking further."
        st.html(f'<p id="nothing-left">{nothing}</p>')
    # As many beside each other as there is room for.
    buttons = st.container(horizontal=True)
    _decisions(buttons, store, turn, who, row)
    _button(buttons, "Skip", "Right", row is not None, _go_on, turn, row)
    _undo_button(buttons, store, turn, who)
    _button(buttons, "From the top", "T", bool(turn.passed or turn.looked), _go_on, turn, None)
    if row is not None:
        _post(store, row)


def draw_one(store: Store, row: Row) -> None:
    """A post that was asked for. What is decided on it changes no turn of the review."""
    who, turn = _who(), Turn(Filter())
    _told(who, None)
    buttons = st.container(horizontal=True)
    _decisions(buttons, store, turn, who, row)
    _undo_button(buttons, store, turn, who)
    _post(store, row)


def _who() -> str:
    # Right before the buttons: one Tab leaves the field, and letters are keys again.
    name = st.text_input(
        "Your name, for decisions", key="who", bind="query-params", persist_state="session"
    )
    return (name or "").strip()


def _told(who: str, left: int | None) -> None:
    """One line that is always there, so that no button moves: a screen reader is told its end."""
    state = st.session_state
    done, said = state.setdefault("done", []), state.get("said", "")
    counts = [] if left is None else [f"{at_most(left)} left"]
    counts += [f"{len(done):,} decided by you"] if done else []
    dot = " · " if counts and said else ""
    last = f'<span id="said" role="status">{dot}{escape(said)}</span>'
    st.html(f'<p class="progress">{" · ".join(counts)}{last}</p>')
    if not who:
        st.html("<p>Give your name to decide: it stands in the trail.</p>")


def _post(store: Store, row: Row) -> None:
    video, words = st.columns([1, 2])
    with video:
        _play(row["video_url"])
    words.html(card(row) + trail(store.trail(row["post_id"])))


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def _fetched(url: str) -> bytes | str | None:
    return clip(url)


def _play(url: str) -> None:
    """The clip, or a sentence in its place."""
    found = _fetched(url)
    if found is None:
        st.html("<p>Its clip can't be had.</p>")
    else:
        st.video(found, muted=True, autoplay=True, loop=True, alt="The post's clip")


def _row(store: Store, turn: Turn) -> Row | None:
    """The post whose turn it is."""
    row = store.one(turn.shown) if turn.shown else None
    return row or turn.next(lambda after: store.posts(turn.wanted, ORDER, after, 1))


def _button(
    buttons: DeltaGenerator,
    label: str,
    key: str,
    enabled: bool,
    do: Callable[..., None],
    *given: object,
) -> None:
    buttons.button(
        label,
        key=label.lower(),
        shortcut=key,
        disabled=not enabled,
        on_click=do,
        args=given,
        width="stretch",
    )


def _decisions(
    buttons: DeltaGenerator, store: Store, turn: Turn, who: str, row: Row | None
) -> None:
    may = row is not None and bool(who)
    for decision, key in KEYS.items():
        given = (store, turn, who, row, decision)
        _button(buttons, decision.capitalize(), key, may, _decide, *given)


def _undo_button(buttons: DeltaGenerator, store: Store, turn: Turn, who: str) -> None:
    may = bool(st.session_state.done and who)
    _button(buttons, "Undo", "Z", may, _undo, store, turn, who)


def _go_on(turn: Turn, passed: Row | None) -> None:
    turn.go_on(passed)
    st.session_state.said = ""


def _decide(store: Store, turn: Turn, who: str, row: Row, decision: str) -> None:
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
    turn.decided(row)


def _undo(store: Store, turn: Turn, who: str) -> None:
    state = st.session_state
    post_id, before, after = state.done[-1]
    try:
        done = store.decide(post_id, before, who, after)
    except Unavailable:
        state.said = "Not undone: the database does not answer."
        return
    state.done.pop()
    turn.shown = post_id
    state.said = (
        f"{post_id}: {before or 'undecided'} again"
        if done
        else f"Not undone: somebody has decided on {post_id} since."
    )
