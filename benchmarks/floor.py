"""The minimum for an Invoke task that asks the engine one thing: the interpreter, Invoke with an
empty collection, one round trip. benchmarks/command.py starts it."""

from __future__ import annotations

import http.client
import os
import socket

from invoke import Collection, Context, Program, task


class Engine(http.client.HTTPConnection):
    """A connection to the engine's socket."""

    def connect(self) -> None:
        address = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(address.removeprefix("unix://"))


@task
def ask(context: Context) -> None:
    """List the containers."""
    engine = Engine("localhost")
    engine.request("GET", "/containers/json?all=1")
    engine.getresponse().read()


if __name__ == "__main__":
    Program(namespace=Collection(ask)).run(["inv", "ask"])
