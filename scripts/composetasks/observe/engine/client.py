"""The Docker SDK's client, with a time limit for every answer and a message for late ones.

A ping that is answered does not prove that other requests are: an engine may hang in one of its
parts. So every request waits for the beginning of its answer no longer than the settings allow,
including requests for which the SDK would wait without a limit (events, followed logs). Once such
an answer has begun, it may take any time.
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
"""The ``base_url`` of a client whose socket leads to another host. The SDK uses one value for all
sockets, and only its scheme matters to it."""
HEALTH = ("starting", "healthy", "unhealthy")


class Client(APIClient):
    """An APIClient whose ``timeout`` (seconds) limits the wait for the beginning of every answer,
    except for pulls, pushes and waits without a timeout, whose duration depends on others.
    ``reopen`` restores the connection of a local socket to an engine on another host if it was cut;
    the ``base_url`` of such a client is REMOTE. ``server`` is the engine's name and version
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
        """As in the SDK. Podman's list lacks the state of health checks, which its filter knows."""
        containers = super().containers(*rest, **options)
        if options == {"all": True} and self.server.startswith(PODMAN):
            for word in HEALTH:
                such = {one["Id"] for one in super().containers(filters={"health": word})}
                for container in containers:
                    if container["Id"] in such:
                        container["Status"] = f"{container['Status']} ({word})"
        return containers

    def request(self, method: str | bytes, url: str | bytes, *rest: Any, **kwargs: Any) -> Any:
        """As in requests; a Timeout names the request."""
        request_line = f"{method!s} {_path(str(url))}"
        given = kwargs.get("timeout")
        connecting, answer = given if isinstance(given, tuple) else (given, given)
        endless = answer is None and (method == "GET" or request_line.endswith("/attach"))
        if endless:
            answer = self.timeout
        elif answer == self.timeout and method != "GET":
            answer = self.timeout * waiting.WORK
        kwargs["timeout"] = (connecting or self.timeout, answer)
        # Passed with each request, so that REQUESTS_CA_BUNDLE does not override it.
        kwargs.setdefault("verify", self.verify)
        # A request with a longer timeout takes correspondingly longer anyway, for example a stop.
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
    """Return the path of a request, without host, version and query."""
    return re.sub(r"^[a-z+]+://[^/]*(/v[\d.]+)?|\?.*", "", url)
