"""The crawler as its task runs it, and what ends it. Runs in a container, beside pages.py.

crawling.py crawl PATH [kill]   posts as JSON on standard input; says what came of it. `kill`: it is
                                killed after it has sent, and before it remembers
crawling.py hold                opens a browser, and holds it
"""

import dataclasses
import json
import os
import resource
import signal
import sys
import urllib.request

sys.path.insert(0, "/opt/airflow/dags")

from crawler.browser import open_browser
from crawler.memory import Memory
from crawler.run import crawl_feed

PAGES = "http://127.0.0.1:8000"


def killed(*_: object) -> None:
    """What the out-of-memory killer does."""
    os.kill(os.getpid(), signal.SIGKILL)


def crawl(path: str, *faults: str) -> None:
    """One crawl."""
    posts = urllib.request.Request(f"{PAGES}/posts", sys.stdin.buffer.read(), method="PUT")
    with urllib.request.urlopen(posts):
        pass
    if faults:
        Memory.remember = killed  # type: ignore[method-assign, assignment]
    done = crawl_feed({**os.environ, "FEED_URL": PAGES + path})
    with urllib.request.urlopen(f"{PAGES}/clips") as answer:
        clips = json.load(answer)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({**dataclasses.asdict(done), "clips": clips, "peak_mib": peak}))


def hold() -> None:
    """A browser on a page, until somebody ends this."""
    with open_browser() as browser:
        browser.get(f"{PAGES}/scroll")
        print("open", flush=True)
        signal.pause()


if __name__ == "__main__":
    if sys.argv[1] == "crawl":
        crawl(*sys.argv[2:])
    else:
        hold()
