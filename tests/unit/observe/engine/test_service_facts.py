"""A published port that is asked for a service's facts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from composetasks.facts import Binding, Container, ServiceFacts
from composetasks.observe.engine.service_facts import MOST_BYTES, Questions


@dataclass
class Client:
    """An engine's client, of which only its address is asked for."""

    base_url: str


HERE: Any = Client("http+docker://localhost")
ELSEWHERE: Any = Client("https://build.example:2376")


class Handler(BaseHTTPRequestHandler):
    """Answers in chunks of HTTP's own, by the path."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/facts")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        many = 1 if self.path == "/facts" else MOST_BYTES
        for piece in (b"lag: 12\n", b"model: ", *[b"ab"] * many):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_port
        server.shutdown()


def asked(client: Any, declared: str, *bindings: Binding) -> ServiceFacts:
    container = Container("id", "web-1", "web", "sha256:web", "running", bindings=bindings)
    questions = Questions(client)
    questions.ask({"web": (container, declared)})
    return questions.answers()["web"]


def test_an_answer_in_chunks_is_read_whole_and_a_long_one_to_its_last_whole_line(port: int) -> None:
    binding = Binding("127.0.0.1", port, 80, "tcp")
    assert asked(HERE, ":80/facts", binding) == ServiceFacts({"lag": "12", "model": "ab"})
    assert asked(HERE, ":80/long", binding) == ServiceFacts({"lag": "12"})


def test_no_other_address_is_asked_than_the_one_that_is_declared(port: int) -> None:
    result = asked(HERE, ":80/moved", Binding("127.0.0.1", port, 80, "tcp"))
    assert result.problem.endswith("/moved was answered with 302 Found")


def test_a_port_on_the_host_of_an_engine_elsewhere_is_none_of_this_machine(port: int) -> None:
    there = Binding("127.0.0.1", port, 80, "tcp")
    assert asked(ELSEWHERE, ":80/facts", there).problem == (
        "port 80 is published on the engine's host only"
    )
    forwarded = Binding("127.0.0.1", 1, 80, "tcp", forwarded=f"127.0.0.1:{port}")
    assert asked(ELSEWHERE, ":80/facts", forwarded).values == {"lag": "12", "model": "ab"}
