"""One store for all who look at the page."""

import streamlit as st

from store import Store


@st.cache_resource
def store() -> Store:
    """Its pools of connections live as long as the server does."""
    return Store()
