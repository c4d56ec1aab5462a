"""Feed pages of several kinds, for the crawler. Runs in a container, with Airflow's image's Python.

/scroll   loads more whenever its end comes into sight /box      the same in a box that scrolls
/event    loads more on scrolling, and asks all the time whether there is something new
/short    the same, and lets go of what is out of sight /still   has all its posts at once
/broken   whose second answer is an error              /endless  never comes to an end
/hanging  whose second answer never comes
PUT /posts sets what they show.
"""

import http.server
import json
import threading
from typing import Any
from urllib.parse import parse_qs, urlsplit

AT_ONCE = 20
SLOW_SECONDS = 0.3
NEVER = threading.Event()

SCRIPT = """
const kind = location.pathname;
const list = document.querySelector('#list');
const show = post => {
  const [article, author, caption, video, time] =
    ['article', 'b', 'p', 'video', 'time'].map(name => document.createElement(name));
  article.className = 'post'; article.dataset.postId = post.post_id; article.lang = post.language;
  author.className = 'author'; author.textContent = '@' + post.author;
  caption.className = 'caption'; caption.textContent = post.caption;
  video.src = post.video_url; video.preload = 'metadata'; time.dateTime = post.posted_at;
  article.append(video, author, caption, time);
  list.append(article);
  if (kind === '/short' && list.children.length > 60) list.firstElementChild.remove();
};
let from = 0, loading = false;
const more = async () => {
  if (loading) return;
  loading = true;
  const answer = await fetch(`/more?kind=${kind}&from=${from}`);
  const posts = await answer.json();
  posts.forEach(show);
  from += posts.length;
  loading = posts.length === 0;
};
const near = () => list.getBoundingClientRect().bottom < innerHeight + 50;
if (kind === '/event') {
  more();
  addEventListener('scroll', () => near() && more());
  setInterval(() => fetch('/health'), 400);
} else new IntersectionObserver(seen => seen.some(one => one.isIntersecting) && more())
  .observe(document.querySelector('#end'));
// The end stays in sight where the first posts do not fill the screen.
if (kind !== '/event') setInterval(() => near() && more().catch(() => {}), 100);
"""
PAGE = """<!doctype html><html lang="en"><style>article {{ height: 60px; overflow: hidden }}
{style}</style><body><main><div id="list"></div><div id="end">.</div></main>
<script>{script}</script></body></html>"""
BOX = (
    "html, body { height: 100%; margin: 0; overflow: hidden } main { height: 100%; overflow: auto }"
)


class Pages(http.server.BaseHTTPRequestHandler):
    """The pages, and what was asked for beside them."""

    posts: list[dict[str, Any]] = []  # noqa: RUF012  # for all requests
    clips = 0

    def do_PUT(self) -> None:
        type(self).posts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).clips = 0
        self.answer("{}")

    def do_GET(self) -> None:
        path, asked = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        if path == "/more":
            self.more(asked["kind"][0], int(asked["from"][0]))
        elif path == "/clips":
            self.answer(json.dumps(self.clips))
        elif path.startswith("/clip/"):
            type(self).clips += 1
            self.answer("", 404)
        elif path == "/health":
            self.answer("ok")
        else:
            style = BOX if path == "/box" else ""
            self.answer(PAGE.format(style=style, script=SCRIPT), kind="text/html")

    def more(self, kind: str, start: int) -> None:
        """The next posts, not at once."""
        if kind == "/still":
            self.answer(json.dumps(self.posts[start:]))
            return
        NEVER.wait(SLOW_SECONDS)
        if start and kind == "/broken":
            self.answer("[]", 503)
        elif start and kind == "/hanging":
            NEVER.wait(60)
        elif kind == "/endless":
            post = self.posts[0]
            names = (f"endless-{number}" for number in range(start, start + 500))
            self.answer(json.dumps([{**post, "post_id": name} for name in names]))
        else:
            self.answer(json.dumps(self.posts[start : start + AT_ONCE]))

    def answer(self, text: str, code: int = 200, kind: str = "application/json") -> None:
        """An answer, whole."""
        body = text.encode()
        self.send_response(code)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(("", 8000), Pages)
    server.daemon_threads = True
    server.serve_forever()
