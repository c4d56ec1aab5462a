"""composetasks: Invoke tasks that run a Docker Compose development stack.

In a ``tasks.py`` beside any compose file::

    from composetasks import collection
    ns = collection()
"""

from composetasks.tasks import collection

__all__ = ["collection"]
__version__ = "0.1.0"
