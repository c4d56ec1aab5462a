"""The Docker SDK's client, with a bound for every answer and a word for each that is late.

That a ping is answered does not tell that anything else is: an engine may be stuck in one of its
parts. So every request waits for the beginning of its answer no longer than the settings allow,
those included that the SDK would wait for without an end (events, followed logs). Once it has
begun, such an answer may take as long as it takes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import requests
from docker import APIClient

from composetasks.observe.engine.local import PODMAN
from composetasks.run import waiting

REMOTE = "http+docker://away"
"""The ``base_url`` of a client whose socket leads to another host; the SDK has one for all sockets,
and takes only its scheme from it."""
HEALTH = ("starting", "healthy", "unhealthy")


class Client(APIClient):
    """An APIClient whose ``timeout`` (seconds) is that of the beginning of every answer, but of
    pulls, pushes and waits that are given none: those take as long as others do. ``reopen`` opens
    the way of a local socket that leads to an engine on another host, where that was cut; such a
    client's ``base_url`` says that it does. ``server`` is what answers, and its version
    (``Docker/28.5.2 (linux)``)."""

    server = ""

    def __init__(
        self, timeout: int, *, reopen: Callable[[], object] | None = None, **settings: Any
    ) -> None:
        self._patience = min(waiting.ENGINE_SECONDS, timeout / 2)
        self.reopen = reopen or (lambda: None)
        super().__init__(timeout=timeout, **settings)
        if reopen is not None:
            self.base_url = REMOTE

    def containers(self, *rest: Any, **options: Any) -> Any:
        """As the SDK has it. Podman's list says nothing of health checks; its filter knows."""
        containers = super().containers(*rest, **options)
        if options == {"all": True} and self.server.startswith(PODMAN):
            for word in HEALTH:
                such = {one["Id"] for one in super().containers(filters={"health": word})}
                for container in containers:
                    if container["Id"] in such:
                        container["Status"] = f"{container['Status']} ({word})"
        return containers

    def request(self, method: str | bytes, url: str | bytes, *rest: Any, **kwargs: Any) -> Any:
        """As requests has it; its Timeout names what was asked for."""
        request_line = f"{method!s} {_path(str(url))}"
        given = kwargs.get("timeout")
        connecting, answer = given if isinstance(given, tuple) else (given, given)
        endless = answer is None and (method == "GET" or request_line.endswith("/attach"))
        if endless:
            answer = self.timeout
        elif answer == self.timeout and method != "GET":
            answer = self.timeout * waiting.WORK
        kwargs["timeout"] = (connecting or self.timeout, answer)
        # Said with each request, so that REQUESTS_CA_BUNDLE does not take its place.
        kwargs.setdefault("verify", self.verify)
        # What was given longer than usual takes so much longer by itself: a stop, say.
        due = max(0.0, given - self.timeout) if isinstance(given, (int, float)) else 0.0
        try:
            with waiting.on(f"the engine ({request_line})", self._patience, due=due):
                response = super().request(method, url, *rest, **kwargs)
        except requests.exceptions.Timeout as error:
            seconds = answer or self.timeout
            raise type(error)(f"no answer to {request_line} within {seconds:g} s") from error
        self.server = response.headers.get("Server", self.server)
        if endless and response.ok and kwargs.get("stream"):
            untyped: Any = self
            untyped._disable_socket_timeout(untyped._get_raw_response_socket(response))
        return response


def _path(url: str) -> str:
    """The path of a request, without host, version and query."""
    return re.sub(r"^[a-z+]+://[^/]*(/v[\d.]+)?|\?.*", "", url)
