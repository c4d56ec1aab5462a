"""The feed: posts as a web page, newest first, and a door to add one.

GET  /                the page: one <article class="post"> for each post
GET  /clips/ID.mp4    the clip of post ID
GET  /health          "ok"
POST /posts           {"caption": ..., "author": ..., "kind": "safe" | "unsafe"} adds a post;
                      answers 201 and its post_id, posted_at and language as JSON

Added posts are kept in memory, the newest MAX_ADDED of them, until the feed is restarted.
They borrow one of the clips drawn in advance.
"""

import html
import itertools
import json
import signal
import threading
import unicodedata
import uuid
from dataclasses import dataclass
from datetime import datetime, timezone
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HERE = Path(__file__).parent
PORT = 8000
MAX_ADDED = 200
MAX_BODY_BYTES = 16 * 1024
MAX_CAPTION = 500
KINDS = ("safe", "unsafe")


@dataclass(frozen=True)
class Post:
    """What the page shows of one post, and the file its clip is in."""

    post_id: str
    author: str
    caption: str
    language: str
    posted_at: str
    clip: Path

    def as_html(self) -> str:
        """The post as the crawler, and a person, finds it on the page."""
        post_id = html.escape(self.post_id)
        return (
            f'<article class="post" data-post-id="{post_id}" lang="{self.language}">'
            f'<video src="/clips/{post_id}.mp4" controls muted playsinline preload="metadata">'
            "</video>"
            f'<div class="text"><p class="caption">{html.escape(self.caption)}</p>'
            f'<footer><span class="author">@{html.escape(self.author)}</span>'
            f'<time datetime="{self.posted_at}">{self.posted_at[:10]}</time>'
            "</footer></div></article>"
        )


def language_of(text: str) -> str:
    """vi for a text with letters that only Vietnamese writes this way, else en."""
    marks = sum(unicodedata.combining(letter) != 0 for letter in unicodedata.normalize("NFD", text))
    return "vi" if marks or "đ" in text.lower() else "en"


class Feed:
    """All posts. Safe to use from several threads."""

    def __init__(self, posts_file: Path, clips: Path) -> None:
        rows = json.loads(posts_file.read_text(encoding="utf-8"))
        self._shipped = {
            row["post_id"]: Post(
                post_id=row["post_id"],
                author=row["author"],
                caption=row["caption"],
                language=row["language"],
                posted_at=row["posted_at"],
                clip=clips / f"{row['post_id']}.mp4",
            )
            for row in rows
        }
        self._added: dict[str, Post] = {}
        self._spares = {
            kind: itertools.cycle(sorted(clips.glob(f"spare-{kind}-*.mp4"))) for kind in KINDS
        }
        self._lock = threading.Lock()

    def newest_first(self) -> list[Post]:
        """Every post; RFC 3339 times in UTC sort as text."""
        with self._lock:
            posts = [*self._shipped.values(), *self._added.values()]
        return sorted(posts, key=lambda post: post.posted_at, reverse=True)

    def find(self, post_id: str) -> Post | None:
        """The post of that id, if there is one."""
        with self._lock:
            return self._added.get(post_id) or self._shipped.get(post_id)

    def add(self, author: str, caption: str, kind: str) -> Post:
        """A new post of this moment with a clip of that kind."""
        with self._lock:
            post = Post(
                post_id=f"post-{uuid.uuid4().hex[:12]}",
                author=author,
                caption=caption,
                language=language_of(caption),
                posted_at=datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                clip=next(self._spares[kind]),
            )
            self._added[post.post_id] = post
            while len(self._added) > MAX_ADDED:
                self._added.pop(next(iter(self._added)))
        return post


def page(posts: list[Post]) -> str:
    """The whole HTML page."""
    articles = "\n".join(post.as_html() for post in posts)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Feed</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/page.css"><link rel="icon" href="data:,"></head>
<body><header><h1><span>♪</span> Feed</h1>
<p>{len(posts)} posts, made up for this stack. Some clips flash when played.</p></header>
<main id="feed">
{articles}
</main></body></html>
"""


class Handler(BaseHTTPRequestHandler):
    """HTTP in front of a Feed."""

    protocol_version = "HTTP/1.1"
    feed: Feed

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/":
            self._answer(
                HTTPStatus.OK, "text/html; charset=utf-8", page(self.feed.newest_first()).encode()
            )
        elif path == "/health":
            self._answer(HTTPStatus.OK, "text/plain", b"ok\n")
        elif path == "/page.css":
            self._answer(HTTPStatus.OK, "text/css", (HERE / "page.css").read_bytes())
        elif path.startswith("/clips/") and path.endswith(".mp4"):
            post = self.feed.find(path[len("/clips/") : -len(".mp4")])
            if post is None:
                self._refuse(HTTPStatus.NOT_FOUND, "no such clip")
            else:
                self._answer(HTTPStatus.OK, "video/mp4", post.clip.read_bytes())
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "no such page")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            self._refuse(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"a body of 0 to {MAX_BODY_BYTES} bytes is needed",
            )
            return
        body = self.rfile.read(int(length))
        if self.path != "/posts":
            self._refuse(HTTPStatus.NOT_FOUND, "posts are added at /posts")
            return
        try:
            wanted = json.loads(body)
            author, caption, kind = wanted["author"], wanted["caption"], wanted["kind"]
        except (ValueError, KeyError, TypeError):
            self._refuse(
                HTTPStatus.BAD_REQUEST, "author, caption and kind are needed, as a JSON object"
            )
            return
        if (
            not isinstance(author, str)
            or not isinstance(caption, str)
            or not author.strip()
            or not caption.strip()
        ):
            self._refuse(HTTPStatus.BAD_REQUEST, "author and caption are texts that are not empty")
        elif len(author) > 64 or len(caption) > MAX_CAPTION:
            self._refuse(
                HTTPStatus.BAD_REQUEST,
                f"at most 64 characters of author and {MAX_CAPTION} of caption",
            )
        elif kind not in KINDS:
            self._refuse(HTTPStatus.BAD_REQUEST, "kind is safe or unsafe")
        else:
            post = self.feed.add(author, caption, kind)
            answer = {
                "post_id": post.post_id,
                "posted_at": post.posted_at,
                "language": post.language,
            }
            self._answer(HTTPStatus.CREATED, "application/json", json.dumps(answer).encode())

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        self._answer(status, "application/json", json.dumps({"error": reason}).encode())

    def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        if self.path != "/health":
            super().log_request(code, size)


def main() -> None:
    """Serve until SIGTERM."""
    Handler.feed = Feed(HERE / "posts.json", HERE / "clips")
    server = ThreadingHTTPServer(("", PORT), Handler)
    server.daemon_threads = True

    def stop(_signal: int, _frame: object) -> None:
        # shutdown() waits for serve_forever(), which runs in this very thread.
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(f"{len(Handler.feed.newest_first())} posts on port {PORT}", flush=True)
    server.serve_forever()
    server.server_close()


if __name__ == "__main__":
    main()
