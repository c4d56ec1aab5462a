"""Hostile input: valid documents and texts with something wrong put into them."""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisWarning
from hypothesis.strategies import SearchStrategy

T = TypeVar("T")
EXAMPLES = 25
BATCH = 500

ODD_WORDS = (
    *("", " ", "-", "--", "-rf", "--help", "a b", "..", "../..", "/", "/etc/passwd", "~"),
    *("$(id)", "`id`", ";id", "|", "&&", "*", "?", "'", '"', "\\", "$", "${", "${A", "$$", "${A:?"),
    *("\x1b[2J", "\x1b]0;title\x07", "\r", "\n", "\t", "\0", "\x7f", "\u202e", "\u2028", "\ud800"),
    *("é", "日本", "null", "true", "0", "-1", "1e9", "9" * 30, "NaN", ":", "=", ",", "a:b:c", "@"),
    *("1-", "-1-", "1-2-3", "99999", "sha256:", "٣", "²"),
)
scalars: SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(ODD_WORDS),
)
values: SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)


def fuzz(inputs: SearchStrategy[T], check: Callable[[T], None], seconds: float) -> None:
    """Call ``check`` with many inputs: the same ones each time, or, with ``seconds``, ever new
    ones for so long."""
    began = time.monotonic()

    def run(examples: int, *, fixed: bool) -> None:
        body = given(inputs)(check)
        with warnings.catch_warnings():
            # An archive is long to print.
            warnings.simplefilter("ignore", HypothesisWarning)
            settings(
                max_examples=examples,
                derandomize=fixed,
                database=None,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            )(body)()

    run(EXAMPLES, fixed=True)
    while time.monotonic() - began < seconds:
        run(BATCH, fixed=False)


def _places(document: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    if isinstance(document, dict):
        for key, value in document.items():
            yield from _places(value, (*at, key))
    elif isinstance(document, list):
        for number, value in enumerate(document):
            yield from _places(value, (*at, number))


def _changed(document: Any, at: Sequence[Any], value: Any, *, gone: bool) -> Any:
    if not at:
        return value
    whole = inner = copy.deepcopy(document)
    for key in at[:-1]:
        inner = inner[key]
    if gone:
        del inner[at[-1]]
    else:
        inner[at[-1]] = value
    return whole


@st.composite
def spoilt(draw: st.DrawFn, document: Any) -> Any:
    """``document`` with one to four of its parts gone or replaced."""
    for _ in range(draw(st.integers(1, 4))):
        places = list(_places(document))
        at = draw(st.sampled_from(places))
        document = _changed(document, at, draw(values), gone=draw(st.booleans()))
    return document


@st.composite
def spoilt_text(draw: st.DrawFn, texts: Sequence[str]) -> str:
    """One of ``texts`` with pieces of it doubled, dropped, or replaced by something odd."""
    text = draw(st.sampled_from(texts))
    odd = st.sampled_from(ODD_WORDS) | st.text(max_size=6)
    for _ in range(draw(st.integers(1, 5))):
        begin = draw(st.integers(0, len(text)))
        end = draw(st.integers(begin, min(len(text), begin + 20)))
        other = draw(st.sampled_from(texts))
        cut = draw(st.integers(0, len(other)))
        piece = draw(st.one_of(odd, st.just(text[begin:end] * 2), st.just(other[cut : cut + 30])))
        text = text[:begin] + piece + text[end:]
    return text


@st.composite
def spoilt_bytes(draw: st.DrawFn, contents: Sequence[bytes]) -> bytes:
    """One of ``contents`` with bytes changed, dropped or put in, or cut off."""
    content = draw(st.sampled_from(contents))
    for _ in range(draw(st.integers(1, 5))):
        begin = draw(st.integers(0, len(content)))
        end = draw(st.integers(begin, min(len(content), begin + 8)))
        content = content[:begin] + draw(st.binary(max_size=9)) + content[end:]
    return content[: draw(st.integers(0, len(content)))] if draw(st.booleans()) else content
