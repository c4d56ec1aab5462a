"""Pulls images from a registry and pushes them to one, through the engine."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import IO, Any

from composetasks.facts.references import divided
from composetasks.run.masking import safe


class RegistryRefused(Exception):
    """The registry does not answer, does not have the image, or refuses the request."""


def pull(client: Any, reference: str, log: IO[str], stopping: threading.Event) -> None:
    """Pull an image and write its progress to ``log``. Raises RegistryRefused."""
    name, tag, digest = divided(reference)
    wanted = digest or tag or "latest"
    _follow(lambda: client.pull(name, tag=wanted, stream=True, decode=True), log, stopping)


def push(client: Any, image: str, reference: str, log: IO[str], stopping: threading.Event) -> None:
    """Push the image with the id ``image`` as ``reference``, and remove that tag from this engine
    afterwards. Raises RegistryRefused."""
    name, tag, _ = divided(reference)
    client.tag(image, name, tag)
    try:
        _follow(lambda: client.push(name, tag=tag, stream=True, decode=True), log, stopping)
    finally:
        client.remove_image(reference)


def _follow(start: Any, log: IO[str], stopping: threading.Event) -> None:
    import requests
    from docker import errors

    refusal = ""
    try:
        messages: Iterable[Mapping[str, Any]] = start()
        for message in messages:
            # An error is the last message; reading to the end releases the connection.
            refusal = str(message.get("error") or refusal)
            status = message.get("status", "")
            if status and "progress" not in message:
                log.write(safe(f"{message.get('id', '')} {status}".strip() + "\n"))
            if stopping.is_set():
                raise RegistryRefused("interrupted")
    except errors.APIError as error:
        raise RegistryRefused(str(error.explanation or error)) from error
    except (errors.DockerException, requests.exceptions.RequestException) as error:
        raise RegistryRefused(str(error)) from error
    if refusal:
        raise RegistryRefused(refusal)
