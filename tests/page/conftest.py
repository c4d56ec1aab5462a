"""PostgreSQL, the dashboard and a browser for a session; an empty table for each test."""

from __future__ import annotations

import os
import secrets
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from tests.page.browser import Browser

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 120
POLL_SECONDS = 0.3
ROLES = ("", "WRITER_", "READER_", "MODERATOR_", "CRAWLER_", "AIRFLOW_")
FILES = ("compose/compose.yaml", "compose/compose.airgap.yaml", "tests/page/compose.yaml")
# `score` is what differs: each post is flagged from .5 on, and the higher number is the newer one.
POSTS = """
INSERT INTO scored_posts SELECT 'p' || lpad(n::text, 7, '0'), 'author ' || n % 7,
'caption ' || n || ' <b>[x](http://evil)</b>', CASE n % 3 WHEN 0 THEN 'en' ELSE 'vi' END,
'http://feed:8000/clips/' || n, 0.25, 0.5, n % 100 / 100.0, n % 100 >= 50, true, 0.3, 0.5, 'code',
now(), now(), now() - ({last} - n) * interval '1 second' FROM generate_series({first}, {last}) AS n
"""

Found = TypeVar("Found")


class Page:
    """The dashboard as a reader sees it, and the database behind it."""

    def __init__(self) -> None:
        self._pause = threading.Event()
        self._environment = {
            **os.environ,
            **{f"POSTGRES_{role}PASSWORD": secrets.token_hex(12) for role in ROLES},
        }
        self._project = f"ct-page-{os.getpid()}"
        self.browser: Browser
        self.address = "http://dashboard:8501/"

    def compose(self, *words: str, stdin: str | None = None) -> str:
        """Compose's standard output."""
        settings = ROOT / ".env"
        argv = [
            *("docker", "compose", "-p", self._project),
            *(("--env-file", str(settings)) if settings.exists() else ()),
            *(word for file in FILES for word in ("-f", file)),
            *words,
        ]
        done = subprocess.run(
            argv,
            cwd=ROOT,
            env=self._environment,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
        return done.stdout

    def sql(self, statements: str) -> str:
        """What psql prints."""
        words = ("exec", "-T", "postgres", "psql", "-qAtU", "user", "-v", "ON_ERROR_STOP=1")
        return self.compose(*words, "-d", "tiktok_safety_db", stdin=statements).strip()

    def add(self, first: int, last: int) -> None:
        """Posts with these numbers."""
        self.sql(POSTS.format(first=first, last=last))

    def open(self, query: str = "") -> None:
        """Opens the page, as somebody who comes for the first time."""
        self.wait_for(lambda: self.browser.go(self.address + query), "the page answers")
        self.wait_for(lambda: "TikTok Safety" in self.browser.text(), "the page is there")

    def wait_for(self, condition: Callable[[], Found], what: str) -> Found:
        """What a condition gives as soon as that is true."""
        for _ in range(int(PATIENCE_SECONDS / POLL_SECONDS)):
            result = condition()
            if result:
                return result
            self._pause.wait(POLL_SECONDS)
        raise AssertionError(f"not so: {what}\n{self.browser.text()}")


@pytest.fixture(scope="session")
def services() -> Iterator[Page]:
    """The services, started."""
    page = Page()
    page.compose("build", "postgres", "migrate", "feed", "dashboard")
    try:
        page.compose("up", "-d", "--no-build", "--wait", "feed", "dashboard", "browser")
        driver = page.compose("port", "browser", "4444").strip()
        with Browser.opened(f"http://{driver}") as page.browser:
            yield page
    finally:
        page.compose("down", "--volumes", "--timeout", "5")


@pytest.fixture
def page(services: Page) -> Page:
    """Empty tables, and nobody looks at the page yet."""
    services.browser.go("about:blank")
    services.sql("TRUNCATE scored_posts, decisions, scoring_models")
    return services
