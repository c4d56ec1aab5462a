"""The feed's page, its clips, and its door for posts."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from feed import server
from feed.server import Feed, Handler, language_of, page

EVIL = '<b>"x"</b>'
SHIPPED = {
    "post_id": "p1",
    "author": "mai",
    "caption": EVIL,
    "language": "vi",
    "posted_at": "2026-01-05T09:00:00Z",
}
POST = {"author": "mai", "caption": "phở", "kind": "safe"}


@pytest.fixture
def feed(tmp_path: Path) -> Feed:
    """One post, and a spare clip of each kind."""
    (tmp_path / "posts.json").write_text(json.dumps([SHIPPED]))
    for name in ("p1", "spare-safe-0", "spare-unsafe-0"):
        (tmp_path / f"{name}.mp4").write_bytes(name.encode())
    return Feed(tmp_path / "posts.json", tmp_path)


@pytest.fixture
def address(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where it is served."""
    monkeypatch.setattr(Handler, "feed", feed, raising=False)
    monkeypatch.setattr(Handler, "log_message", lambda *_: None)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


def test_no_text_of_a_post_is_markup(feed: Feed) -> None:
    text = page(feed.newest_first())
    assert EVIL not in text
    assert "&lt;b&gt;&quot;x&quot;&lt;/b&gt;" in text


@pytest.mark.parametrize(
    ("text", "language"), [("Nấu phở", "vi"), ("đi", "vi"), ("Noodles", "en"), ("", "en")]
)
def test_the_language_is_told_by_its_letters(text: str, language: str) -> None:
    assert language_of(text) == language


def test_the_newest_added_posts_are_kept(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_ADDED", 2)
    ids = [feed.add("mai", f"caption {number}", "unsafe").post_id for number in range(3)]
    assert [post.post_id for post in feed.newest_first()] == [ids[2], ids[1], "p1"]
    assert feed.find(ids[0]) is None


def test_an_added_post_is_on_the_page_and_has_a_clip(address: str) -> None:
    added = requests.post(f"{address}/posts", json={**POST, "kind": "unsafe"}, timeout=10)
    assert added.status_code == 201
    post_id = added.json()["post_id"]
    assert added.json()["language"] == "vi"
    assert f'data-post-id="{post_id}" lang="vi"' in requests.get(address, timeout=10).text
    clip = requests.get(f"{address}/clips/{post_id}.mp4", timeout=10)
    assert (clip.headers["Content-Type"], clip.content) == ("video/mp4", b"spare-unsafe-0")
    assert requests.get(f"{address}/health", timeout=10).text == "ok\n"
    for nowhere in ("clips/p2.mp4", "clips/..%2Fposts.json", "posts"):
        assert requests.get(f"{address}/{nowhere}", timeout=10).status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"no json", 400),
        (b"[]", 400),
        (json.dumps({**POST, "kind": "other"}).encode(), 400),
        (json.dumps({**POST, "author": " "}).encode(), 400),
        (json.dumps({**POST, "caption": ["x"]}).encode(), 400),
        (json.dumps({**POST, "caption": "x" * (server.MAX_CAPTION + 1)}).encode(), 400),
        (b"x" * (server.MAX_BODY_BYTES + 1), 413),
    ],
)
def test_what_is_no_post_is_refused_in_a_sentence(address: str, body: bytes, status: int) -> None:
    answer = requests.post(f"{address}/posts", body, timeout=10)
    assert answer.status_code == status
    assert answer.json()["error"]
