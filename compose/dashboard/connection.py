"""One store for all who look at the page, or ask for its figures."""

import functools

from store import Store


@functools.cache
def store() -> Store:
    """Its pools of connections live as long as the server does."""
    return Store()
