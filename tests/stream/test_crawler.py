"""The crawler with all that is real: Chromium, PostgreSQL, Kafka, and the job behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.stream.messages import a_post
from tests.stream.stack import Stack

MILLION = 1_000_000
MOST_MIB = 300
BROWSER = "chrom|keeper.py"
CRAWLER = ("exec", "-T", "crawler", "python", "/tests/crawling.py")


@pytest.fixture(autouse=True)
def forgotten(stack: Stack) -> Iterator[None]:
    """Other tests compare the whole table with what they sent: what was crawled is scored, and then
    taken away."""
    yield
    late = """SELECT post_id FROM crawled_posts LEFT JOIN scored_posts USING (post_id)
              WHERE author IS NULL AND topic_id NOT IN ('', 'topic')"""
    stack.wait_for(lambda: not stack.sql(late), "all that was crawled is scored")
    run(
        stack,
        "DELETE FROM scored_posts USING crawled_posts AS crawled"
        " WHERE crawled.post_id = scored_posts.post_id; DELETE FROM crawled_posts",
    )


def posts(prefix: str, count: int, **changes: str) -> list[dict[str, Any]]:
    """Posts of a feed, whose clips the job can have."""
    results = [json.loads(a_post(f"{prefix}-{number}").value) for number in range(count)]
    return [{**post, **changes} for post in results]


def crawl(stack: Stack, shown: list[dict[str, Any]], path: str = "/scroll") -> dict[str, Any]:
    """What came of a crawl of such a page."""
    result: dict[str, Any] = json.loads(
        stack.compose(*CRAWLER, "crawl", path, stdin=json.dumps(shown).encode())
    )
    print(path, result)
    return result


def run(stack: Stack, statements: str) -> None:
    """Statements, on the stack's database."""
    words = ("exec", "-T", "postgres", "psql", "-qU", "user", "-d", "tiktok_safety_db")
    stack.compose(*words, "-v", "ON_ERROR_STOP=1", stdin=statements.encode())


def captions(stack: Stack, prefix: str) -> dict[str, str]:
    """Captions of the rows of such posts, by id."""
    query = f"SELECT post_id, caption FROM scored_posts WHERE post_id LIKE '{prefix}-%'"
    return {row["post_id"]: row["caption"] for row in stack.sql(query)}


def gone(stack: Stack, prefix: str) -> set[str]:
    """Such posts that are remembered as gone."""
    query = "SELECT post_id FROM crawled_posts WHERE deleted_at IS NOT NULL"
    return {row["post_id"] for row in stack.sql(f"{query} AND post_id LIKE '{prefix}-%'")}


@pytest.mark.parametrize("path", ["/scroll", "/box", "/short", "/event", "/still"])
def test_a_page_that_loads_more_as_one_scrolls_is_read_to_its_end(stack: Stack, path: str) -> None:
    shown = posts(f"all{path[1:]}", 130)
    result = crawl(stack, shown, path)
    assert (result["read"], result["sent"], result["unread"]) == (130, 130, "")
    assert result["clips"] == 0


@pytest.mark.parametrize(
    ("path", "read", "unread"),
    [
        ("/broken", 20, "requests of the page failed: "),
        ("/hanging", 20, "the page waits for an answer"),
        # Whichever bound the machine comes to first.
        ("/endless", None, "it "),
    ],
)
def test_a_page_that_cannot_be_read_to_its_end_says_so_and_nothing_is_gone(
    stack: Stack, path: str, read: int | None, unread: str
) -> None:
    feed = f"http://127.0.0.1:8000{path}"
    run(stack, f"INSERT INTO crawled_posts VALUES ('old-{path}', '', '', '{feed}', now())")
    result = crawl(stack, posts(f"part{path[1:]}", 60), path)
    assert result["read"] == result["sent"] == (read or result["read"]) > 0
    assert result["deleted"] == 0
    assert result["unread"].startswith(unread)
    assert gone(stack, "old") == set()


def test_edits_are_scored_again_and_deletions_followed(stack: Stack) -> None:
    shown = posts("edit", 30)
    crawl(stack, shown)
    names = {post["post_id"] for post in shown}
    stack.wait_for(lambda: captions(stack, "edit").keys() == names, "all are scored")
    assert crawl(stack, shown)["sent"] == 0
    shown[3]["caption"] = "edited"
    result = crawl(stack, [post for post in shown if post["post_id"] != "edit-7"])
    assert result["sent"] == 1
    stack.wait_for(lambda: captions(stack, "edit")["edit-3"] == "edited", "the edit is scored")
    assert gone(stack, "edit") == {"edit-7"}
    # Its row stays; it comes back as it was.
    assert captions(stack, "edit").keys() == names
    assert crawl(stack, shown)["sent"] == 1
    assert gone(stack, "edit") == set()


def test_a_crawl_that_is_killed_before_it_remembers_loses_no_post(stack: Stack) -> None:
    shown = posts("killed", 40)
    with pytest.raises(AssertionError):
        stack.compose(*CRAWLER, "crawl", "/still", "kill", stdin=json.dumps(shown).encode())
    assert crawl(stack, shown, "/still")["sent"] == 40
    assert crawl(stack, shown, "/still")["sent"] == 0
    stack.wait_for(lambda: len(captions(stack, "killed")) == 40, "all are scored")


def test_a_million_known_posts_cost_no_memory(stack: Stack) -> None:
    feed = "http://127.0.0.1:8000/scroll"
    run(
        stack,
        "INSERT INTO crawled_posts SELECT 'known-' || n, sha256(n::text::bytea), 'topic',"
        f" '{feed}', now() - interval '1 day' FROM generate_series(1, {MILLION}) AS n",
    )
    result = crawl(stack, posts("few", 50))
    assert result["sent"] == 50
    # What is gone is noted in pieces, each of which ends in time.
    assert 0 < result["deleted"] < MILLION
    assert result["peak_mib"] < MOST_MIB


@pytest.mark.parametrize("signal", ["KILL", "TERM"])
def test_the_browser_ends_with_its_task_whatever_ends_that(stack: Stack, signal: str) -> None:
    def alive() -> int:
        count = ("exec", "-T", "crawler", "pgrep", "-fc", BROWSER)
        return int(stack.compose(*count, check=False))

    stack.compose("exec", "-d", "crawler", "sh", "-c", "python /tests/crawling.py hold > /tmp/held")
    held = ("exec", "-T", "crawler", "cat", "/tmp/held")
    stack.wait_for(lambda: stack.compose(*held, check=False) == "open\n", "a browser is open")
    print(signal, alive())
    assert alive() > 5
    stack.compose(
        "exec", "-T", "crawler", "pkill", f"-{signal}", "-f", "^python /tests/crawling.py"
    )
    stack.wait_for(lambda: alive() == 0, "no process is left", seconds=10)
    left = stack.compose("exec", "-T", "crawler", "ls", "/tmp").split()
    assert [name for name in left if "kept" in name or "chrom" in name.lower()] == []
    stack.compose("exec", "-T", "crawler", "rm", "/tmp/held")
