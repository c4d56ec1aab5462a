"""The registry that people share images in: what it holds of those that are wanted here.

It is asked through the engine, which knows how to reach it (mirrors, proxies, certificates), and
once for each image, side by side. One that is down or refuses costs a bounded wait and a warning.
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
"""How long one answer may take; all are asked for at the same time."""
AT_ONCE = 16


class Silent(Exception):
    """The registry does not answer, or does not want to."""


def look(
    registry: str,
    engine: Images,
    inputs: Mapping[str, BuildInputs],
    client: APIClient,
    *,
    everything: bool = False,
) -> tuple[Shared, tuple[str, ...]]:
    """What ``registry`` holds for the services whose wanted image is not here, and warnings.

    With ``everything`` it is asked about those that are here too (to push what it lacks).
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
    """Why ``registry`` is of no use, in the engine's words; "" where it answers who asks for an
    image."""
    try:
        _there({"": Shared(registry).cache_reference("composetasks")}, client)
    except Silent as silent:
        return str(silent)
    return ""


def base_digests(references: Iterable[str], client: APIClient) -> dict[str, str]:
    """The registries' own digests of base images that are not here; those that can't be told are
    left out. No warning: the build will say what is wrong with them."""

    def digest(reference: str) -> str | None:
        try:
            return _digest(reference, client)
        except Silent:
            return None

    return _side_by_side({one: one for one in references}, digest, client)


def _there(references: Mapping[str, str], client: APIClient) -> dict[str, str]:
    """Those of ``references`` that their registry has. Raises Silent."""
    digests = _side_by_side(references, lambda reference: _digest(reference, client), client)
    return {name: references[name] for name in digests}


def _side_by_side(
    references: Mapping[str, str], ask: Callable[[str], str | None], client: APIClient
) -> dict[str, str]:
    """The answers to all references, without those that are None."""
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
    """A registry's digest of an image, None where it has none. Raises Silent."""
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
    """The end of a chain of errors, which is where the reason stands."""
    return text.strip().rstrip('"').rsplit(": ", 1)[-1]
