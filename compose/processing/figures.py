"""What the job tells of itself in numbers: GET /metrics for Prometheus, GET /facts for people."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from processing.checkpoint import Offsets
from processing.exposition import (
    CONTENT_TYPE,
    Figure,
    ago,
    counter,
    exposition,
    facts,
    gauge,
    info,
)
from processing.tally import Tally

PORT = 9464
RATE_SECONDS = 60.0
"""What the rate is counted over."""


class Figures:
    """Counts since the job was started, and how things are. Safe to use from several threads."""

    def __init__(self, code_version: str, model: str, threshold: float) -> None:
        self._told = {"code_version": code_version, "model": model, "threshold": f"{threshold:g}"}
        self._lock = threading.Lock()
        self._scored = self._pending = self._retried = self._batches = 0
        self._seconds = 0.0
        self._rejected: Counter[str] = Counter()
        self._recent: deque[tuple[float, int]] = deque()
        self._last: float | None = None
        self._started = time.time()
        self._lag: int | None = None

    def batch(self, tally: Tally, seconds: float) -> None:
        """A batch is done, which took so long."""
        now = time.time()
        with self._lock:
            self._scored += tally.scored
            self._pending += tally.pending
            self._retried += tally.retried
            self._batches += 1
            self._seconds += seconds
            self._rejected += tally.rejected
            if rows := tally.scored + tally.pending:
                self._last = now
                self._recent.append((now, rows))

    def lag(self, messages: int | None) -> None:
        """So many messages are waiting; None where that is not known."""
        self._lag = messages

    def metrics(self) -> str:
        """For Prometheus. Rates are its own affair."""
        with self._lock:
            return exposition(
                [
                    info("safety_job_info", "The job's code and models.", **self._told),
                    gauge("safety_job_lag_messages", "Messages not yet scored.", self._lag),
                    counter("safety_job_scored_total", "Posts scored in full.", self._scored),
                    counter(
                        "safety_job_pending_total",
                        "Posts scored by their text while their clip is not to be had.",
                        self._pending,
                    ),
                    counter("safety_job_retried_total", "Posts to be tried again.", self._retried),
                    Figure(
                        "safety_job_rejected_total",
                        "counter",
                        "Messages rejected.",
                        {(("reason", kind),): n for kind, n in sorted(self._rejected.items())},
                    ),
                    counter("safety_job_batches_total", "Batches done.", self._batches),
                    counter("safety_job_batch_seconds_total", "What batches took.", self._seconds),
                    gauge(
                        "safety_job_last_row_timestamp_seconds",
                        "When the last row was written.",
                        self._last,
                    ),
                ]
            )

    def facts(self) -> str:
        """For people."""
        now = time.time()
        with self._lock:
            while self._recent and self._recent[0][0] < now - RATE_SECONDS:
                self._recent.popleft()
            recent = sum(rows for _, rows in self._recent)
            rejected = ", ".join(f"{n} {kind}" for kind, n in self._rejected.most_common(5))
            return facts(
                {
                    "lag": self._lag,
                    "posts in the last minute": recent,
                    "posts": self._scored,
                    "by text for now": self._pending or None,
                    "rejected": rejected or 0,
                    "last post": ago(self._last, now),
                    "running since": ago(self._started, now),
                    "model": self._told["model"],
                    "code": self._told["code_version"],
                }
            )


def waiting(done: Offsets, first: Offsets, end: Offsets) -> int:
    """The messages of a topic from `first` to `end` that are not among those `done`."""
    return sum(
        end[partition] - max(done.get(partition, 0), first.get(partition, 0)) for partition in end
    )


def serve(figures: Figures, port: int = PORT) -> ThreadingHTTPServer:
    """Answers from now on, for as long as the process lives. Raises OSError."""
    server = ThreadingHTTPServer(
        ("", port), handler({"/metrics": figures.metrics, "/facts": figures.facts})
    )
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def handler(pages: Mapping[str, Callable[[], str]]) -> type[BaseHTTPRequestHandler]:
    """What answers a GET with one of these texts."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path.partition("?")[0])
            if page is None:
                self.send_error(404)
                return
            body = page().encode()
            self.send_response(200)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Who asks is of no interest."""

    return Handler
