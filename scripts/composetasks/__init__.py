"""composetasks: Invoke tasks that run a Docker Compose development stack.

In a ``tasks.py`` beside any compose file::

    from composetasks import collection
    ns = collection()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from composetasks.tasks import collection

__all__ = ["collection"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import ``collection`` when it is first used, so that modules without tasks need no Invoke."""
    if name != "collection":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from composetasks.tasks import collection

    return collection
