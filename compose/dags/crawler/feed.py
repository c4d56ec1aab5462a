"""The posts of a feed page, read to its end as a person would: by scrolling."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from crawler.posts import Post

MOST_POSTS = 5_000
MOST_SECONDS = 60.0
END_SECONDS = 1.0
"""At the end of the page, with nothing asked for any more: so long after the last change it is the
end of the feed."""
ANSWER_SECONDS = 0.3
"""What an answer brings is on the page after that."""
STUCK_SECONDS = 10.0
"""So long after the last change nothing more is expected, whatever the page still asks for."""
REST_SECONDS = 0.15
PATIENCE_SECONDS = 2.0
"""Between two steps: the page has nothing to do, or still has."""
LOOK_SECONDS = 0.1

WATCH = Path(__file__).with_name("watch.js").read_text(encoding="utf-8")
LOOK = Path(__file__).with_name("look.js").read_text(encoding="utf-8")


class Browser(Protocol):
    """As much of a browser as reading takes (selenium.webdriver.Chrome)."""

    def execute_cdp_cmd(self, cmd: str, cmd_args: dict[str, Any]) -> Any: ...

    def get(self, url: str) -> None: ...

    def execute_script(self, script: str, *args: Any) -> Any: ...


@dataclass(frozen=True)
class Page:
    """What was read. `unread` is why it may not be all there is; "" where it was read to its end:
    then a post that is not among these is not on the feed."""

    posts: list[Post]
    unread: str = ""


def read_feed(browser: Browser, address: str) -> Page:
    """The posts on the feed page at an address.

    Raises RuntimeError when the page shows none: then the page or this reader has changed.
    """
    browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
    end = time.monotonic() + MOST_SECONDS
    browser.get(address)
    found: dict[str, Post] = {}
    while True:
        look = browser.execute_script(LOOK, REST_SECONDS * 1000, PATIENCE_SECONDS * 1000)
        found.update({post["post_id"]: post for post in look["posts"]})
        unread = end_of(look, len(found), time.monotonic() - end)
        if unread is not None:
            break
        time.sleep(LOOK_SECONDS)
    if not found:
        raise RuntimeError(f"no posts found at {address}")
    return Page(list(found.values())[:MOST_POSTS], unread)


def end_of(look: dict[str, Any], posts: int, over: float) -> str | None:
    """None while there is more to come; else why that may not be all, "" where it is.

    `over` are the seconds since the time was up.
    """
    rested = look["rested"] / 1000
    if posts > MOST_POSTS:
        return f"it has more than {MOST_POSTS} posts"
    if over >= 0:
        return f"it takes more than {MOST_SECONDS:.0f} s"
    if not look["bottom"] or rested < END_SECONDS:
        return None
    if look["asking"] or look["answered"] / 1000 < ANSWER_SECONDS:
        return "the page waits for an answer" if rested >= STUCK_SECONDS else None
    return f"requests of the page failed: {look['failed']}" if look["failed"] else ""
