"""Where the page plays a clip from.

A clip inside the stack is not to be had by a browser outside: the page fetches it, from CLIP_HOSTS
alone, as the job does, and follows no redirect. Any other address is the browser's affair.
"""

import os
import urllib.request
from typing import IO
from urllib.parse import urlsplit

MOST_BYTES = 30_000_000
SECONDS = 5


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """An address that leads elsewhere is not followed there."""

    def redirect_request(self, *_: object) -> None:
        return None


def clip(url: str) -> bytes | str | None:
    """What st.video takes: bytes, or an address; None where there is no clip."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https"):
        return None
    if not inside(parts.netloc, os.environ.get("CLIP_HOSTS", "")):
        return url
    try:
        opener = urllib.request.build_opener(NoRedirect, urllib.request.ProxyHandler({}))
        answer: IO[bytes]
        with opener.open(url, timeout=SECONDS) as answer:
            content = answer.read(MOST_BYTES + 1)
    except (OSError, ValueError):
        return None
    return content if len(content) <= MOST_BYTES else None


def inside(netloc: str, hosts: str) -> bool:
    """Whether an address is one of CLIP_HOSTS; one that names no port is any port."""
    names = {name.strip().lower() for name in hosts.split(",") if name.strip()}
    return netloc.lower() in names or netloc.lower().partition(":")[0] in names
