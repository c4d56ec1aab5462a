"""A crawl with everything real: browser, database, topic."""

from collections.abc import Mapping
from datetime import datetime, timezone

from crawler.browser import open_browser
from crawler.crawl import Crawl, crawl
from crawler.feed import read_feed
from crawler.memory import Memory
from crawler.topic import Topic


def crawl_feed(environment: Mapping[str, str], *, resend: bool = False) -> Crawl:
    """Reads the page at FEED_URL and sends what is to be sent. Its browser has ended by then."""
    address = environment["FEED_URL"]
    at = datetime.now(timezone.utc)
    with open_browser() as browser:
        page = read_feed(browser, address)
    with (
        Topic(environment["KAFKA_BOOTSTRAP"], "posts") as topic,
        Memory(
            environment["CRAWLER_DATABASE"], address, int(environment["CRAWL_KEEP_DAYS"])
        ) as memory,
    ):
        return crawl(page, memory, topic, at, resend=resend)
