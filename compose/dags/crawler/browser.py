"""Pages as a person gets them: read in headless Chromium."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TypeVar

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.wait import WebDriverWait

PAGE_SECONDS = 30
CHROMIUM = "/usr/bin/chromium"
DRIVER = "/usr/bin/chromedriver"

# In one round trip, and with addresses as the browser resolves them.
POSTS_ON_PAGE = """
return Array.from(document.querySelectorAll('article.post'), article => ({
  post_id: article.dataset.postId,
  author: article.querySelector('.author').textContent.trim().replace(/^@/, ''),
  caption: article.querySelector('.caption').textContent.trim(),
  language: article.lang,
  video_url: article.querySelector('video').src,
  posted_at: article.querySelector('time').dateTime,
}));
"""

Found = TypeVar("Found")


@contextmanager
def open_browser(width: int = 1280, height: int = 1600) -> Iterator[Chrome]:
    """A browser with an empty profile, closed at the end."""
    options = ChromeOptions()
    options.binary_location = CHROMIUM
    options.page_load_strategy = "eager"
    options.add_argument("--headless=new")
    options.add_argument(f"--window-size={width},{height}")
    # Chromium's sandbox needs rights that the engine denies a container, which is a sandbox itself.
    options.add_argument("--no-sandbox")
    # /dev/shm has 64 MB in a container.
    options.add_argument("--disable-dev-shm-usage")
    options.add_argument("--disable-gpu")
    driver = Chrome(options=options, service=Service(executable_path=DRIVER))
    try:
        driver.set_page_load_timeout(PAGE_SECONDS)
        yield driver
    finally:
        driver.quit()


def wait_for(
    driver: Chrome, condition: Callable[[Chrome], Found], seconds: float = PAGE_SECONDS
) -> Found:
    """What the condition gives once it is true. Raises TimeoutException after so many seconds."""
    return WebDriverWait(driver, seconds, poll_frequency=0.2).until(condition)


def read_feed(address: str) -> list[dict[str, str]]:
    """The posts on the feed page, as messages for topic `posts`.

    Raises RuntimeError when the page shows none: then the page or this reader has changed.
    """
    with open_browser() as driver:
        driver.get(address)
        posts: list[dict[str, str]] = driver.execute_script(POSTS_ON_PAGE)
    if not posts:
        raise RuntimeError(f"no posts found at {address}")
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return [{**post, "crawled_at": now} for post in posts]
