"""Names of images, in all their spellings."""

from __future__ import annotations

import pytest

from composetasks.facts import Engine, Image
from composetasks.facts.references import divided, plain, registry_digest

ONE, TWO = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("a", ("a", "", "")),
        ("a:1", ("a", "1", "")),
        ("host:5000/a/b", ("host:5000/a/b", "", "")),
        ("host:5000/a/b:1", ("host:5000/a/b", "1", "")),
        (f"a:1@{ONE}", ("a", "1", ONE)),
        (f"host:5000/a@{ONE}", ("host:5000/a", "", ONE)),
        ("", ("", "", "")),
    ],
)
def test_a_reference_has_a_repository_a_tag_and_a_digest(
    reference: str, parts: tuple[str, str, str]
) -> None:
    assert divided(reference) == parts


@pytest.mark.parametrize(
    ("reference", "short"),
    [
        ("docker.io/library/postgres:latest", "postgres"),
        ("index.docker.io/library/postgres:15", "postgres:15"),
        ("docker.io/someone/thing", "someone/thing"),
        ("index.example.com/library/postgres", "index.example.com/library/postgres"),
        ("localhost:5000/postgres", "localhost:5000/postgres"),
    ],
)
def test_what_may_be_left_out_is_left_out(reference: str, short: str) -> None:
    assert plain(reference) == short


@pytest.mark.parametrize(
    ("reference", "result"),
    [
        ("sha256:pg", True),
        ("postgres:15", True),
        ("docker.io/library/postgres:15", True),
        ("index.docker.io/library/postgres:15", True),
        ("postgres", False),
        (f"postgres@{ONE}", True),
        (f"postgres:15@{ONE}", True),
        (f"docker.io/library/postgres:15@{ONE}", True),
        (f"postgres@{TWO}", False),
        ("registry.local:5000/postgres:15", False),
    ],
)
def test_an_image_is_found_by_any_spelling_of_its_name(reference: str, result: bool) -> None:
    here = Image("sha256:pg", ("postgres:15",), digests=(f"postgres@{ONE}",))
    assert (Engine(images=(here,)).image(reference) is not None) is result


@pytest.mark.parametrize(
    ("reference", "digest"),
    [
        ("docker.io/library/postgres:15", ONE),
        ("localhost:5000/postgres", TWO),
        ("elsewhere/postgres", ""),
    ],
)
def test_each_registry_has_its_own_digest_of_an_image(reference: str, digest: str) -> None:
    digests = (f"localhost:5000/postgres@{TWO}", f"postgres@{ONE}")
    assert registry_digest(reference, digests) == digest
