"""The dashboard's server: the page, and beside it what it tells of itself: /metrics and /facts."""

import time
from collections.abc import Callable

import streamlit as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connection import store
from exposition import CONTENT_TYPE
from figures import as_facts, as_metrics
from store import Unavailable


def told(path: str, tell: Callable[[], str]) -> Route:
    """A text at an address: 503 while the database does not answer."""

    # No coroutine: it is run in a thread of its own, as it waits for the database.
    def answer(_: Request) -> Response:
        try:
            return Response(tell(), media_type=CONTENT_TYPE)
        except Unavailable as error:
            return Response(f"the database does not answer: {error}\n", 503)

    return Route(path, answer)


def metrics() -> str:
    return as_metrics(store().totals(), store().newest())


def facts() -> str:
    return as_facts(store().totals(), store().newest(), time.time())


app = st.App("page.py", routes=[told("/metrics", metrics), told("/facts", facts)])
