"""Query the registry that people share images in for the images that are wanted here.

The engine sends the queries, since it knows how to reach the registry (mirrors, proxies,
certificates): one per image, in parallel. A registry that fails costs a bounded wait and a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from composetasks.facts import BuildInputs, Shared

if TYPE_CHECKING:
    from docker import APIClient

    from composetasks.observe.engine.images import Images

ANSWER_SECONDS = 3
"""The limit for one answer; all are requested at the same time."""
AT_ONCE = 16


class Silent(Exception):
    """The registry does not answer, or refuses."""


def look(
    registry: str,
    engine: Images,
    inputs: Mapping[str, BuildInputs],
    client: APIClient,
    *,
    everything: bool,
) -> tuple[Shared, tuple[str, ...]]:
    """Return the images in ``registry`` for services whose wanted image is not here, and warnings.

    With ``everything`` the registry is also asked about present images (to push those it lacks).
    """
    shared = Shared(registry)
    wanted = {
        name: shared.reference(name, current.digest)
        for name, current in inputs.items()
        if everything or engine.built_from(current.digest) is None
    }
    try:
        images = _there(wanted, client)
        caches = _there(
            {name: shared.cache_reference(name) for name in wanted if name not in images},
            client,
        )
    except Silent as silent:
        warning = f"the registry {registry} can't be used now ({silent}); images are built here"
        return shared, (warning,)
    return Shared(registry, images, caches), ()


def refusal(registry: str, client: APIClient) -> str:
    """Return why ``registry`` is unusable, in the engine's words; "" if it answers a query for an
    image."""
    try:
        _there({"": Shared(registry).cache_reference("composetasks")}, client)
    except Silent as silent:
        return str(silent)
    return ""


def base_digests(references: Iterable[str], client: APIClient) -> dict[str, str]:
    """Return the registry digests of base images that are not here, without those that can't be
    determined. No warning is given: the build will report what is wrong."""

    def digest(reference: str) -> str | None:
        try:
            return _digest(reference, client)
        except Silent:
            return None

    return _side_by_side({one: one for one in references}, digest, client)


def _there(references: Mapping[str, str], client: APIClient) -> dict[str, str]:
    """Return those of ``references`` that exist in their registry. Raises Silent."""
    digests = _side_by_side(references, lambda reference: _digest(reference, client), client)
    return {name: references[name] for name in digests}


def _side_by_side(
    references: Mapping[str, str], ask: Callable[[str], str | None], client: APIClient
) -> dict[str, str]:
    """Return the answers to all references, without those that are None."""
    if not references:
        return {}
    usual, client.timeout = client.timeout, ANSWER_SECONDS
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = list(pool.map(ask, references.values()))
    finally:
        client.timeout = usual
    return {
        name: answer for name, answer in zip(references, answers, strict=True) if answer is not None
    }


def _digest(reference: str, client: Any) -> str | None:
    """Return a registry's digest of an image; None if it has none. Raises Silent."""
    import requests
    from docker import errors

    try:
        answer = client.inspect_distribution(reference)
    except errors.NotFound:
        return None
    except errors.APIError as error:
        raise Silent(_short(str(error.explanation or error))) from error
    except requests.exceptions.RequestException as error:
        raise Silent(f"no answer within {ANSWER_SECONDS} s") from error
    return str((answer.get("Descriptor") or {}).get("digest") or "") or None


def _short(text: str) -> str:
    """Return the last part of a chain of errors, which states the reason."""
    return text.strip().rstrip('"').rsplit(": ", 1)[-1]
